// Attention and its gradient against the CPU's.
#include "../../../src/native/kernels/attention.h"
#include "cases.h"

namespace checks {
namespace {

template <typename T> struct Attentions {
  static void run(Random& random) {
    const uint64_t batch = random.whole(random.coin(0.1) ? 0 : 1, 2), heads = random.whole(1, 2), size = random.one_of<uint64_t>({1, 5, 32, 63, 64, 65, 128}),
                   valueSize = random.coin(0.7) ? size : random.one_of<uint64_t>({1, 30, 64, 96});
    const auto tokens = [&] { return static_cast<uint64_t>(random.coin(0.05) ? 0 : random.coin() ? random.whole(1, 40) : random.whole(60, 100)); };
    const uint64_t queries = tokens(), keys = random.coin() ? queries : tokens();
    // Queries of any entries, at any tokens.
    const bool packed = batch > 0 && random.coin(0.3);
    const uint64_t rows = packed ? queries : batch * queries;
    std::vector<int64_t> places(packed ? 2 * rows : 0);
    for (uint64_t r = 0, entry = random.whole(0, batch); packed && r < rows; r++) {
      if (entry >= batch) entry = 0;
      if (random.coin(0.1) && entry + 1 < batch) entry++;
      places[2 * r] = static_cast<int64_t>(entry), places[2 * r + 1] = random.whole(0, 120);
    }
    const Array<int64_t> where = indices(places);
    const uint64_t q_count = rows * heads * size, k_count = batch * keys * heads * size, v_count = batch * keys * heads * valueSize, y_count = rows * heads * valueSize;
    const Array<T> q = normal<T>(random, q_count), k = normal<T>(random, k_count), v = normal<T>(random, v_count), dy = normal<T>(random, y_count);
    const bool biased = random.coin(0.7), shared = biased && batch != 1 && random.coin(0.3);
    const float masked = random.one_of({-INFINITY, -3.4e38f, -10000.0f});
    const bool all = random.coin(0.1);
    const Array<T> bias = filled<T>((shared ? 1 : batch) * keys, [&] { return all || random.coin(0.3) ? masked : random.normal(); });
    const Array<int64_t> key = indices({random.whole(0, INT64_MAX - 1), random.whole(0, 9), random.whole(0, 99), 0});
    // Biases of q, k and v, and which of their gradients are wanted.
    std::vector<Array<T>> vectors;
    std::vector<Array<float>> sums;
    bool added[3], wanted[3];
    for (int side = 0; side < 3; side++) {
      const uint64_t width = heads * (side < 2 ? size : valueSize);
      vectors.push_back(normal<T>(random, width)), sums.emplace_back(width);
      added[side] = random.coin(), wanted[side] = random.coin();
    }
    AttentionCall call = {};
    call.type = NumberOf<T>::value, call.q = q.data(), call.k = k.data(), call.v = v.data(), call.bias = biased ? bias.data() : nullptr, call.shared_bias = shared;
    call.q_bias = added[0] ? vectors[0].data() : nullptr, call.k_bias = added[1] ? vectors[1].data() : nullptr, call.v_bias = added[2] ? vectors[2].data() : nullptr;
    call.dq_bias = wanted[0] ? sums[0].data() : nullptr, call.dk_bias = wanted[1] ? sums[1].data() : nullptr, call.dv_bias = wanted[2] ? sums[2].data() : nullptr;
    call.places = packed ? where.data() : nullptr;
    call.batch = batch, call.queries = queries, call.keys = keys, call.heads = heads, call.size = size, call.value_size = valueSize, call.scale = random.real(0.05, 0.5), call.causal = random.coin(0.4);
    const float ratio = random.one_of({0.0f, 0.1f, 0.5f, 1.0f});
    call.masks = {ratio > 0 ? key.data() : nullptr, nullptr, 1, 1, 0, static_cast<uint32_t>(random.bits()), ratio};
    Array<float> stats(rows * heads * 3);
    struct Out { Array<T> y, lse, dq, dk, dv; };
    const auto launch = [&] {
      Out out = {Array<T>(y_count), Array<T>(rows * heads), Array<T>(q_count), Array<T>(k_count), Array<T>(v_count)};
      call.y = out.y.data(), call.lse = out.lse.data(), call.dy = dy.data(), call.dq = out.dq.data(), call.dk = out.dk.data(), call.dv = out.dv.data(), call.stats = stats.data();
      done(kernels.attention(call, nullptr));
      done(kernels.attention_grad(call, nullptr));
      stats.check("stats");
      return out;
    };
    const Out out = launch();
    std::vector<float> fq = q.floats(), fk = k.floats(), fv = v.floats();
    const auto add = [&](std::vector<float>& rows, int side) {
      const size_t width = vectors[side].count();
      for (size_t i = 0; added[side] && i < rows.size(); i++) rows[i] += widened(vectors[side].data()[i % width]);
    };
    add(fq, 0), add(fk, 1), add(fv, 2);
    const std::vector<float> fdy = dy.floats(), fb = bias.floats();
    ours::AttentionProblem problem = {};
    problem.queries = {static_cast<size_t>(rows), packed ? where.data() : nullptr, static_cast<size_t>(batch), static_cast<size_t>(queries)};
    problem.keys = {static_cast<size_t>(batch * keys), nullptr, static_cast<size_t>(batch), static_cast<size_t>(keys)};
    problem.q = fq.data(), problem.k = fk.data(), problem.v = fv.data(), problem.bias = biased ? fb.data() : nullptr, problem.shared_bias = shared;
    problem.heads = heads, problem.size = size, problem.value_size = valueSize, problem.scale = call.scale, problem.causal = call.causal, problem.ratio = ratio, problem.key = key.data(), problem.site = call.masks.site;
    std::vector<float> wy(y_count), wl(rows * heads), wq(q_count), wk(k_count), wv(v_count);
    ours::attention(problem, wy.data(), wl.data(), alone, isa);
    ours::attention_grad(problem, fdy.data(), wq.data(), wk.data(), wv.data(), alone, isa);
    close("y", out.y, wy, 2e-5), close("lse", out.lse, wl, 2e-5);
    close("dv", out.dv, wv, 3e-5, 3), close("dq", out.dq, wq, 5e-5, 5), close("dk", out.dk, wk, 5e-5, 5);
    const auto summed = [&](const char* what, int side, const Array<T>& rows) {
      if (!wanted[side]) return;
      std::vector<float> total(sums[side].count());
      double most = 1;
      for (size_t i = 0; i < rows.count(); i++) total[i % total.size()] += widened(rows.data()[i]), most = std::max<double>(most, std::fabs(widened(rows.data()[i])));
      close(what, sums[side], total, 1e-5, most * std::sqrt(static_cast<double>(rows.count() / std::max<size_t>(1, total.size())) + 1));
    };
    summed("dq_bias", 0, out.dq), summed("dk_bias", 1, out.dk), summed("dv_bias", 2, out.dv);
    if (!random.coin(0.3)) return;
    in_any_order(random, [&] {
      const Out again = launch();
      equal("y", again.y, out.y), equal("dq", again.dq, out.dq), equal("dk", again.dk, out.dk), equal("dv", again.dv, out.dv);
    });
  }
};

const Registration registration({{"attention", each_type<Attentions>}});

}  // namespace
}  // namespace checks
