// Philox4x32-10 (Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3", 2011): four random words from a 128-bit counter
// and a 64-bit key. src/runtime/philox.ts gives the same bits.
#pragma once

#include <cstdint>

// Kernels for GPUs are compiled from this file, too.
#ifdef __CUDACC__
#define ACCELERATE_ANYWHERE __host__ __device__
#else
#define ACCELERATE_ANYWHERE
#endif

namespace accelerate_ts {

constexpr uint32_t philox_m0 = 0xD2511F53u, philox_m1 = 0xCD9E8D57u;  // multipliers
constexpr uint32_t philox_w0 = 0x9E3779B9u, philox_w1 = 0xBB67AE85u;  // what each round adds to the key
constexpr int philox_rounds = 10;

struct PhiloxKey { uint32_t k0, k1; };
struct PhiloxWords { uint32_t w[4]; };

ACCELERATE_ANYWHERE inline uint32_t philox_high(uint64_t product) { return static_cast<uint32_t>(product >> 32); }
ACCELERATE_ANYWHERE inline uint32_t philox_low(uint64_t product) { return static_cast<uint32_t>(product); }

ACCELERATE_ANYWHERE inline PhiloxWords philox4x32_10(PhiloxWords c, PhiloxKey key) {
  for (int round = 0; round < philox_rounds; round++) {
    const uint64_t p0 = uint64_t{philox_m0} * c.w[0], p1 = uint64_t{philox_m1} * c.w[2];
    c = {{philox_high(p1) ^ c.w[1] ^ key.k0, philox_low(p1), philox_high(p0) ^ c.w[3] ^ key.k1, philox_low(p0)}};
    key = {key.k0 + philox_w0, key.k1 + philox_w1};
  }
  return c;
}

/// The key of one dropout site in one call of a model. key: {seed, rank, microStep, callOrdinal}.
ACCELERATE_ANYWHERE inline PhiloxKey dropout_key(const int64_t key[4], uint32_t site) {
  const auto seed = static_cast<uint64_t>(key[0]), step = static_cast<uint64_t>(key[2]);
  const auto rank = static_cast<uint32_t>(key[1]);
  const PhiloxWords words = philox4x32_10({{site, static_cast<uint32_t>(key[3]), philox_low(step), philox_high(step)}}, {philox_low(seed) ^ (philox_w0 * rank), philox_high(seed)});
  return {words.w[0], words.w[1]};
}

}  // namespace accelerate_ts
