// Gradients of tables and pools against the CPU's; casts, copies, and the rounding of numbers.
#include "../../../src/native/kernels/embedding_grad.h"
#include "../../../src/native/kernels/max_pool.h"
#include "cases.h"

namespace checks {
namespace {

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

void copies(Random& random) {
  const size_t count = random.whole(0, 9000), off = random.coin() ? 0 : random.whole(1, 17);
  struct Byte { unsigned char x; };
  Array<Byte> from(count, off), into(count, random.coin() ? 0 : off);
  for (size_t i = 0; i < count; i++) from.data()[i].x = static_cast<unsigned char>(random.bits());
  done(kernels.copy({from.data(), into.data(), count}, nullptr));
  equal("copy", into, from);
}

template <typename From, typename To> void casts_of(Random& random) {
  const auto count = static_cast<size_t>(random.coin(0.2) ? random.whole(60, 140) : random.whole(0, 9));
  std::vector<Array<From>> from;
  std::vector<Array<To>> into;
  std::vector<CastPart> parts;
  for (size_t p = 0; p < count; p++) {
    const auto size = static_cast<size_t>(random.coin(0.1) ? 0 : random.coin(0.1) ? random.whole(4000, 9000) : random.whole(1, 30));
    from.push_back(normal<From>(random, size, random.coin(0.2) ? 1 : 0)), into.emplace_back(size, random.coin(0.2) ? 3 : 0);
    parts.push_back({from[p].data(), into[p].data(), size});
  }
  done(kernels.casts({NumberOf<From>::value, NumberOf<To>::value, parts.data(), parts.size()}, nullptr));
  for (size_t p = 0; p < count; p++) {
    Array<To> wanted(from[p].count());
    for (size_t i = 0; i < wanted.count(); i++) wanted.data()[i] = narrowed<To>(widened(from[p].data()[i]));
    equal("a cast", into[p], wanted);
  }
}
void casts(Random& random) {
  switch (random.whole(0, 3)) {
    case 0: return casts_of<float, Half>(random);
    case 1: return casts_of<float, Bfloat16>(random);
    case 2: return casts_of<Half, float>(random);
    default: return casts_of<Bfloat16, float>(random);
  }
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

const Registration registration({{"embedding-grad", each_type<Embeddings>}, {"max-pool-grad", each_type<Pools>}, {"casts", casts}, {"copy", copies}, {"numbers", numbers}});

}  // namespace
}  // namespace checks
