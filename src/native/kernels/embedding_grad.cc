// See embedding_grad.h. The table is usually far larger than dY, so zeroing it is most of the time; both parts are split evenly whatever the indices are.
#include "embedding_grad.h"

#include <algorithm>
#include <cstring>

namespace accelerate_ts {
namespace {

constexpr size_t line = 64;                // bytes: threads own whole cache lines of a row where it has several
constexpr size_t zero_grain = 256 * 1024;  // bytes to zero below which another thread costs more than it saves
constexpr size_t add_grain = 32 * 1024;    // bytes to add, likewise

}  // namespace

template <typename T, typename I>
int64_t embedding_grad(const I* indices, size_t count, const T* dy, size_t outer, size_t rows, size_t inner, int64_t padding, T* out, const Parallel& parallel) {
  parallel.ranges(outer * rows * inner * sizeof(T), zero_grain, line, [&](size_t begin, size_t end) { std::memset(reinterpret_cast<char*>(out) + begin, 0, end - begin); });
  const auto limit = static_cast<int64_t>(rows);
  for (size_t i = 0; i < count; i++) {
    const auto index = static_cast<int64_t>(indices[i]);
    if (index < -limit || index >= limit) return static_cast<int64_t>(i);
  }
  constexpr size_t block = line / sizeof(T);
  const size_t blocks = (inner + block - 1) / block;  // of columns
  const size_t bytes = std::max<size_t>(1, count * std::min(inner, block) * sizeof(T));
  parallel.ranges(outer * blocks, std::max<size_t>(1, add_grain / bytes), 1, [&](size_t begin, size_t end) {
    // Blocks [begin, end) are columns of one or several outer slices.
    for (size_t at = begin; at < end;) {
      const size_t o = at / blocks, first = at % blocks, last = std::min(blocks, first + (end - at));
      const size_t from = first * block, width = std::min(inner, last * block) - from;
      T* const table = out + o * rows * inner + from;
      const T* const source = dy + o * count * inner + from;
      for (size_t i = 0; i < count; i++) {
        const auto index = static_cast<int64_t>(indices[i]);
        const int64_t row = index < 0 ? index + limit : index;
        if (row == padding) continue;
        T* const into = table + static_cast<size_t>(row) * inner;
        const T* const add = source + i * inner;
        for (size_t c = 0; c < width; c++) into[c] += add[c];
      }
      at += last - first;
    }
  });
  return -1;
}

ACCELERATE_EMBEDDING_GRAD(, float, int32_t)
ACCELERATE_EMBEDDING_GRAD(, float, int64_t)
ACCELERATE_EMBEDDING_GRAD(, double, int32_t)
ACCELERATE_EMBEDDING_GRAD(, double, int64_t)

}  // namespace accelerate_ts
