// What the checks of CUDA's kernels on the host share: random numbers, arrays with guards, and comparisons.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "../../../src/native/cuda/kernels/api.h"
#include "../../../src/native/cuda/kernels/numbers.h"

namespace checks {

using namespace accelerate_ts::cuda;

/// The same numbers for the same seed everywhere.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed * 0x9E3779B97F4A7C15u + 0x1234567u) {}
  uint64_t bits() {
    state_ ^= state_ << 13, state_ ^= state_ >> 7, state_ ^= state_ << 17;
    return state_ * 0x2545F4914F6CDD1Du;
  }
  /// From `low` to `high`, both included.
  int64_t whole(int64_t low, int64_t high) { return low + static_cast<int64_t>((bits() >> 11) % static_cast<uint64_t>(high - low + 1)); }
  bool coin(double chance = 0.5) { return real(0, 1) < chance; }
  float real(double low, double high) { return static_cast<float>(low + (high - low) * static_cast<double>(bits() >> 11) / 9007199254740992.0); }
  float normal() { return real(-1, 1) + real(-1, 1) + real(-1, 1); }
  template <typename X> X one_of(std::initializer_list<X> list) { return list.begin()[whole(0, static_cast<int64_t>(list.size()) - 1)]; }

 private:
  uint64_t state_;
};

[[noreturn]] inline void fail(const std::string& text) { throw text; }

template <typename T> struct NumberOf;
template <> struct NumberOf<float> { static constexpr Number value = number_float32; static constexpr const char* name = "float32"; static constexpr double epsilon = 6e-8; };
template <> struct NumberOf<Half> { static constexpr Number value = number_float16; static constexpr const char* name = "float16"; static constexpr double epsilon = 4.9e-4; };
template <> struct NumberOf<Bfloat16> { static constexpr Number value = number_bfloat16; static constexpr const char* name = "bfloat16"; static constexpr double epsilon = 4e-3; };

/// An array at a multiple of 256 bytes, as devices give them, or `off` elements behind; whoever writes behind its end is found.
template <typename T> class Array {
 public:
  explicit Array(size_t count, size_t off = 0) : count_(count), off_(off), bytes_((count + off) * sizeof(T)) {
    memory_ = static_cast<unsigned char*>(std::aligned_alloc(256, (bytes_ + guard + 255) / 256 * 256));
    std::memset(memory_, 0xff, bytes_);  // NaN, whatever the type
    std::memset(memory_ + bytes_, 0xab, guard);
  }
  Array(Array&& other) noexcept : count_(other.count_), off_(other.off_), bytes_(other.bytes_), memory_(other.memory_) { other.memory_ = nullptr; }
  Array(const Array& other) : Array(other.count_, other.off_) { std::memcpy(memory_, other.memory_, bytes_); }
  ~Array() { std::free(memory_); }
  T* data() { return reinterpret_cast<T*>(memory_) + off_; }
  const T* data() const { return reinterpret_cast<const T*>(memory_) + off_; }
  size_t count() const { return count_; }
  void check(const char* what) const {
    for (size_t i = 0; i < guard; i++) if (memory_[bytes_ + i] != 0xab) fail(std::string(what) + ": written behind its end");
  }
  std::vector<float> floats() const {
    std::vector<float> out(count_);
    for (size_t i = 0; i < count_; i++) out[i] = widened(data()[i]);
    return out;
  }

 private:
  static constexpr size_t guard = 64;
  const size_t count_, off_, bytes_;
  unsigned char* memory_;
};

template <typename T, typename Fill> Array<T> filled(size_t count, const Fill& fill, size_t off = 0) {
  Array<T> array(count, off);
  for (size_t i = 0; i < count; i++) array.data()[i] = narrowed<T>(fill());
  return array;
}
template <typename T> Array<T> normal(Random& random, size_t count, size_t off = 0) { return filled<T>(count, [&] { return random.normal(); }, off); }
inline Array<int64_t> indices(const std::vector<int64_t>& from) {
  Array<int64_t> array(from.size());
  for (size_t i = 0; i < from.size(); i++) array.data()[i] = from[i];
  return array;
}

/// |got - wanted| <= tolerance (scale + |wanted|), NaN and infinities where they should be.
template <typename T> void close(const char* what, const Array<T>& got, const std::vector<float>& wanted, double tolerance, double scale = 1) {
  got.check(what);
  if (got.count() != wanted.size()) fail(std::string(what) + ": another size");
  // The smallest halves are 2^-24 apart.
  const double allowed = tolerance + 1.01 * NumberOf<T>::epsilon, least = NumberOf<T>::value == number_float16 ? 3e-8 : 0;
  for (size_t i = 0; i < wanted.size(); i++) {
    const double a = widened(got.data()[i]), b = wanted[i];
    if (std::isnan(a) && std::isnan(b)) continue;
    if (a == b) continue;
    if (std::isfinite(a) && std::isfinite(b) && std::fabs(a - b) <= least + allowed * (scale + std::fabs(b))) continue;
    char text[200];
    std::snprintf(text, sizeof text, "%s[%zu] is %.9g, not %.9g (%s)", what, i, a, b, NumberOf<T>::name);
    fail(text);
  }
}

template <typename T> void equal(const char* what, const Array<T>& got, const Array<T>& wanted) {
  got.check(what);
  for (size_t i = 0; i < wanted.count(); i++) {
    if (std::memcmp(got.data() + i, wanted.data() + i, sizeof(T)) == 0) continue;
    fail(std::string(what) + "[" + std::to_string(i) + "] differs in its bits");
  }
}

inline void done(int status) {
  if (status != 0) fail("the launch gave error " + std::to_string(status));
}

}  // namespace checks
