// The ranks' meeting place (link.h), and the arithmetic of reductions.
#include "link.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <new>

namespace doubled_nccl {

std::string Link::open(const ncclUniqueId& id, int ranks_, int rank_, int gpu) {
  ranks = ranks_;
  rank = rank_;
  path_ = std::string(id.internal, strnlen(id.internal, sizeof id.internal));
  if (path_.compare(0, 9, "/dev/shm/") != 0 && path_.compare(0, 5, "/tmp/") != 0) return "the unique id is not one of ncclGetUniqueId";
  const size_t headerBytes = (sizeof(Header) + 4095) / 4096 * 4096;
  bytes_ = headerBytes + size_t(ranks) * chunk + size_t(ranks) * size_t(ranks) * channelBytes;
  const int file = ::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (file < 0 || ftruncate(file, off_t(bytes_)) != 0) return "the communicator's memory cannot be made at " + path_;
  void* mapped = mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  close(file);
  if (mapped == MAP_FAILED) return "the communicator's memory cannot be mapped";
  header = static_cast<Header*>(mapped);
  data_ = static_cast<char*>(mapped) + headerBytes;
  header->ranks = ranks;
  header->rank[rank].gpu = gpu;
  header->rank[rank].process = getpid();
  if (header->rank[rank].arrived.exchange(1) != 0) return "two processes say they are rank " + std::to_string(rank);
  return "";
}

void Link::unlinkFile() { unlink(path_.c_str()); }

Link::~Link() {
  if (header != nullptr) munmap(header, bytes_);
}

size_t bytesOf(ncclDataType_t type) {
  switch (type) {
    case ncclInt8: case ncclUint8: case ncclFloat8e4m3: case ncclFloat8e5m2: return 1;
    case ncclFloat16: case ncclBfloat16: return 2;
    case ncclInt32: case ncclUint32: case ncclFloat32: return 4;
    case ncclInt64: case ncclUint64: case ncclFloat64: return 8;
    default: return 0;
  }
}

namespace {

float fromHalf(uint16_t h) {
  const int sign = h >> 15, exponent = (h >> 10) & 31, fraction = h & 1023;
  const float magnitude = exponent == 0 ? std::ldexp(float(fraction), -24) : exponent == 31 ? (fraction ? NAN : INFINITY) : std::ldexp(float(fraction + 1024), exponent - 25);
  return sign ? -magnitude : magnitude;
}
uint16_t toHalf(float value) {
  uint32_t bits;
  memcpy(&bits, &value, 4);
  const uint16_t sign = uint16_t((bits >> 16) & 0x8000);
  const float magnitude = std::fabs(value);
  if (std::isnan(value)) return uint16_t(sign | 0x7e00);
  if (magnitude >= 65520.0f) return uint16_t(sign | 0x7c00);
  if (magnitude < 6.103515625e-05f) return uint16_t(sign | uint16_t(std::nearbyint(std::ldexp(magnitude, 24))));
  int exponent;
  const float mantissa = std::frexp(magnitude, &exponent);
  return uint16_t(sign + uint16_t(((exponent + 14) << 10) + int(std::nearbyint(std::ldexp(mantissa, 11))) - 1024));
}
float fromBrain(uint16_t b) {
  const uint32_t bits = uint32_t(b) << 16;
  float value;
  memcpy(&value, &bits, 4);
  return value;
}
uint16_t toBrain(float value) {
  uint32_t bits;
  memcpy(&bits, &value, 4);
  if (std::isnan(value)) return uint16_t((bits >> 16) | 64);
  return uint16_t((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

template <class T> struct Plain {
  using Sum = T;
  static T load(const char* at) { T value; memcpy(&value, at, sizeof(T)); return value; }
  static void store(char* at, T value) { memcpy(at, &value, sizeof(T)); }
  static constexpr size_t bytes = sizeof(T);
};
template <float (*From)(uint16_t), uint16_t (*To)(float)> struct Small {
  using Sum = float;
  static float load(const char* at) { uint16_t bits; memcpy(&bits, at, 2); return From(bits); }
  static void store(char* at, float value) { const uint16_t bits = To(value); memcpy(at, &bits, 2); }
  static constexpr size_t bytes = 2;
};

template <class N> void reduceAs(ncclRedOp_t operation, bool scaled, double scale, const char* const* from, int ranks, char* into, size_t count) {
  using Sum = typename N::Sum;
  for (size_t i = 0; i < count; i++) {
    Sum sum{};
    for (int r = 0; r < ranks; r++) {
      Sum value = N::load(from[r] + i * N::bytes);
      if (scaled) value = Sum(value * Sum(scale));
      if (r == 0) sum = value;
      else if (operation == ncclProd) sum = Sum(sum * value);
      else if (operation == ncclMax) sum = std::max(sum, value);
      else if (operation == ncclMin) sum = std::min(sum, value);
      else sum = Sum(sum + value);
    }
    if (operation == ncclAvg) sum = Sum(sum / Sum(ranks));
    N::store(into + i * N::bytes, sum);
  }
}

using Half = Small<fromHalf, toHalf>;
using Brain = Small<fromBrain, toBrain>;

template <class Do> void typed(ncclDataType_t type, const Do& with) {
  switch (type) {
    case ncclInt8: return with(Plain<int8_t>());
    case ncclUint8: return with(Plain<uint8_t>());
    case ncclInt32: return with(Plain<int32_t>());
    case ncclUint32: return with(Plain<uint32_t>());
    case ncclInt64: return with(Plain<int64_t>());
    case ncclUint64: return with(Plain<uint64_t>());
    case ncclFloat16: return with(Half());
    case ncclBfloat16: return with(Brain());
    case ncclFloat32: return with(Plain<float>());
    case ncclFloat64: return with(Plain<double>());
    default: return;
  }
}

}  // namespace

void reduce(ncclDataType_t type, ncclRedOp_t operation, double scale, const char* const* from, int ranks, char* into, size_t count) {
  const bool scaled = int(operation) >= int(ncclNumOps);
  typed(type, [&](auto number) { reduceAs<decltype(number)>(operation, scaled, scale, from, ranks, into, count); });
}

double number(ncclDataType_t type, const char* at) {
  double value = 0;
  typed(type, [&](auto as) { value = double(decltype(as)::load(at)); });
  return value;
}

}  // namespace doubled_nccl
