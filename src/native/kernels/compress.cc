// See compress.h. A matrix is read once per product, so memory is the limit.
#include "compress.h"

#include <algorithm>
#include <cstring>

#include "half.h"

namespace accelerate_ts {
namespace compress {

constexpr size_t line = 16;          // elements per 64 bytes
constexpr size_t grain = 64 * 1024;  // elements below which another thread costs more than it saves

namespace portable {
#define ACCELERATE_TARGET ACCELERATE_TARGET_PORTABLE
#include "compress_loops.h"
#undef ACCELERATE_TARGET
}  // namespace portable
#if ACCELERATE_X86
namespace avx2 {
#define ACCELERATE_TARGET ACCELERATE_TARGET_AVX2
#include "compress_loops.h"
#undef ACCELERATE_TARGET
}  // namespace avx2
#define ACCELERATE_BEST(...) (best_isa() == Isa::portable ? compress::portable::__VA_ARGS__ : compress::avx2::__VA_ARGS__)
#else
#define ACCELERATE_BEST(...) (compress::portable::__VA_ARGS__)
#endif

}  // namespace compress

using compress::grain, compress::line;

void narrow(Half format, uint16_t* out, const float* in, size_t count, const Parallel& parallel) {
  parallel.ranges(count, grain, line, [&](size_t begin, size_t end) {
    if (format == Half::float16) ACCELERATE_BEST(narrow_all<Half::float16>(out + begin, in + begin, end - begin));
    else ACCELERATE_BEST(narrow_all<Half::bfloat16>(out + begin, in + begin, end - begin));
  });
}

void widen(Half format, float* out, const uint16_t* in, size_t count, const Parallel& parallel) {
  parallel.ranges(count, grain, line, [&](size_t begin, size_t end) {
    if (format == Half::float16) ACCELERATE_BEST(widen_all<Half::float16>(out + begin, in + begin, end - begin));
    else ACCELERATE_BEST(widen_all<Half::bfloat16>(out + begin, in + begin, end - begin));
  });
}

void project(const float* matrix, Matrix size, const float* right, float* left, const Parallel& parallel) {
  parallel.ranges(size.rows, std::max<size_t>(1, grain / size.cols), 1, [&](size_t begin, size_t end) { ACCELERATE_BEST(project_rows(matrix, size, right, left, begin, end)); });
}

void project_back(const float* matrix, Matrix size, const float* left, float* right, const Parallel& parallel) {
  parallel.ranges(size.cols, std::max<size_t>(line, grain / size.rows), line, [&](size_t begin, size_t end) { ACCELERATE_BEST(project_cols(matrix, size, left, right, begin, end)); });
}

void rebuild(float* matrix, Matrix size, const float* left, const float* right, float* error, float part, const Parallel& parallel) {
  parallel.ranges(size.rows, std::max<size_t>(1, grain / size.cols), 1, [&](size_t begin, size_t end) { ACCELERATE_BEST(rebuild_rows(matrix, size, left, right, error, part, begin, end)); });
}

}  // namespace accelerate_ts
