// Products of small matrices in the cache, for attention.cc: included once per instruction set (no include guard, on purpose), see simd.h.

/// How many rows of C fit into registers beside `vectors` vectors of each.
constexpr size_t rows_for(size_t vectors) {
  return Vec::width == 16 ? (vectors == 1 ? 12 : 24 / vectors) : vectors == 1 ? 8 : vectors == 2 ? 6 : 4;
}
constexpr size_t most_vectors = Vec::width == 16 ? 4 : 2;

/// C [rows, vectors * width] = (or += where `add`) A B over `depth`; element (i, p) of A is a[i * rowStep + p * depthStep].
template <size_t rows, size_t vectors>
ACCELERATE_TARGET void productBlock(const float* a, size_t rowStep, size_t depthStep, const float* b, size_t bStep, float* c, size_t cStep, size_t depth, bool add) {
  Vec sum[rows][vectors];
#pragma GCC unroll 16
  for (size_t i = 0; i < rows; i++)
#pragma GCC unroll 4
    for (size_t j = 0; j < vectors; j++) sum[i][j] = Vec::set(0);
  for (size_t p = 0; p < depth; p++) {
    Vec right[vectors];
#pragma GCC unroll 4
    for (size_t j = 0; j < vectors; j++) right[j] = Vec::load(b + p * bStep + j * Vec::width);
#pragma GCC unroll 16
    for (size_t i = 0; i < rows; i++) {
      const Vec left = Vec::set(a[i * rowStep + p * depthStep]);
#pragma GCC unroll 4
      for (size_t j = 0; j < vectors; j++) sum[i][j] = Vec::fma(left, right[j], sum[i][j]);
    }
  }
#pragma GCC unroll 16
  for (size_t i = 0; i < rows; i++)
#pragma GCC unroll 4
    for (size_t j = 0; j < vectors; j++) {
      float* const at = c + i * cStep + j * Vec::width;
      Vec::store(at, add ? Vec::add(Vec::load(at), sum[i][j]) : sum[i][j]);
    }
}

using ProductBlock = void (*)(const float*, size_t, size_t, const float*, size_t, float*, size_t, size_t, bool);
template <size_t vectors, size_t... rows> constexpr std::array<ProductBlock, sizeof...(rows)> productBlocks(std::index_sequence<rows...>) { return {{productBlock<rows + 1, vectors>...}}; }

/// The kernel for a number of rows, 1 to rows_for(vectors), and of vectors, 1 to most_vectors.
inline ProductBlock productBlockFor(size_t rows, size_t vectors) {
  static constexpr auto one = productBlocks<1>(std::make_index_sequence<rows_for(1)>());
  static constexpr auto two = productBlocks<2>(std::make_index_sequence<rows_for(2)>());
  if constexpr (most_vectors == 4) {
    static constexpr auto three = productBlocks<3>(std::make_index_sequence<rows_for(3)>());
    static constexpr auto four = productBlocks<4>(std::make_index_sequence<rows_for(4)>());
    if (vectors == 3) return three[rows - 1];
    if (vectors == 4) return four[rows - 1];
  }
  return vectors == 2 ? two[rows - 1] : one[rows - 1];
}

/// C [m, n] = (+=) A [m, depth] B [depth, n]; n is a multiple of the width, rows of B and C have room for it. Blocks are as even as they can be.
inline void product(size_t m, size_t n, size_t depth, const float* a, size_t rowStep, size_t depthStep, const float* b, size_t bStep, float* c, size_t cStep, bool add) {
  const size_t vectors = n / Vec::width;
  for (size_t j = 0, parts = (vectors + most_vectors - 1) / most_vectors; j < vectors; parts--) {
    const size_t wide = (vectors - j + parts - 1) / parts;
    const size_t most = rows_for(wide);
    for (size_t i = 0, blocks = (m + most - 1) / most; i < m; blocks--) {
      const size_t tall = (m - i + blocks - 1) / blocks;
      productBlockFor(tall, wide)(a + i * rowStep, rowStep, depthStep, b + j * Vec::width, bStep, c + i * cStep + j * Vec::width, cStep, depth, add);
      i += tall;
    }
    j += wide;
  }
}
