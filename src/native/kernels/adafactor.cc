// See adafactor.h. Parameters are taken in groups that fit into a processor's cache, since their gradients are read three times: sums of squares, size of the update, the step.
#include "adafactor.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

namespace accelerate_ts {

/// Constants of the last pass: decay = 1 - weightDecay * lr.
struct AdafactorApplied { float gradScale, factor, scale, decay, beta1, oneMinusBeta1; };

#define ACCELERATE_LOOPS "adafactor_loops.h"
#include "each_isa.h"

namespace {

/// Calls a loop of the given instruction set.
#if ACCELERATE_X86
#define ACCELERATE_CALL(isa, loop, ...) \
  ((isa) == Isa::avx512 ? avx512::loop(__VA_ARGS__) : (isa) == Isa::avx2 ? avx2::loop(__VA_ARGS__) : portable::loop(__VA_ARGS__))
#else
#define ACCELERATE_CALL(isa, loop, ...) (static_cast<void>(isa), portable::loop(__VA_ARGS__))
#endif

constexpr size_t tile_elements = 32 * 1024;   // part of the result's definition, as sum_block is
constexpr size_t group_elements = 512 * 1024; // 2 MiB of gradients
constexpr size_t grain = 64 * 1024;           // elements below which another thread costs more than it saves

/// A part of a parameter: `rows` times `columns` elements of one of its matrices, or a piece of a vector, of which rows is 0.
struct Tile {
  size_t parameter, matrix, row, rows, column, columns;
  size_t rowSums, columnSums;  // places in the scratch
  double values, update;       // sums of squares
  size_t elements() const { return std::max<size_t>(1, rows) * columns; }
};

/// What is known of a parameter between the passes.
struct Between {
  size_t first, last;           // its tiles
  size_t rowFactors, columnFactors;  // places in the scratch
  float lr, scale;
};

struct Group { size_t first, last, firstTile, lastTile, floats; };

/// The work of a step, cut up; the same for any number of threads.
struct Plan {
  std::vector<Tile> tiles;
  std::vector<Between> between;
  std::vector<Group> groups;
  std::vector<float> scratch;

  Plan(const AdafactorParameter* parameters, size_t count) {
    between.resize(count);
    size_t floats = 0, elements = 0, most = 0, first = 0, firstTile = 0;
    for (size_t p = 0; p < count; p++) {
      floats += cut(parameters[p], p, floats);
      elements += parameters[p].length();
      if (elements < group_elements && p + 1 < count) continue;
      groups.push_back({first, p + 1, firstTile, tiles.size(), floats});
      most = std::max(most, floats);
      floats = elements = 0;
      first = p + 1;
      firstTile = tiles.size();
    }
    scratch.resize(most);
  }

 private:
  /// Tiles of a parameter, their scratch from `at` on; how many floats of it they take.
  size_t cut(const AdafactorParameter& parameter, size_t p, size_t at) {
    const size_t begin = at;
    between[p] = {tiles.size(), 0, 0, 0, 0, 0};
    const size_t width = std::min(sum_block, parameter.columns);
    const size_t height = width == 0 ? 0 : std::max<size_t>(1, tile_elements / width);
    if (parameter.rows == 0)
      for (size_t c = 0; c < parameter.columns; c += tile_elements) tiles.push_back({p, 0, 0, 0, c, std::min(tile_elements, parameter.columns - c), 0, 0, 0, 0});
    else {
      between[p].rowFactors = at;
      between[p].columnFactors = at + parameter.matrices * parameter.rows;
      at = between[p].columnFactors + parameter.matrices * parameter.columns;
      for (size_t m = 0; m < parameter.matrices; m++)
        for (size_t r = 0; r < parameter.rows && height > 0; r += height)
          for (size_t c = 0; c < parameter.columns; c += width) {
            const size_t rows = std::min(height, parameter.rows - r), columns = std::min(width, parameter.columns - c);
            tiles.push_back({p, m, r, rows, c, columns, at, at + rows, 0, 0});
            at += rows + columns;
          }
    }
    between[p].last = tiles.size();
    return at - begin;
  }
};

/// One step over all parameters.
struct Step {
  float* values;
  const float* gradients;
  const GradientSources* sources;
  const AdafactorStates& states;
  const AdafactorParameter* parameters;
  const AdafactorConstants* constants;
  Isa isa;
  Plan plan;

