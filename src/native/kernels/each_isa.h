// Includes a file of loops once per instruction set, in the unnamed parts of the namespaces portable, avx2 and avx512 (no include guard, on purpose; see simd.h):
//   #define ACCELERATE_LOOPS "gelu_loops.h"
//   #include "each_isa.h"
// Unnamed, because the linker makes one of equal names in several files. The loops may include other loops. build.mjs knows the macro: objects depend on what it names.
#include "simd.h"

namespace portable {
namespace {
#define ACCELERATE_TARGET ACCELERATE_TARGET_PORTABLE
#include ACCELERATE_LOOPS
#undef ACCELERATE_TARGET
}  // namespace
}  // namespace portable
#if ACCELERATE_X86
namespace avx2 {
namespace {
#define ACCELERATE_TARGET ACCELERATE_TARGET_AVX2
#include ACCELERATE_LOOPS
#undef ACCELERATE_TARGET
}  // namespace
}  // namespace avx2
namespace avx512 {
namespace {
#define ACCELERATE_TARGET ACCELERATE_TARGET_AVX512
#include ACCELERATE_LOOPS
#undef ACCELERATE_TARGET
}  // namespace
}  // namespace avx512
#endif
#undef ACCELERATE_LOOPS
