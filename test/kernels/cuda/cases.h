// What the checks of CUDA's kernels on the host share: kernels and oracles, types, random masks and sizes, and the table of checks.
#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <memory>

#include "../../../src/native/cuda/kernels/block.h"
#include "../../../src/native/kernels/dropout.h"
#include "buffers.h"

namespace checks {

namespace ours = accelerate_ts;
inline const ours::Parallel alone;
constexpr ours::Isa isa = ours::Isa::portable;
/// Of kernels.cpp, or of attention_kernels.cpp, which is compiled sooner.
extern const Kernels& kernels;

using Checks = std::map<std::string, std::function<void(Random&)>>;
/// Those of all files that the program is linked from.
inline Checks& all_checks() {
  static Checks all;
  return all;
}
struct Registration {
  explicit Registration(Checks some) { all_checks().merge(some); }
};

/// Runs a check for each type of number, and its launches with threads in several orders.
template <template <typename> class Check> void each_type(Random& random) {
  switch (random.whole(0, 2)) {
    case 0: return Check<float>::run(random);
    case 1: return Check<Half>::run(random);
    default: return Check<Bfloat16>::run(random);
  }
}
/// Runs a check for each pair of types: one for all, or a narrow one beside float32.
template <template <typename, typename> class Check> void each_pair(Random& random) {
  switch (random.whole(0, 4)) {
    case 0: return Check<float, float>::run(random);
    case 1: return Check<Half, Half>::run(random);
    case 2: return Check<Bfloat16, Bfloat16>::run(random);
    case 3: return Check<float, Half>::run(random);
    default: return Check<float, Bfloat16>::run(random);
  }
}
/// The launch again with threads in another order: the same bits.
template <typename Again> void in_any_order(Random& random, const Again& again) {
  HostOrder::current().seed = random.bits() | 1;
  again();
  HostOrder::current().seed = 0;
}

/// Random masks over rows of the dims, or by places.
struct Drops {
  Array<int64_t> key;
  std::unique_ptr<Array<int64_t>> places;
  std::vector<int64_t> dims;
  float ratio;
  uint32_t site;
  uint64_t rows = 1;
  bool given;
  Drops(Random& random, int64_t columns, int64_t most_rows) : key(indices({random.whole(0, INT64_MAX - 1), random.whole(0, 70000), random.whole(0, int64_t{1} << 40), random.whole(0, 5)})) {
    const int64_t rank = random.whole(1, 4);
    for (int64_t d = 0; d + 1 < rank; d++) dims.push_back(random.whole(random.coin(0.05) ? 0 : 1, std::max<int64_t>(1, most_rows >> (rank - 2 > 0 ? rank - 2 : 0))));
    for (const int64_t d : dims) rows *= static_cast<uint64_t>(d);
    dims.push_back(columns);
    ratio = random.one_of({0.0f, 0.1f, 0.5f, 0.9f, 1.0f, random.real(0, 1)});
    site = static_cast<uint32_t>(random.bits());
    given = random.coin(0.8);
    if (!random.coin(0.3)) return;
    const int64_t coordinates = random.whole(1, 3);
    std::vector<int64_t> numbers(rows * coordinates);
    for (int64_t& n : numbers) n = random.whole(0, 1000);
    places = std::make_unique<Array<int64_t>>(indices(numbers));
    dims.insert(dims.begin(), coordinates);  // kept in front, taken out by `coordinates`
  }
  size_t coordinates() const { return places == nullptr ? 0 : static_cast<size_t>(dims[0]); }
  const int64_t* shape() const { return dims.data() + (places == nullptr ? 0 : 1); }
  size_t rank() const { return dims.size() - (places == nullptr ? 0 : 1); }
  ours::DropoutRows oracle() const { return {key.data(), site, ratio, shape(), rank(), places == nullptr ? nullptr : places->data(), coordinates()}; }
  Masks device() const {
    Masks masks = {given ? key.data() : nullptr, places == nullptr ? nullptr : places->data(), 1, 1, static_cast<uint32_t>(coordinates()), site, ratio};
    if (rank() >= 3) masks.size1 = static_cast<uint64_t>(shape()[1]);
    if (rank() >= 4) masks.size2 = static_cast<uint64_t>(shape()[2]);
    return masks;
  }
};

inline int64_t some_columns(Random& random) { return random.one_of<int64_t>({1, 2, 3, 4, 7, 31, 32, 33, 64, 127, 128, 130, 384, random.whole(1, 300), random.coin(0.3) ? random.whole(1000, 2100) : 12}); }

}  // namespace checks
