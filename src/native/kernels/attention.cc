// See attention.h. Scores are made for a block of queries at a time, all keys wide; a task is one head of one batch entry, so that sums do not depend on the number of threads.
#include "attention.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include "attention_vectors.h"

namespace accelerate_ts {
namespace {

/// The rows of one batch entry, as one head sees them.
struct HeadRows {
  size_t entry, head, queryRow, queries, keyRow, keys, block;
  bool causal, even;  // even: the keys' tokens are consecutive
  bool more;          // whether the same thread does the next head
  const int64_t *queryPlaces, *keyPlaces;  // of its first row; null where dense
  size_t firstKey;                         // token of the first key
  const float* bias;                       // of the first key

  uint32_t queryToken(size_t i) const { return static_cast<uint32_t>(queryPlaces == nullptr ? i : static_cast<size_t>(queryPlaces[2 * i + 1])); }
  size_t keyToken(size_t j) const { return even ? firstKey + j : static_cast<size_t>(keyPlaces[2 * j + 1]); }
  /// How many keys, from the first on, a query sees.
  size_t seen(size_t i) const {
    if (!causal) return keys;
    const size_t token = queryToken(i);
    if (even) return token < firstKey ? 0 : std::min(keys, token - firstKey + 1);
    size_t low = 0, high = keys;
    while (low < high) {
      const size_t middle = (low + high) / 2;
      if (keyToken(middle) <= token) low = middle + 1;
      else high = middle;
    }
    return low;
  }
  size_t mostSeen(size_t begin, size_t count) const {
    if (!causal) return keys;
    size_t most = 0;
    for (size_t i = begin; i < begin + count; i++) most = std::max(most, seen(i));
    return most;
  }
};

constexpr size_t most_run = 32;  // factors that are made at once, at most

}  // namespace

#define ACCELERATE_LOOPS "attention_loops.h"
#include "each_isa.h"

namespace {

/// Rows of one batch entry.
struct Range { size_t entry, begin, end; };

/// The rows of each batch entry that has any, in the entries' order.
std::vector<Range> entries_of(const AttentionSide& side) {
  std::vector<Range> entries;
  if (side.places == nullptr) {
    for (size_t b = 0; b < side.batch; b++) entries.push_back({b, b * side.tokens, (b + 1) * side.tokens});
    return entries;
  }
  for (size_t row = 0; row < side.rows; row++) {
    const auto entry = static_cast<size_t>(side.places[2 * row]);
    if (entries.empty() || entries.back().entry != entry) entries.push_back({entry, row, row});
    entries.back().end = row + 1;
  }
  return entries;
}

/// Biases below this mask a key for good, those above `counts` do not: beside one of the latter, the former's weights are 0.
constexpr float masks = -1e30f, counts = -1e20f;

/// Leaves out masked keys at both ends, if every query sees one that counts.
Range trimmed(Range keys, const float* bias, bool causal) {
  if (causal && !(bias[0] > counts)) return keys;
  size_t begin = keys.begin, end = keys.end;
  while (begin < end && bias[begin - keys.begin] < masks) begin++;
  while (end > begin && bias[end - 1 - keys.begin] < masks) end--;
  for (size_t j = begin; j < end; j++) if (bias[j - keys.begin] > counts) return {keys.entry, begin, end};
  return keys;
}

/// All batch entries of a problem.
class Entries {
 public:
  Entries(const AttentionProblem& problem, bool backward) : problem_(problem) {
    const AttentionSide &queries = problem.queries, &keys = problem.keys;
    const std::vector<Range> q = entries_of(queries), k = entries_of(keys);
    size_t most = 0;
    for (const Range& range : k) most = std::max(most, range.end - range.begin);
    if (problem.bias == nullptr) zeros_.assign(most, 0.0f);
    for (size_t i = 0, j = 0; i < q.size() || j < k.size();) {
      const size_t entry = j == k.size() || (i < q.size() && q[i].entry <= k[j].entry) ? q[i].entry : k[j].entry;
      const Range ours = i < q.size() && q[i].entry == entry ? q[i++] : Range{entry, 0, 0}, all = j < k.size() && k[j].entry == entry ? k[j++] : Range{entry, 0, 0};
      if (ours.begin == ours.end && (all.begin == all.end || !backward)) continue;
      const float* bias = problem.bias == nullptr ? zeros_.data() : problem.bias + (problem.shared_bias ? 0 : all.begin);
      const Range seen = problem.bias == nullptr || all.begin == all.end ? all : trimmed(all, bias, problem.causal);
      HeadRows rows = {};
      rows.entry = entry;
      rows.queryRow = ours.begin, rows.queries = ours.end - ours.begin;
      rows.keyRow = seen.begin, rows.keys = seen.end - seen.begin;
      rows.causal = problem.causal;
      rows.bias = bias + (seen.begin - all.begin);
      rows.queryPlaces = queries.places == nullptr ? nullptr : queries.places + 2 * ours.begin;
      rows.keyPlaces = keys.places == nullptr ? nullptr : keys.places + 2 * seen.begin;
      rows.even = true;
      if (rows.keys > 0) {
        rows.firstKey = keys.places == nullptr ? seen.begin - all.begin : static_cast<size_t>(rows.keyPlaces[1]);
        const size_t last = keys.places == nullptr ? rows.firstKey + rows.keys - 1 : static_cast<size_t>(rows.keyPlaces[2 * rows.keys - 1]);
        // Tokens ascend: as many as there are places between the first and the last, or some are missing, or some occur twice.
        for (size_t j = 0; rows.keyPlaces != nullptr && rows.even && j < rows.keys; j++) rows.even = static_cast<size_t>(rows.keyPlaces[2 * j + 1]) == rows.firstKey + j;
        span_ = std::max(span_, last + 8 - rows.firstKey);
      }
      const size_t wide = (rows.keys + 15) / 16 * 16;
      // Scores of a block stay in the first cache; blocks of twelve rows suit the products.
      const size_t fit = (backward ? 4096 : 6144) / std::max<size_t>(wide, 1) / 12 * 12;
      rows.block = std::min(std::max<size_t>(rows.queries, 1), std::min<size_t>(96, std::max<size_t>(fit, 24)));
      keys_ = std::max(keys_, rows.keys), block_ = std::max(block_, rows.block);
      all_.push_back({rows, all});
    }
  }

