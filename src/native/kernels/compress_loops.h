// The loops of compress.cc for one instruction set: included once per namespace (no include guard, on purpose), see simd.h.

#include "half_loops.h"

template <Half format> struct FormatOf { using Type = Float16; };
template <> struct FormatOf<Half::bfloat16> { using Type = Bfloat16; };

template <Half format> ACCELERATE_TARGET void narrow_all(uint16_t* out, const float* in, size_t count) {
  for (size_t i = 0; i < count; i++) out[i] = FormatOf<format>::Type::narrow(in[i]);
}
template <Half format> ACCELERATE_TARGET void widen_all(float* out, const uint16_t* in, size_t count) {
  for (size_t i = 0; i < count; i++) out[i] = FormatOf<format>::Type::widen(in[i]);
}

/// In a fixed number of partial sums, so that the loop becomes vectors.
ACCELERATE_TARGET ACCELERATE_INLINE float dot(const float* a, const float* b, size_t count) {
  constexpr size_t lanes = 32;
  float sums[lanes] = {};
  size_t i = 0;
  for (; i + lanes <= count; i += lanes)
    for (size_t lane = 0; lane < lanes; lane++) sums[lane] += a[i + lane] * b[i + lane];
  for (; i < count; i++) sums[i % lanes] += a[i] * b[i];
  for (size_t half = lanes / 2; half > 0; half /= 2)
    for (size_t lane = 0; lane < half; lane++) sums[lane] += sums[lane + half];
  return sums[0];
}

ACCELERATE_TARGET static void project_rows(const float* matrix, Matrix size, const float* right, float* left, size_t begin, size_t end) {
  for (size_t row = begin; row < end; row++)
    for (size_t v = 0; v < size.k; v++) left[v * size.rows + row] = dot(matrix + row * size.cols, right + v * size.cols, size.cols);
}

ACCELERATE_TARGET static void project_cols(const float* matrix, Matrix size, const float* left, float* right, size_t begin, size_t end) {
  for (size_t v = 0; v < size.k; v++) std::memset(right + v * size.cols + begin, 0, (end - begin) * sizeof(float));
  for (size_t row = 0; row < size.rows; row++) {
    const float* from = matrix + row * size.cols;
    for (size_t v = 0; v < size.k; v++) {
      const float by = left[v * size.rows + row];
      float* to = right + v * size.cols;
      for (size_t col = begin; col < end; col++) to[col] += by * from[col];
    }
  }
}

/// Block by block, so that the sums over the vectors stay in the cache.
ACCELERATE_TARGET static void rebuild_rows(float* matrix, Matrix size, const float* left, const float* right, float* error, float part, size_t begin, size_t end) {
  constexpr size_t block = 512;
  float sums[block];
  for (size_t row = begin; row < end; row++) {
    for (size_t start = 0; start < size.cols; start += block) {
      const size_t length = size.cols - start < block ? size.cols - start : block;
      const float first = left[row];
      for (size_t i = 0; i < length; i++) sums[i] = first * right[start + i];
      for (size_t v = 1; v < size.k; v++) {
        const float by = left[v * size.rows + row];
        const float* from = right + v * size.cols + start;
        for (size_t i = 0; i < length; i++) sums[i] += by * from[i];
      }
      float* to = matrix + row * size.cols + start;
      if (error != nullptr) {
        float* rest = error + row * size.cols + start;
        for (size_t i = 0; i < length; i++) rest[i] = to[i] - part * sums[i];
      }
      for (size_t i = 0; i < length; i++) to[i] = sums[i];
    }
  }
}
