// The loops behind arithmetic.h, one table row per element type.
#include "arithmetic.h"

#include <algorithm>
#include <cstring>
#include <type_traits>

namespace accelerate_ts {
namespace {

template <class To, class From>
To bits(From value) {
  static_assert(sizeof(To) == sizeof(From));
  To to;
  std::memcpy(&to, &value, sizeof(to));
  return to;
}

// How a stored item becomes a number to calculate with, and back.
template <class T>
struct Plain {
  using Item = T;
  using Number = T;
  static Number load(Item item) { return item; }
  static Item store(Number number) { return number; }
};

struct Bfloat16 {
  using Item = uint16_t;
  using Number = float;
  static float load(uint16_t item) { return bits<float>(static_cast<uint32_t>(item) << 16); }
  static uint16_t store(float number) {
    const uint32_t raw = bits<uint32_t>(number);
    if ((raw & 0x7fffffff) > 0x7f800000) return static_cast<uint16_t>((raw >> 16) | 0x40);
    return static_cast<uint16_t>((raw + 0x7fff + ((raw >> 16) & 1)) >> 16);
  }
};

struct Float16 {
  using Item = uint16_t;
  using Number = float;
  static float load(uint16_t item) {
    const uint32_t sign = static_cast<uint32_t>(item & 0x8000) << 16;
    const uint32_t rest = static_cast<uint32_t>(item & 0x7fff) << 13;
    if (rest >= 0x7c00u << 13) return bits<float>(sign | 0x7f800000 | rest);
    // Scaling by 2^112 moves the exponent's bias, for subnormal numbers too.
    return bits<float>(sign | bits<uint32_t>(bits<float>(rest) * 0x1p112f));
  }
  static uint16_t store(float number) {
    const uint32_t raw = bits<uint32_t>(number);
    const uint32_t sign = (raw >> 16) & 0x8000;
    const uint32_t rest = raw & 0x7fffffff;
    if (rest > 0x7f800000) return static_cast<uint16_t>(sign | 0x7e00 | ((rest >> 13) & 0x3ff));
    if (rest >= 0x477ff000) return static_cast<uint16_t>(sign | 0x7c00);
    // Below the smallest normal number the addition of 1/2 rounds to multiples of 2^-24, to even.
    if (rest < 0x38800000) return static_cast<uint16_t>(sign | (bits<uint32_t>(bits<float>(rest) + 0.5f) - 0x3f000000));
    return static_cast<uint16_t>(sign | ((rest - 0x38000000 + 0xfff + ((rest >> 13) & 1)) >> 13));
  }
};

template <class N>
N add(N a, N b) {
  if constexpr (std::is_integral_v<N>) {
    using U = std::make_unsigned_t<N>;
    return static_cast<N>(static_cast<U>(static_cast<U>(a) + static_cast<U>(b)));
  } else {
    return a + b;
  }
}

template <class N>
N larger(N a, N b) {
  if constexpr (std::is_integral_v<N>) {
    return b > a ? b : a;
  } else {
    return b > a || b != b ? b : a;
  }
}

template <class F>
void inOrder(void* out, const std::vector<const void*>& parts, size_t count, Reduce reduce, double divisor) {
  using Item = typename F::Item;
  using Number = typename F::Number;
  constexpr size_t kBlock = 1024;
  Number block[kBlock];
  // Block by block, so that the output may lie on one of the parts.
  for (size_t begin = 0; begin < count; begin += kBlock) {
    const size_t n = std::min(kBlock, count - begin);
    const auto* first = static_cast<const Item*>(parts[0]) + begin;
    for (size_t i = 0; i < n; i++) block[i] = F::load(first[i]);
    for (size_t part = 1; part < parts.size(); part++) {
      const auto* next = static_cast<const Item*>(parts[part]) + begin;
      if (reduce == Reduce::kMax) {
        for (size_t i = 0; i < n; i++) block[i] = larger(block[i], F::load(next[i]));
      } else {
        for (size_t i = 0; i < n; i++) block[i] = add(block[i], F::load(next[i]));
      }
    }
    if (divisor != 0) {
      const auto by = static_cast<Number>(divisor);
      for (size_t i = 0; i < n; i++) block[i] = static_cast<Number>(block[i] / by);
    }
    auto* to = static_cast<Item*>(out) + begin;
    for (size_t i = 0; i < n; i++) to[i] = F::store(block[i]);
  }
}

template <class F>
constexpr Arithmetic row(uint32_t dtype) {
  return {dtype, sizeof(typename F::Item), inOrder<F>};
}

constexpr Arithmetic kTable[] = {
    row<Plain<float>>(1),   row<Plain<uint8_t>>(2), row<Plain<int8_t>>(3),  row<Plain<int32_t>>(6), row<Plain<int64_t>>(7),
    row<Plain<uint8_t>>(9), row<Float16>(10),       row<Plain<double>>(11), row<Bfloat16>(16),
};

template <class F>
void widenAll(float* out, const uint16_t* from, size_t count) {
  for (size_t i = 0; i < count; i++) out[i] = F::load(from[i]);
}

template <class F>
void narrowAll(uint16_t* out, const float* from, size_t count) {
  for (size_t i = 0; i < count; i++) out[i] = F::store(from[i]);
}

}  // namespace

const Arithmetic* arithmeticOf(uint32_t dtype) {
  for (const Arithmetic& arithmetic : kTable) {
    if (arithmetic.dtype == dtype) return &arithmetic;
  }
  return nullptr;
}

void widen(uint32_t dtype, float* out, const uint16_t* from, size_t count) {
  if (dtype == 10) widenAll<Float16>(out, from, count);
  if (dtype == 16) widenAll<Bfloat16>(out, from, count);
}

void narrow(uint32_t dtype, uint16_t* out, const float* from, size_t count) {
  if (dtype == 10) narrowAll<Float16>(out, from, count);
  if (dtype == 16) narrowAll<Bfloat16>(out, from, count);
}

}  // namespace accelerate_ts