  float* scratch(size_t at) { return plan.scratch.data() + at; }
  const AdafactorConstants& constantsOf(const AdafactorParameter& p) const { return constants[p.row]; }

  /// Calls body(place in the arena, row in the tile, place in the row or piece, n, gradient) for the lines of a tile.
  template <typename Body> void lines(const Tile& tile, const Body& body) {
    const AdafactorParameter& p = parameters[tile.parameter];
    for (size_t r = 0; r < std::max<size_t>(1, tile.rows); r++) {
      const size_t at = p.offset + (tile.matrix * p.rows + tile.row + r) * p.columns + tile.column;
      for (size_t c = 0; c < tile.columns; c += sum_block) {
        const size_t n = std::min(sum_block, tile.columns - c);
        with_gradient(gradients, sources, p.contributors, at + c, n, isa, [&](size_t piece, size_t length, float* g) { body(piece, r, piece - at, length, g); });
      }
    }
  }

  void measure(Tile& tile) {
    const AdafactorParameter& p = parameters[tile.parameter];
    const AdafactorConstants& own = constantsOf(p);
    if (tile.rows > 0) std::memset(scratch(tile.columnSums), 0, tile.columns * sizeof(float));
    lines(tile, [&](size_t at, size_t r, size_t c, size_t n, float* g) {
      if (states.rms != nullptr) tile.values += ACCELERATE_CALL(isa, squares, values + at, n);
      if (tile.rows == 0) tile.update += ACCELERATE_CALL(isa, vector_squares, g, states.squares + p.atSquares + tile.column + c, n, own);
      else *scratch(tile.rowSums + r) = static_cast<float>(ACCELERATE_CALL(isa, statistics, g, scratch(tile.columnSums), n, own.gradScale));
    });
  }

  /// Averages of a factored parameter, and the factors of its update.
  void average(size_t index) {
    const AdafactorParameter& p = parameters[index];
    const AdafactorConstants& own = constantsOf(p);
    const Between& between = plan.between[index];
    float *const rows = scratch(between.rowFactors), *const columns = scratch(between.columnFactors);
    // The sums of all tiles, in order.
    std::memset(rows, 0, p.matrices * (p.rows + p.columns) * sizeof(float));
    for (size_t t = between.first; t < between.last; t++) {
      const Tile& tile = plan.tiles[t];
      float *const into = rows + tile.matrix * p.rows + tile.row, *const across = columns + tile.matrix * p.columns + tile.column;
      const float *const rowSums = scratch(tile.rowSums), *const columnSums = scratch(tile.columnSums);
      for (size_t r = 0; r < tile.rows; r++) into[r] += rowSums[r];
      for (size_t c = 0; c < tile.columns; c++) across[c] += columnSums[c];
    }
    follow(states.rows + p.atRows, rows, p.matrices * p.rows, static_cast<float>(p.columns), own);
    follow(states.columns + p.atColumns, columns, p.matrices * p.columns, static_cast<float>(p.rows), own);
    for (size_t m = 0; m < p.matrices; m++) {
      float* const factors = rows + m * p.rows;
      double sum = 0;
      for (size_t r = 0; r < p.rows; r++) sum += factors[r];
      const float mean = static_cast<float>(sum / static_cast<double>(p.rows));
      for (size_t r = 0; r < p.rows; r++) factors[r] = 1 / std::sqrt(factors[r] / mean);
    }
    for (size_t c = 0; c < p.matrices * p.columns; c++) columns[c] = 1 / std::sqrt(columns[c]);
  }
  /// Brings averages up to date by sums over `n` elements each; `sums` gets them, too.
  static void follow(float* averages, float* sums, size_t count, float n, const AdafactorConstants& own) {
    for (size_t i = 0; i < count; i++) averages[i] = sums[i] = own.beta2 * averages[i] + own.oneMinusBeta2 * (sums[i] / n + own.epsSquare);
  }

