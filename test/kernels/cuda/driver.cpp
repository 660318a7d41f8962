// Checks of CUDA's kernels, compiled for the host, against the CPU's: driver <name> <seed> <cases>. Each case has random sizes and options; what differs is printed with the seed that shows it.
#include <algorithm>
#include <functional>
#include <map>
#include <memory>

#include "../../../src/native/kernels/attention.h"
#include "../../../src/native/kernels/dropout.h"
#include "../../../src/native/kernels/embedding_grad.h"
#include "../../../src/native/kernels/gelu.h"
#include "../../../src/native/kernels/layer_norm.h"
#include "../../../src/native/kernels/max_pool.h"
#include "../../../src/native/kernels/optimizer.h"
#include "../../../src/native/kernels/softmax.h"
#include "buffers.h"

namespace checks {

namespace ours = accelerate_ts;
const ours::Parallel alone;
const ours::Isa isa = ours::Isa::portable;
const Kernels& kernels = kernels_table();

/// Runs a check for each type of number, and its launches with threads in several orders.
template <template <typename> class Check> void each_type(Random& random) {
  switch (random.whole(0, 2)) {
    case 0: return Check<float>::run(random);
    case 1: return Check<Half>::run(random);
    default: return Check<Bfloat16>::run(random);
  }
}
/// The launch again with threads in another order: the same bits.
template <typename Again> void in_any_order(Random& random, const Again& again) {
  HostOrder::current().seed = random.bits() | 1;
  again();
  HostOrder::current().seed = 0;
}
template <typename T> std::vector<float> wide(const Array<T>* array) { return array == nullptr ? std::vector<float>() : array->floats(); }

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

int64_t some_columns(Random& random) { return random.one_of<int64_t>({1, 2, 3, 4, 7, 31, 32, 33, 64, 127, 128, 130, 384, random.whole(1, 300), random.coin(0.3) ? random.whole(1000, 2100) : 12}); }

template <typename T> struct Dropouts {
  static void run(Random& random) {
    const int64_t columns = some_columns(random);
    Drops drops(random, columns, 9);
    drops.given = true;
    const size_t count = drops.rows * columns, off = random.coin(0.2) ? 1 : 0;
    const Array<T> x = normal<T>(random, count, off);
    Array<T> y(count);
    const auto launch = [&](Array<T>& to) { done(kernels.dropout({NumberOf<T>::value, x.data(), to.data(), drops.rows, static_cast<uint64_t>(columns), drops.device()}, nullptr)); };
    launch(y);
    const std::vector<float> from = x.floats();
    std::vector<float> wanted(count);
    ours::dropout(from.data(), drops.oracle(), drops.rows, columns, wanted.data(), alone, isa);
    close("y", y, wanted, 0, 0);  // nothing but the rounding to the type
    in_any_order(random, [&] {
      Array<T> again(count);
      launch(again);
      equal("y", again, y);
    });
  }
};

template <typename T> struct LayerNorms {
  static void run(Random& random) {
    const int64_t columns = some_columns(random);
    const Drops drops(random, columns, 7);
    const uint64_t rows = drops.rows;
    const size_t count = rows * columns, off = random.coin(0.2) ? 1 : 0;
    const Array<T> x = normal<T>(random, count, off), bias = normal<T>(random, columns), residual = normal<T>(random, count), scale = normal<T>(random, columns), shift = normal<T>(random, columns);
    const bool biased = random.coin(), added = random.coin(), shifted = random.coin(), summed = random.coin(0.8), statistics = random.coin(0.8);
    Array<T> y(count), sum(count);
    Array<float> mean(rows), inverse(rows);
    const float epsilon = random.one_of({1e-12f, 1e-5f, 0.1f});
    const auto launch = [&](Array<T>& toY, Array<T>& toSum) {
      done(kernels.layer_norm({NumberOf<T>::value, x.data(), biased ? bias.data() : nullptr, added ? residual.data() : nullptr, scale.data(), shifted ? shift.data() : nullptr, toY.data(),
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
    in_any_order(random, [&] {
      Array<T> again(count), more(count);
      launch(again, more);
      equal("y", again, y);
      if (summed) equal("sum", more, sum);
    });
  }
};

template <typename T> struct LayerNormGradients {
  static void run(Random& random) {
    const int64_t columns = some_columns(random);
    const Drops drops(random, columns, 60);
    const uint64_t rows = drops.rows;
    const size_t count = rows * columns;
    const Array<T> dy = normal<T>(random, count), dsum = normal<T>(random, count), sum = normal<T>(random, count), scale = normal<T>(random, columns);
    const Array<float> mean = filled<float>(rows, [&] { return random.real(-0.2, 0.2); }), inverse = filled<float>(rows, [&] { return random.real(0.5, 1.5); });
    const bool more = random.coin(), wantsDx = random.coin(0.8), wantsResidual = random.coin(), wantsBias = wantsDx && random.coin(), wantsParameters = random.coin(0.8);
    struct Out { Array<T> dx, dresidual, dscale, dshift, dbias; };
    const auto launch = [&] {
      Out out = {Array<T>(count), Array<T>(count), Array<T>(columns), Array<T>(columns), Array<T>(columns)};
      done(kernels.layer_norm_grad({NumberOf<T>::value, dy.data(), more ? dsum.data() : nullptr, sum.data(), mean.data(), inverse.data(), scale.data(), wantsDx ? out.dx.data() : nullptr,
                                    wantsResidual ? out.dresidual.data() : nullptr, wantsParameters ? out.dscale.data() : nullptr, wantsParameters ? out.dshift.data() : nullptr,
                                    wantsBias ? out.dbias.data() : nullptr, rows, static_cast<uint64_t>(columns), drops.device()},
                                   nullptr));
      return out;
    };
    const Out out = launch();
    const std::vector<float> fdy = dy.floats(), fds = dsum.floats(), fs = sum.floats(), fm = mean.floats(), fi = inverse.floats(), fsc = scale.floats();
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
    if (wantsBias) close("dbias", out.dbias, wb, 1e-5 + 8 * NumberOf<T>::epsilon, 4 * many);
    in_any_order(random, [&] {
      const Out again = launch();
      equal("dx", again.dx, out.dx), equal("dresidual", again.dresidual, out.dresidual), equal("dscale", again.dscale, out.dscale), equal("dbias", again.dbias, out.dbias);
    });
  }
};

template <typename T> struct Gelus {
  static void run(Random& random) {
    const uint64_t columns = some_columns(random), rows = random.whole(random.coin(0.1) ? 0 : 1, 70), count = rows * columns;
    const Array<T> x = filled<T>(count, [&] { return random.coin(0.05) ? random.real(-30, 30) : random.normal(); }, random.coin(0.2) ? 1 : 0), bias = normal<T>(random, columns), dy = normal<T>(random, count);
    const bool biased = random.coin(), tanh = random.coin(), wantsDx = random.coin(0.8), wantsBias = biased && random.coin();
    Array<T> y(count);
    done(kernels.gelu({NumberOf<T>::value, x.data(), biased ? bias.data() : nullptr, y.data(), rows, columns, tanh}, nullptr));
    const std::vector<float> fx = x.floats(), fb = bias.floats(), fdy = dy.floats();
    std::vector<float> wy(count), wdx(count), wdb(columns);
    ours::bias_gelu(fx.data(), biased ? fb.data() : nullptr, rows, columns, tanh, wy.data(), alone, isa);
    close("y", y, wy, 2e-6);
    const auto launch = [&](Array<T>& dx, Array<T>& dbias) {
      done(kernels.gelu_grad({NumberOf<T>::value, dy.data(), x.data(), biased ? bias.data() : nullptr, wantsDx ? dx.data() : nullptr, wantsBias ? dbias.data() : nullptr, rows, columns, tanh}, nullptr));
    };
    Array<T> dx(count), dbias(columns);
    launch(dx, dbias);
    ours::bias_gelu_grad(fdy.data(), fx.data(), biased ? fb.data() : nullptr, rows, columns, tanh, wdx.data(), wdb.data(), alone, isa);
    if (wantsDx) close("dx", dx, wdx, 4e-6, 3);
    if (wantsBias) close("dbias", dbias, wdb, 1e-5, 4 * std::sqrt(static_cast<double>(rows) + 1));
    in_any_order(random, [&] {
      Array<T> more(count), again(columns);
      launch(more, again);
      equal("dbias", again, dbias), equal("dx", more, dx);
    });
  }
};

template <typename T> struct Softmaxes {
  static void run(Random& random) {
    const int64_t columns = some_columns(random);
    const size_t rank = static_cast<size_t>(random.whole(0, 3));
    std::vector<int64_t> dims(rank), biasDims;
    uint64_t rows = 1;
    for (int64_t& d : dims) d = random.whole(1, 5), rows *= static_cast<uint64_t>(d);
    std::vector<size_t> strides(rank + 1, 0);
    size_t step = 1, biasCount = 1;
    const size_t biasRank = static_cast<size_t>(random.whole(0, static_cast<int64_t>(rank) + 1));
    std::vector<int64_t> all = dims;
    all.push_back(columns);
    for (size_t k = 1; k <= biasRank; k++) {
      const int64_t size = random.coin(0.4) ? 1 : all[all.size() - k];
      if (size != 1) strides[all.size() - k] = step;
      step *= static_cast<size_t>(size);
    }
    biasCount = step;
    const uint64_t count = rows * columns;
    const bool biased = random.coin(0.8);
    const float masked = random.one_of({-INFINITY, -3e38f, -10000.0f});
    const Array<T> x = filled<T>(count, [&] { return 3 * random.normal(); }), bias = filled<T>(biasCount, [&] { return random.coin(0.2) ? masked : random.normal(); }), dy = normal<T>(random, count);
    SoftmaxCall call = {};
    call.type = NumberOf<T>::value, call.x = x.data(), call.bias = biased ? bias.data() : nullptr, call.rows = rows, call.columns = columns, call.rank = static_cast<uint32_t>(rank), call.step = strides.back();
    for (size_t d = 0; d < rank; d++) call.dims[d] = dims[d], call.strides[d] = strides[d];
    Array<T> y(count), dx(count);
    call.y = y.data();
    done(kernels.softmax(call, nullptr));
    const std::vector<float> fx = x.floats(), fb = bias.floats(), fdy = dy.floats(), fy = y.floats();
    std::vector<float> wy(count), wdx(count);
    ours::masked_softmax(fx.data(), {biased ? fb.data() : nullptr, rank, dims.data(), strides.data(), strides.back()}, rows, columns, wy.data(), alone, isa);
    close("y", y, wy, 2e-6);
    done(kernels.softmax_grad({NumberOf<T>::value, dy.data(), y.data(), dx.data(), rows, static_cast<uint64_t>(columns)}, nullptr));
    ours::softmax_grad(fdy.data(), fy.data(), rows, columns, wdx.data(), alone, isa);
    close("dx", dx, wdx, 4e-6);
    in_any_order(random, [&] {
      Array<T> again(count);
      call.y = again.data();
      done(kernels.softmax(call, nullptr));
      equal("y", again, y);
    });
  }
};

template <typename T> struct CrossEntropies {
  static void run(Random& random) {
    const uint64_t classes = random.coin(0.3) ? 2 : some_columns(random), rows = random.whole(random.coin(0.1) ? 0 : 1, 40), count = rows * classes;
    const Array<T> logits = filled<T>(count, [&] { return 4 * random.normal(); }), dloss = filled<T>(rows, [&] { return random.coin(0.1) ? 0.0f : random.normal(); });
    const int64_t ignore = random.one_of<int64_t>({-100, 0, -1});
    const float smoothing = random.coin() ? 0.0f : random.real(0, 1);
    const bool narrow = random.coin();
    Array<int64_t> labels(rows);
    Array<int32_t> small(rows);
    const auto n = static_cast<int64_t>(classes);
    for (size_t r = 0; r < rows; r++) small.data()[r] = static_cast<int32_t>(labels.data()[r] = random.coin(0.2) ? ignore : random.whole(-n, n - 1));
    const void* const given = narrow ? static_cast<const void*>(small.data()) : labels.data();
    const Number type = narrow ? number_int32 : number_int64;
    Array<T> loss(rows), lse(rows), dlogits(count);
    const bool statistics = random.coin(0.7);
    done(kernels.cross_entropy({NumberOf<T>::value, type, logits.data(), given, loss.data(), statistics ? lse.data() : nullptr, rows, classes, ignore, smoothing}, nullptr));
    const std::vector<float> fx = logits.floats(), fd = dloss.floats();
    std::vector<float> wl(rows), ws(rows), wd(count);
    // -100 may be outside of the classes, and is then ignored; all others are classes.
    if (ours::cross_entropy(fx.data(), labels.data(), rows, classes, ignore, smoothing, wl.data(), ws.data(), alone, isa) >= 0) fail("the oracle refuses a label");
    close("loss", loss, wl, 1e-5);
    if (statistics) close("lse", lse, ws, 1e-6);
    const Array<T> normalizers = [&] {
      Array<T> array(rows);
      for (size_t r = 0; r < rows; r++) array.data()[r] = narrowed<T>(ws[r]);
      return array;
    }();
    done(kernels.cross_entropy_grad({NumberOf<T>::value, type, dloss.data(), logits.data(), given, normalizers.data(), dlogits.data(), rows, classes, ignore, smoothing}, nullptr));
    const std::vector<float> fn = normalizers.floats();
    ours::cross_entropy_grad(fd.data(), fx.data(), labels.data(), fn.data(), rows, classes, ignore, smoothing, wd.data(), alone, isa);
    close("dlogits", dlogits, wd, 4e-6, 3);
    if (rows == 0) return;
    // What is no class is NaN, in its row alone.
    const auto row = static_cast<size_t>(random.whole(0, static_cast<int64_t>(rows) - 1));
    labels.data()[row] = random.coin() ? n : -n - 1;
    if (labels.data()[row] == ignore) return;
    done(kernels.cross_entropy({NumberOf<T>::value, number_int64, logits.data(), labels.data(), loss.data(), nullptr, rows, classes, ignore, smoothing}, nullptr));
    wl[row] = NAN;
    close("loss of a label that is no class", loss, wl, 1e-5);
  }
};

template <typename T> struct Embeddings {
  static void run(Random& random) {
    const uint64_t rows = random.coin(0.3) ? random.whole(1, 3) : random.whole(1, 400), inner = random.one_of<uint64_t>({1, 3, 63, 64, 65, 130}), count = random.coin(0.1) ? 0 : random.coin(0.7) ? random.whole(1, 60) : random.whole(250, 300),
                   outer = count > 60 || random.coin(0.8) ? 1 : random.whole(0, 3);
    const auto limit = static_cast<int64_t>(rows);
    const bool narrow = random.coin();
    Array<int64_t> at(count);
    Array<int32_t> small(count);
    for (size_t i = 0; i < count; i++) small.data()[i] = static_cast<int32_t>(at.data()[i] = random.whole(random.coin(0.2) ? -limit : 0, random.coin(0.3) ? 0 : limit - 1));
    const int64_t padding = random.coin() ? -1 : random.whole(0, limit - 1);
    const Array<T> dy = normal<T>(random, outer * count * inner);
    Array<T> table(outer * rows * inner);
    const auto launch = [&](Array<T>& to) {
      done(kernels.embedding_grad({NumberOf<T>::value, narrow ? number_int32 : number_int64, narrow ? static_cast<const void*>(small.data()) : at.data(), dy.data(), to.data(), count, outer, rows, inner, padding},
                                  nullptr));
    };
    launch(table);
    const std::vector<float> fdy = dy.floats();
    std::vector<float> wanted(outer * rows * inner);
    if (ours::embedding_grad<float, int64_t>(at.data(), count, fdy.data(), outer, rows, inner, padding, wanted.data(), alone) >= 0) fail("the oracle refuses an index");
    close("table", table, wanted, 2e-6, std::sqrt(static_cast<double>(count) + 1));
    in_any_order(random, [&] {
      Array<T> again(table.count());
      launch(again);
      equal("table", again, table);
    });
    if (count == 0) return;
    // Indices outside of the table are never followed.
    at.data()[random.whole(0, static_cast<int64_t>(count) - 1)] = random.coin() ? limit : -limit - 1;
    done(kernels.embedding_grad({NumberOf<T>::value, number_int64, at.data(), dy.data(), table.data(), count, outer, rows, inner, padding}, nullptr));
    table.check("table");
  }
};

template <typename T> struct Pools {
  static void run(Random& random) {
    ours::PoolWindows w;
    const int dims = static_cast<int>(random.whole(1, 3));
    for (int d = 3 - dims; d < 3; d++) {
      w.in[d] = random.whole(1, 9), w.kernel[d] = random.whole(1, 3), w.stride[d] = random.whole(1, 3), w.dilation[d] = random.whole(1, 2);
      w.before[d] = random.whole(0, w.kernel[d] - 1);
      const int64_t after = random.whole(0, w.kernel[d] - 1), reach = (w.kernel[d] - 1) * w.dilation[d] + 1;
      w.out[d] = std::max<int64_t>(0, (w.in[d] + w.before[d] + after - reach) / w.stride[d] + 1);
      if (w.in[d] + w.before[d] + after < reach) w.out[d] = 0;
    }
    if (random.coin(0.3)) for (int d = 1; d < 3; d++) w.in[d] = 2 * random.whole(1, 5) + random.whole(0, 1), w.out[d] = w.in[d] / 2, w.kernel[d] = w.stride[d] = 2, w.dilation[d] = 1, w.before[d] = 0;
    const uint64_t planes = random.whole(0, 4), ins = w.in[0] * w.in[1] * w.in[2], outs = w.out[0] * w.out[1] * w.out[2];
    // Few different numbers: ties are common.
    const Array<T> x = filled<T>(planes * ins, [&] { return static_cast<float>(random.whole(-3, 3)); }), dy = normal<T>(random, planes * outs);
    const std::vector<float> fx = x.floats(), fdy = dy.floats();
    std::vector<float> y(planes * outs, -INFINITY);
    for (uint64_t p = 0; p < planes; p++)
      for (int64_t i = 0; i < w.out[0]; i++)
        for (int64_t j = 0; j < w.out[1]; j++)
          for (int64_t k = 0; k < w.out[2]; k++)
            for (int64_t a = 0; a < w.kernel[0]; a++)
              for (int64_t b = 0; b < w.kernel[1]; b++)
                for (int64_t c = 0; c < w.kernel[2]; c++) {
                  const int64_t r = i * w.stride[0] - w.before[0] + a * w.dilation[0], s = j * w.stride[1] - w.before[1] + b * w.dilation[1], t = k * w.stride[2] - w.before[2] + c * w.dilation[2];
                  if (r < 0 || s < 0 || t < 0 || r >= w.in[0] || s >= w.in[1] || t >= w.in[2]) continue;
                  float& most = y[p * outs + (i * w.out[1] + j) * w.out[2] + k];
                  most = std::max(most, fx[p * ins + (r * w.in[1] + s) * w.in[2] + t]);
                }
    Array<T> narrowY(y.size());
    for (size_t i = 0; i < y.size(); i++) narrowY.data()[i] = narrowed<T>(y[i]);
    Array<T> dx(planes * ins);
    MaxPoolGradCall call = {NumberOf<T>::value, x.data(), narrowY.data(), dy.data(), dx.data(), planes, {}, {}, {}, {}, {}, {}};
    for (int d = 0; d < 3; d++) call.in[d] = w.in[d], call.out[d] = w.out[d], call.kernel[d] = w.kernel[d], call.stride[d] = w.stride[d], call.dilation[d] = w.dilation[d], call.before[d] = w.before[d];
    done(kernels.max_pool_grad(call, nullptr));
    std::vector<float> wanted(planes * ins);
    ours::max_pool_grad(fx.data(), y.data(), fdy.data(), planes, w, wanted.data(), alone);
    close("dx", dx, wanted, 1e-7, 0.1);
  }
};

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
    AttentionCall call = {};
    call.type = NumberOf<T>::value, call.q = q.data(), call.k = k.data(), call.v = v.data(), call.bias = biased ? bias.data() : nullptr, call.shared_bias = shared;
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
    const std::vector<float> fq = q.floats(), fk = k.floats(), fv = v.floats(), fdy = dy.floats(), fb = bias.floats();
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
    if (!random.coin(0.3)) return;
    in_any_order(random, [&] {
      const Out again = launch();
      equal("y", again.y, out.y), equal("dq", again.dq, out.dq), equal("dk", again.dk, out.dk), equal("dv", again.dv, out.dv);
    });
  }
};

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

void copies(Random& random) {
  const size_t count = random.whole(0, 9000), off = random.coin() ? 0 : random.whole(1, 17);
  struct Byte { unsigned char x; };
  Array<Byte> from(count, off), into(count, random.coin() ? 0 : off);
  for (size_t i = 0; i < count; i++) from.data()[i].x = static_cast<unsigned char>(random.bits());
  done(kernels.copy({from.data(), into.data(), count}, nullptr));
  equal("copy", into, from);
}

void numbers(Random& random) {
  for (int i = 0; i < 1000; i++) {
    const float x = float_of(static_cast<uint32_t>(random.bits()));
    const float half = widened(narrowed<Half>(x)), brain = widened(narrowed<Bfloat16>(x));
    if (std::isnan(x)) {
      if (!std::isnan(half) || !std::isnan(brain)) fail("NaN is lost");
      continue;
    }
    // The nearest of the numbers there are; ties are those with an even last bit.
    const auto nearest = [&](auto number, float got, uint16_t most) {
      using T = decltype(number);
      const uint16_t bits = narrowed<T>(std::fabs(x)).bits;
      if (bits > most) return std::isinf(got);
      for (const int step : {-1, 1}) {
        if (bits == 0 && step < 0) continue;
        const double other = bits + step > most ? 2.0 * widened(T{most}) - widened(T{static_cast<uint16_t>(most - 1)}) : static_cast<double>(widened(T{static_cast<uint16_t>(bits + step)}));
        const double mine = std::fabs(std::fabs(static_cast<double>(x)) - std::fabs(static_cast<double>(got))), theirs = std::fabs(std::fabs(static_cast<double>(x)) - other);
        if (theirs < mine || (theirs == mine && bits % 2 != 0)) return false;
      }
      return std::signbit(got) == std::signbit(x);
    };
    if (!nearest(Half(), half, 0x7bff)) fail("float16 of " + std::to_string(x));
    if (!nearest(Bfloat16(), brain, 0x7f7f)) fail("bfloat16 of " + std::to_string(x));
  }
}

const std::map<std::string, std::function<void(Random&)>> all = {
    {"dropout", each_type<Dropouts>}, {"layer-norm", each_type<LayerNorms>}, {"layer-norm-grad", each_type<LayerNormGradients>}, {"gelu", each_type<Gelus>}, {"softmax", each_type<Softmaxes>},
    {"cross-entropy", each_type<CrossEntropies>}, {"embedding-grad", each_type<Embeddings>}, {"max-pool-grad", each_type<Pools>}, {"attention", each_type<Attentions>}, {"update", updates},
    {"norm", norms}, {"clip", clips}, {"copy", copies}, {"numbers", numbers},
};

}  // namespace checks

int main(int count, char** arguments) {
  if (count != 4) {
    for (const auto& [name, check] : checks::all) std::printf("%s\n", name.c_str());
    return 0;
  }
  const auto found = checks::all.find(arguments[1]);
  if (found == checks::all.end()) return 2;
  const uint64_t seed = std::strtoull(arguments[2], nullptr, 10), cases = std::strtoull(arguments[3], nullptr, 10);
  for (uint64_t i = 0; i < cases; i++) {
    checks::Random random(seed + i);
    try {
      found->second(random);
    } catch (const std::string& text) {
      std::printf("%s %llu 1: %s\n", arguments[1], static_cast<unsigned long long>(seed + i), text.c_str());
      return 1;
    }
  }
  return 0;
}
