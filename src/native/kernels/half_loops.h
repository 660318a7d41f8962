// 16-bit floats for one instruction set: included once per namespace (no include guard, on purpose), see simd.h. Needs fromBits and toBits of half.h.

/// float32 from the bits of a 16-bit float, and back, rounded to nearest even; branch-free, so that loops become vectors.
struct Bfloat16 {
  using Bits = uint16_t;
  ACCELERATE_TARGET ACCELERATE_INLINE float widen(uint16_t bits) { return fromBits(static_cast<uint32_t>(bits) << 16); }
  ACCELERATE_TARGET ACCELERATE_INLINE uint16_t narrow(float value) {
    const uint32_t bits = toBits(value);
    const uint32_t rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
    const uint32_t nan = (bits >> 16) | 0x40;
    return static_cast<uint16_t>((bits & 0x7fffffff) > 0x7f800000 ? nan : rounded);
  }
};

struct Float16 {
  using Bits = uint16_t;
  ACCELERATE_TARGET ACCELERATE_INLINE float widen(uint16_t bits) {
    const uint32_t shifted = static_cast<uint32_t>(bits & 0x7fff) << 13, exponent = shifted & 0x0f800000;
    const uint32_t normal = shifted + (112u << 23);
    const uint32_t special = shifted + (224u << 23);                                             // infinity and NaN
    const uint32_t small = toBits(fromBits(shifted + (113u << 23)) - fromBits(113u << 23));       // zero and denormals
    const uint32_t magnitude = exponent == 0x0f800000 ? special : exponent == 0 ? small : normal;
    return fromBits(magnitude | static_cast<uint32_t>(bits & 0x8000) << 16);
  }
  ACCELERATE_TARGET ACCELERATE_INLINE uint16_t narrow(float value) {
    const uint32_t bits = toBits(value), magnitude = bits & 0x7fffffff;
    const uint32_t normal = (magnitude + 0xfff + ((magnitude >> 13) & 1) - (112u << 23)) >> 13;
    const uint32_t small = toBits(fromBits(magnitude) + 0.5f) - toBits(0.5f);                     // the sum rounds to units of 2^-24
    const uint32_t large = magnitude > 0x7f800000 ? 0x7e00 : 0x7c00;
    const uint32_t half = magnitude >= 0x477ff000 ? large : magnitude < 0x38800000 ? small : normal;
    return static_cast<uint16_t>(half | ((bits >> 16) & 0x8000));
  }
};
