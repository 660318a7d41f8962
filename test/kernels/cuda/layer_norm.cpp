// Layer normalization and its gradient against the CPU's.
#include "../../../src/native/kernels/layer_norm.h"
#include "cases.h"

namespace checks {
namespace {

template <typename T, typename X> struct LayerNorms {
  static void run(Random& random) {
    const int64_t columns = some_columns(random);
    const Drops drops(random, columns, 7);
    const uint64_t rows = drops.rows;
    const size_t count = rows * columns, off = random.coin(0.2) ? 1 : 0;
    const Array<X> x = normal<X>(random, count, off);
    const Array<T> bias = normal<T>(random, columns), residual = normal<T>(random, count), scale = normal<T>(random, columns), shift = normal<T>(random, columns);
    const bool biased = random.coin(), added = random.coin(), shifted = random.coin(), summed = random.coin(0.8), statistics = random.coin(0.8), twice = random.coin();
    Array<T> y(count), sum(count);
    Array<X> narrow(count);
    Array<float> mean(rows), inverse(rows);
    const float epsilon = random.one_of({1e-12f, 1e-5f, 0.1f});
    const auto launch = [&](Array<T>& toY, Array<T>& toSum) {
      done(kernels.layer_norm({NumberOf<T>::value, NumberOf<X>::value, x.data(), biased ? bias.data() : nullptr, added ? residual.data() : nullptr, scale.data(), shifted ? shift.data() : nullptr, toY.data(), twice ? narrow.data() : nullptr,
                               summed ? toSum.data() : nullptr, statistics ? mean.data() : nullptr, statistics ? inverse.data() : nullptr, rows, static_cast<uint64_t>(columns), epsilon, drops.device()},
                              nullptr));
    };
    launch(y, sum);
    const std::vector<float> fx = x.floats(), fb = bias.floats(), fr = residual.floats(), fs = scale.floats(), ft = shift.floats();
    std::vector<float> wy(count), ws(count), wm(rows), wi(rows);
    const ours::DropoutRows masks = drops.oracle();
    ours::layer_norm({static_cast<size_t>(rows), static_cast<size_t>(columns), epsilon, fx.data(), biased ? fb.data() : nullptr, added ? fr.data() : nullptr, fs.data(), shifted ? ft.data() : nullptr,
                      drops.given ? &masks : nullptr, wy.data(), ws.data(), wm.data(), wi.data()},
                     alone, isa);
    const bool half = sizeof(T) == 2;
    if (summed) close("sum", sum, ws, 1e-7, 4);
    // Rounding the sum moves rows of nearly equal numbers by much.
    const bool tame = !half || columns > 16;
    if (statistics) close("mean", mean, wm, half ? 8 * NumberOf<T>::epsilon : 1e-6);
    if (statistics && tame) close("inverse", inverse, wi, half ? 16 * NumberOf<T>::epsilon : 1e-5);
    if (tame) close("y", y, wy, half ? 16 * NumberOf<T>::epsilon : 2e-5);
    for (size_t i = 0; twice && i < count; i++) {
      // y once more, rounded.
      const X wanted = narrowed<X>(widened(y.data()[i]));
      if (std::memcmp(&wanted, narrow.data() + i, sizeof(X)) != 0) fail("the narrow y is not y");
    }
    narrow.check("the narrow y");
    in_any_order(random, [&] {
      Array<T> again(count), more(count);
      launch(again, more);
      equal("y", again, y);
      if (summed) equal("sum", more, sum);
    });
  }
};

template <typename T, typename X> struct LayerNormGradients {
  static void run(Random& random) {
    const int64_t columns = some_columns(random);
    const Drops drops(random, columns, 60);
    const uint64_t rows = drops.rows;
    const size_t count = rows * columns;
    const Array<T> dy = normal<T>(random, count), dsum = normal<T>(random, count), sum = normal<T>(random, count), scale = normal<T>(random, columns);
    const Array<float> mean = filled<float>(rows, [&] { return random.real(-0.2, 0.2); }), inverse = filled<float>(rows, [&] { return random.real(0.5, 1.5); });
    const bool more = random.coin(), wantsDx = random.coin(0.8), wantsResidual = random.coin(), wantsBias = (wantsDx || rows == 0) && random.coin(), wantsParameters = random.coin(0.8);
    // What else is added to the gradient of y.
    const auto terms = static_cast<int>(random.coin() ? 0 : random.whole(1, 3));
    std::vector<Array<X>> others;
    for (int k = 0; k < 3; k++) others.push_back(normal<X>(random, terms > 0 ? count : 0));
    Array<T> together(terms > 0 ? count : 0);
    struct Out { Array<X> dx; Array<T> dresidual, dscale, dshift, dbias; };
    const auto launch = [&] {
      Out out = {Array<X>(count), Array<T>(count), Array<T>(columns), Array<T>(columns), Array<T>(columns)};
      done(kernels.layer_norm_grad({NumberOf<T>::value, NumberOf<X>::value, dy.data(), more ? dsum.data() : nullptr, sum.data(), mean.data(), inverse.data(), scale.data(), wantsDx ? out.dx.data() : nullptr,
                                    wantsResidual ? out.dresidual.data() : nullptr, wantsParameters ? out.dscale.data() : nullptr, wantsParameters ? out.dshift.data() : nullptr,
                                    wantsBias ? out.dbias.data() : nullptr, rows, static_cast<uint64_t>(columns), drops.device(),
                                    {terms > 0 ? others[0].data() : nullptr, terms > 1 ? others[1].data() : nullptr, terms > 2 ? others[2].data() : nullptr}, terms > 0 ? together.data() : nullptr},
                                   nullptr));
      together.check("the sum of gradients");
      return out;
    };
    const Out out = launch();
    std::vector<float> fdy = dy.floats();
    for (int k = 0; k < terms; k++) for (size_t i = 0; i < count; i++) fdy[i] += widened(others[k].data()[i]);
    for (float& d : fdy) d = widened(narrowed<T>(d));
    const std::vector<float> fds = dsum.floats(), fs = sum.floats(), fm = mean.floats(), fi = inverse.floats(), fsc = scale.floats();
    std::vector<float> wx(count), wr(count), wsc(columns), wsh(columns), wb(columns);
    const ours::DropoutRows masks = drops.oracle();
    ours::layer_norm_grad({static_cast<size_t>(rows), static_cast<size_t>(columns), fdy.data(), more ? fds.data() : nullptr, fs.data(), fm.data(), fi.data(), fsc.data(), drops.given ? &masks : nullptr,
                           wx.data(), wr.data(), wsc.data(), wsh.data(), wb.data()},
                          alone, isa);
    const double many = std::sqrt(static_cast<double>(rows) + 1);
    if (wantsDx) close("dx", out.dx, wx, 1e-5, 3);
    if (wantsResidual) close("dresidual", out.dresidual, wr, 1e-5, 3);
    if (wantsParameters) close("dscale", out.dscale, wsc, 1e-5, many), close("dshift", out.dshift, wsh, 1e-5, many);
    // Sums of numbers that were rounded to the type.
    if (wantsBias) close("dbias", out.dbias, wb, 1e-5 + 8 * NumberOf<X>::epsilon, 4 * many);
    in_any_order(random, [&] {
      const Out again = launch();
      equal("dx", again.dx, out.dx), equal("dresidual", again.dresidual, out.dresidual), equal("dscale", again.dscale, out.dscale), equal("dbias", again.dbias, out.dbias);
    });
  }
};

const Registration registration({{"layer-norm", each_pair<LayerNorms>}, {"layer-norm-grad", each_pair<LayerNormGradients>}});

}  // namespace
}  // namespace checks
