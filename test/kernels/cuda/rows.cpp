// Dropout, GELU, softmax and cross entropy against the CPU's.
#include "../../../src/native/kernels/gelu.h"
#include "../../../src/native/kernels/softmax.h"
#include "cases.h"

namespace checks {
namespace {

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

const Registration registration({{"dropout", each_type<Dropouts>}, {"gelu", each_type<Gelus>}, {"softmax", each_type<Softmaxes>}, {"cross-entropy", each_type<CrossEntropies>}});

}  // namespace
}  // namespace checks