  void size(Tile& tile) {
    if (tile.rows == 0) return;  // measured already
    const AdafactorParameter& p = parameters[tile.parameter];
    const Between& between = plan.between[tile.parameter];
    const float* const rows = scratch(between.rowFactors + tile.matrix * p.rows + tile.row);
    float* const columns = scratch(between.columnFactors + tile.matrix * p.columns + tile.column);
    lines(tile, [&](size_t, size_t r, size_t, size_t n, float* g) { tile.update += ACCELERATE_CALL(isa, update_squares, g, columns, n, constantsOf(p).gradScale, rows[r]); });
  }

  /// How large the step of a parameter is.
  void limit(size_t index) {
    const AdafactorParameter& p = parameters[index];
    const AdafactorConstants& own = constantsOf(p);
    Between& between = plan.between[index];
    double ofValues = 0, ofUpdate = 0;
    for (size_t t = between.first; t < between.last; t++) {
      ofValues += plan.tiles[t].values;
      ofUpdate += plan.tiles[t].update;
    }
    const double n = static_cast<double>(p.length());
    const float rms = static_cast<float>(std::sqrt(ofValues / n));
    if (states.rms != nullptr) states.rms[p.atRms] = rms;
    between.lr = own.scales != 0 ? own.lr * (rms > own.epsScale || std::isnan(rms) ? rms : own.epsScale) : own.lr;
    const float excess = static_cast<float>(std::sqrt(ofUpdate / n)) / own.clipThreshold;
    between.scale = between.lr / (excess <= 1 ? 1 : excess);  // NaN stays
  }

  void apply(const Tile& tile) {
    const AdafactorParameter& p = parameters[tile.parameter];
    const AdafactorConstants& own = constantsOf(p);
    const Between& between = plan.between[tile.parameter];
    const bool factored = tile.rows > 0;
    const float* const rows = factored ? scratch(between.rowFactors + tile.matrix * p.rows + tile.row) : nullptr;
    float* const second = factored ? scratch(between.columnFactors + tile.matrix * p.columns + tile.column) : states.squares + p.atSquares + tile.column;
    lines(tile, [&](size_t at, size_t r, size_t c, size_t n, float* g) {
      const AdafactorApplied line = {own.gradScale, factored ? rows[r] : 0, between.scale, 1 - own.weightDecay * between.lr, own.beta1, own.oneMinusBeta1};
      ACCELERATE_CALL(isa, apply, factored, values + at, g, second + c, states.average == nullptr ? nullptr : states.average + at, n, line);
    });
  }

  /// Calls body(tile) for the tiles of a group, on threads that have about as many elements each.
  template <typename Body> void tiles(const Group& group, const Parallel& parallel, const Body& body) {
    size_t total = 0;
    for (size_t t = group.firstTile; t < group.lastTile; t++) total += plan.tiles[t].elements();
    parallel.ranges(total, grain, 1, [&](size_t begin, size_t end) {
      size_t start = 0;
      for (size_t t = group.firstTile; t < group.lastTile && start < end; start += plan.tiles[t].elements(), t++) if (start >= begin) body(plan.tiles[t]);
    });
  }
};

}  // namespace

void adafactor_step(float* values, const float* gradients, const GradientSources* sources, const AdafactorStates& states, const AdafactorParameter* parameters, size_t count,
                    const AdafactorConstants* rows, const Parallel& parallel, Isa isa) {
  Step step{values, gradients, sources, states, parameters, rows, isa, Plan(parameters, count)};
  for (const Group& group : step.plan.groups) {
    step.tiles(group, parallel, [&](Tile& tile) { step.measure(tile); });
    for (size_t p = group.first; p < group.last; p++) if (parameters[p].rows > 0) step.average(p);
    step.tiles(group, parallel, [&](Tile& tile) { step.size(tile); });
    for (size_t p = group.first; p < group.last; p++) step.limit(p);
    step.tiles(group, parallel, [&](Tile& tile) { step.apply(tile); });
  }
}

}  // namespace accelerate_ts
