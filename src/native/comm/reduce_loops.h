// The loops of reduce.cc for one instruction set: included once per namespace (no include guard, on purpose), see kernels/simd.h.

#include "../kernels/half_loops.h"

/// A type that is added as it is.
template <typename T> struct Plain {
  using Bits = T;
  ACCELERATE_TARGET ACCELERATE_INLINE T widen(T value) { return value; }
  ACCELERATE_TARGET ACCELERATE_INLINE T narrow(T value) { return value; }
};

struct Sum {
  template <typename T> ACCELERATE_TARGET ACCELERATE_INLINE T apply(T a, T b) { return static_cast<T>(a + b); }
};
struct Max {
  // Of a NaN and a number the NaN; of equals the first.
  template <typename T> ACCELERATE_TARGET ACCELERATE_INLINE T apply(T a, T b) { return (b > a) | (b != b) ? b : a; }
};

/// Values in memory are of Format; they are combined as Wide.
template <typename Format, typename Wide, typename Combine, bool divides> ACCELERATE_TARGET void reduce(void* outData, void* copyData, const void* const* in, size_t ranks, size_t count) {
  using Bits = typename Format::Bits;
  auto* out = static_cast<Bits*>(outData);
  auto* copy = static_cast<Bits*>(copyData);
  const Wide divisor = static_cast<Wide>(ranks);
  constexpr size_t block = 1024;
  alignas(64) Wide sums[block];
  for (size_t begin = 0; begin < count; begin += block) {
    const size_t length = count - begin < block ? count - begin : block;
    const auto* a = static_cast<const Bits*>(in[0]) + begin;
    if (ranks == 1) {
      for (size_t i = 0; i < length; i++) sums[i] = Format::widen(a[i]);
    } else {
      const auto* b = static_cast<const Bits*>(in[1]) + begin;
      for (size_t i = 0; i < length; i++) sums[i] = Combine::apply(Format::widen(a[i]), Format::widen(b[i]));
    }
    for (size_t r = 2; r < ranks; r++) {
      const auto* more = static_cast<const Bits*>(in[r]) + begin;
      for (size_t i = 0; i < length; i++) sums[i] = Combine::apply(sums[i], Format::widen(more[i]));
    }
    Bits* const to = out + begin;
    for (size_t i = 0; i < length; i++) to[i] = Format::narrow(divides ? static_cast<Wide>(sums[i] / divisor) : sums[i]);
    if (copy != nullptr) std::memcpy(copy + begin, to, length * sizeof(Bits));
  }
}

template <typename Format, typename Wide> constexpr Reduce summed = reduce<Format, Wide, Sum, false>;
template <typename Format, typename Wide> constexpr Reduce averaged = reduce<Format, Wide, Sum, true>;
template <typename Format, typename Wide> constexpr Reduce largest = reduce<Format, Wide, Max, false>;

// Integers are added without sign, so that they wrap.
constexpr Row rows[] = {
    {DType::float32, 4, {summed<Plain<float>, float>, averaged<Plain<float>, float>, largest<Plain<float>, float>}},
    {DType::float64, 8, {summed<Plain<double>, double>, averaged<Plain<double>, double>, largest<Plain<double>, double>}},
    {DType::float16, 2, {summed<Float16, float>, averaged<Float16, float>, largest<Float16, float>}},
    {DType::bfloat16, 2, {summed<Bfloat16, float>, averaged<Bfloat16, float>, largest<Bfloat16, float>}},
    {DType::int64, 8, {summed<Plain<uint64_t>, uint64_t>, nullptr, largest<Plain<int64_t>, int64_t>}},
    {DType::int32, 4, {summed<Plain<uint32_t>, uint32_t>, nullptr, largest<Plain<int32_t>, int32_t>}},
    {DType::uint8, 1, {summed<Plain<uint8_t>, uint8_t>, nullptr, largest<Plain<uint8_t>, uint8_t>}},
    {DType::int8, 1, {summed<Plain<uint8_t>, uint8_t>, nullptr, largest<Plain<int8_t>, int8_t>}},
    {DType::boolean, 1, {nullptr, nullptr, largest<Plain<uint8_t>, uint8_t>}},
};
