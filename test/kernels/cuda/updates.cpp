// Optimizer steps, norms and clipping against the CPU's.
#include "../../../src/native/kernels/optimizer.h"
#include "cases.h"

namespace checks {
namespace {

/// Ranges in some memory, apart from each other.
std::vector<UpdateRange> some_ranges(Random& random, uint64_t& total, int64_t most, uint32_t rows) {
  std::vector<UpdateRange> ranges;
  total = random.whole(0, 5);
  for (int64_t n = random.whole(0, most); n > 0; n--) {
    const uint64_t length = random.coin(0.1) ? 0 : random.coin(0.7) ? random.whole(1, 40) : random.whole(4000, 9000);
    ranges.push_back({total, length, static_cast<uint32_t>(random.whole(0, rows - 1))});
    total += length + random.whole(0, 17);
  }
  return ranges;
}
std::vector<ours::OptimizerRange> for_oracle(const std::vector<UpdateRange>& ranges) {
  std::vector<ours::OptimizerRange> out;
  for (const UpdateRange& range : ranges) out.push_back({static_cast<size_t>(range.offset), static_cast<size_t>(range.length), range.row, 1});
  return out;
}
/// The same bits where the processor has fused multiplication and addition, as all GPUs have.
void same(const char* what, const Array<float>& got, const std::vector<float>& wanted) {
#ifdef __FP_FAST_FMAF
  Array<float> as(wanted.size());
  std::copy(wanted.begin(), wanted.end(), as.data());
  for (size_t i = 0; i < wanted.size(); i++) if (std::isnan(wanted[i]) && std::isnan(got.data()[i])) as.data()[i] = got.data()[i];
  equal(what, got, as);
#else
  close(what, got, wanted, 1e-5, 1e-3);
#endif
}

void updates(Random& random) {
  constexpr uint32_t rows = 3;
  uint64_t total = 0;
  const std::vector<UpdateRange> ranges = some_ranges(random, total, 40, rows);
  const std::vector<ours::OptimizerRange> own = for_oracle(ranges);
  const auto rule = static_cast<UpdateRule>(random.whole(0, 4));
  std::vector<float> constants(rows * most_constants);
  for (float& c : constants) c = random.real(0.1, 0.9);
  const float broken = random.coin(0.1) ? NAN : 1;
  Array<float> values = normal<float>(random, total), gradients = filled<float>(total, [&] { return random.coin(0.05) ? 0.0f : broken * random.normal(); });
  std::vector<Array<float>> states;
  for (int k = 0; k < 3; k++) states.push_back(filled<float>(total, [&] { return std::fabs(random.normal()) + 0.1f; }));
  const bool second = random.coin(), third = random.coin(), velocity = random.coin();
  std::vector<float> p = values.floats();
  const std::vector<float> g = gradients.floats();
  std::vector<std::vector<float>> s;
  for (const Array<float>& state : states) s.push_back(state.floats());
  UpdateCall call = {rule, values.data(), gradients.data(), {states[0].data(), nullptr, nullptr}, ranges.data(), ranges.size(), constants.data()};
  const auto rows_of = [&](auto constant) {
    using Row = decltype(constant);
    std::vector<Row> out(rows);
    for (uint32_t r = 0; r < rows; r++) std::memcpy(&out[r], &constants[r * most_constants], sizeof(Row));
    return out;
  };
  float* at[3] = {s[0].data(), second ? s[1].data() : nullptr, third ? s[2].data() : nullptr};
  if (rule == rule_adam) {
    call.states[1] = states[1].data();
    ours::adam_step(p.data(), g.data(), nullptr, s[0].data(), s[1].data(), own.data(), own.size(), rows_of(ours::AdamConstants()).data(), alone, isa);
  } else if (rule == rule_sgd) {
    if (!velocity) {
      call.states[0] = nullptr;
      // Without velocity its factor is 0, and that of the gradient 1.
      for (uint32_t r = 0; r < rows; r++) constants[r * most_constants + 5] = 1, constants[r * most_constants + 6] = 0;
    }
    ours::sgd_step(p.data(), g.data(), nullptr, velocity ? s[0].data() : nullptr, own.data(), own.size(), rows_of(ours::SgdConstants()).data(), alone, isa);
  } else if (rule == rule_rmsprop) {
    call.states[1] = second ? states[1].data() : nullptr, call.states[2] = third ? states[2].data() : nullptr;
    ours::rmsprop_step(p.data(), g.data(), nullptr, at, own.data(), own.size(), rows_of(ours::RmspropConstants()).data(), alone, isa);
  } else if (rule == rule_adagrad) {
    ours::adagrad_step(p.data(), g.data(), nullptr, at, own.data(), own.size(), rows_of(ours::AdagradConstants()).data(), alone, isa);
  } else {
    ours::lion_step(p.data(), g.data(), nullptr, at, own.data(), own.size(), rows_of(ours::LionConstants()).data(), alone, isa);
  }
  done(kernels.update(call, nullptr));
  same("values", values, p);
  for (int k = 0; k < 3; k++) same("a state", states[k], s[k]);
  gradients.check("gradients");
}

void norms(Random& random) {
  uint64_t total = 0;
  const std::vector<UpdateRange> ranges = some_ranges(random, total, 70, 1);
  const std::vector<ours::OptimizerRange> own = for_oracle(ranges);
  const double bad = random.one_of({0.0, 0.0, 0.01});
  Array<float> data = filled<float>(total, [&] { return random.coin(bad) ? random.one_of({NAN, INFINITY, -INFINITY}) : random.normal(); });
  const int kind = static_cast<int>(random.whole(0, 3));
  const double exponent = random.real(1, 4);
  Array<double> scratch(kernels.norm_scratch(ranges.data(), ranges.size())), result(2), again(2);
  NormCall call = {data.data(), ranges.data(), ranges.size(), static_cast<NormKind>(kind), exponent, scratch.data(), result.data()};
  done(kernels.norm(call, nullptr));
  std::vector<ours::NormResult> parts(ours::norm_chunks(own.data(), own.size()) + 1);
  const ours::NormResult wanted = ours::norm(data.data(), own.data(), own.size(), static_cast<ours::NormKind>(kind), exponent, parts.data(), alone, isa);
  scratch.check("scratch"), result.check("result");
  const double value = result.data()[0];
  const bool fits = std::isnan(wanted.value) ? std::isnan(value) : value == wanted.value || std::fabs(value - wanted.value) <= 1e-12 * std::fabs(wanted.value);
  if (!fits) fail("the norm is " + std::to_string(value) + ", not " + std::to_string(wanted.value));
  if (result.data()[1] != static_cast<double>(wanted.nonFinite)) fail("other numbers are not finite");
  in_any_order(random, [&] {
    call.result = again.data();
    done(kernels.norm(call, nullptr));
    if (std::memcmp(again.data(), result.data(), 2 * sizeof(double)) != 0) fail("the norm depends on the order of threads");
  });
}

void clips(Random& random) {
  uint64_t total = 0;
  const std::vector<UpdateRange> ranges = some_ranges(random, total, 40, 1);
  const std::vector<ours::OptimizerRange> own = for_oracle(ranges);
  Array<float> data = filled<float>(total, [&] { return random.coin(0.02) ? NAN : random.normal(); }), from = normal<float>(random, total);
  std::vector<float> wanted = data.floats();
  const float factor = random.real(0, 2), limit = random.real(0, 1);
  done(kernels.scale({data.data(), ranges.data(), ranges.size(), factor}, nullptr));
  ours::scale(wanted.data(), own.data(), own.size(), factor, alone, isa);
  same("scaled", data, wanted);
  done(kernels.clamp({data.data(), ranges.data(), ranges.size(), limit}, nullptr));
  ours::clamp(wanted.data(), own.data(), own.size(), limit, alone, isa);
  same("clamped", data, wanted);
  done(kernels.add({data.data(), from.data(), ranges.data(), ranges.size()}, nullptr));
  for (const UpdateRange& range : ranges) for (uint64_t i = range.offset; i < range.offset + range.length; i++) wanted[i] += from.data()[i];
  same("added", data, wanted);
}

const Registration registration({{"update", updates}, {"norm", norms}, {"clip", clips}});

}  // namespace
}  // namespace checks