  size_t size() const { return all_.size(); }
  const HeadRows& rows(size_t i) const { return all_[i].rows; }
  /// All keys of an entry, also those that were left out.
  Range keys(size_t i) const { return all_[i].keys; }
  size_t mostKeys() const { return keys_; }
  size_t mostBlock() const { return block_; }
  size_t span() const { return span_; }

 private:
  struct Entry { HeadRows rows; Range keys; };
  const AttentionProblem& problem_;
  std::vector<float> zeros_;
  std::vector<Entry> all_;
  size_t keys_ = 0, block_ = 0, span_ = 0;
};

/// Runs body(entry, rows, scratch) for all heads of all entries. A piece of work is some heads of one entry, all of them where that gives every thread enough pieces; each thread takes the next one.
template <typename Body> void each_head(const Entries& entries, size_t heads, size_t scratch, const Parallel& parallel, const Body& body) {
  const size_t threads = std::max<size_t>(parallel.threads, 1), wanted = threads == 1 ? 1 : 4 * threads;
  const size_t group = std::min(heads, std::max<size_t>(1, entries.size() * heads / wanted)), groups = (heads + group - 1) / group, pieces = entries.size() * groups;
  std::atomic<size_t> next{0};
  parallel.each(std::min(threads, pieces), [&](size_t) {
    const std::unique_ptr<float[]> memory(new float[scratch + 16]);
    float* const aligned = reinterpret_cast<float*>((reinterpret_cast<uintptr_t>(memory.get()) + 63) & ~uintptr_t{63});
    for (size_t piece = next.fetch_add(1, std::memory_order_relaxed); piece < pieces; piece = next.fetch_add(1, std::memory_order_relaxed)) {
      HeadRows rows = entries.rows(piece / groups);
      const size_t end = std::min(heads, (piece % groups + 1) * group);
      for (rows.head = piece % groups * group; rows.head < end; rows.head++) {
        rows.more = rows.head + 1 < end;
        body(piece / groups, static_cast<const HeadRows&>(rows), aligned);
      }
    }
  });
}

Drops drops_of(const AttentionProblem& p) {
  return {dropout_key(p.key, p.site), static_cast<uint64_t>(std::llround(static_cast<double>(p.ratio) * 4294967296.0)), static_cast<float>(1.0 / (1.0 - static_cast<double>(p.ratio)))};
}

}  // namespace

int64_t bad_place(const AttentionSide& side, bool ascending) {
  if (side.places == nullptr) return -1;
  for (size_t row = 0; row < side.rows; row++) {
    const int64_t *const here = side.places + 2 * row, *const before = here - 2;
    const bool ordered = row == 0 || here[0] > before[0] || (here[0] == before[0] && (!ascending || here[1] >= before[1]));
    if (!ordered || here[0] < 0 || here[0] > INT32_MAX || here[1] < 0 || here[1] > INT32_MAX) return static_cast<int64_t>(row);
  }
  return -1;
}

void attention(const AttentionProblem& p, float* y, float* lse, const Parallel& parallel, Isa isa) {
  const Entries entries(p, false);
  const bool drop = p.ratio > 0;
  const Drops drops = drop ? drops_of(p) : Drops{};
  const size_t scratch = ACCELERATE_BY_ISA(isa, scratchSize(p, entries.mostKeys(), entries.mostBlock(), entries.span(), false));
  each_head(entries, p.heads, scratch, parallel, [&](size_t, const HeadRows& rows, float* memory) {
    ACCELERATE_BY_ISA(isa, forwardHead(p, rows, drop ? &drops : nullptr, memory, y, lse));
  });
}

void attention_grad(const AttentionProblem& p, const float* dy, float* dq, float* dk, float* dv, const Parallel& parallel, Isa isa) {
  const Entries entries(p, true);
  const bool drop = p.ratio > 0;
  const Drops drops = drop ? drops_of(p) : Drops{};
  const size_t scratch = ACCELERATE_BY_ISA(isa, scratchSize(p, entries.mostKeys(), entries.mostBlock(), entries.span(), true));
  each_head(entries, p.heads, scratch, parallel, [&](size_t entry, const HeadRows& rows, float* memory) {
    const Range all = entries.keys(entry);
    // Keys that were left out have no weight, so no gradient.
    for (size_t row = all.begin; row < all.end; row++) {
      if (row >= rows.keyRow && row < rows.keyRow + rows.keys) continue;
      std::fill_n(dk + (row * p.heads + rows.head) * p.size, p.size, 0.0f);
      std::fill_n(dv + (row * p.heads + rows.head) * p.value_size, p.value_size, 0.0f);
    }
    ACCELERATE_BY_ISA(isa, backwardHead(p, rows, drop ? &drops : nullptr, memory, dy, dq, dk, dv));
  });
}

}  // namespace accelerate_ts
