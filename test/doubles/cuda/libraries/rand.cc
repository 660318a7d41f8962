// libcurand without a GPU: ONNX Runtime makes a generator and sets it up.
#include "../double.h"

using namespace doubled;

extern "C" {
int curandCreateGenerator(void** out, int) {
  int* made = new int(0);
  born("random generator", made, callerOf(__builtin_return_address(0)));
  *out = made;
  return 0;
}
int curandDestroyGenerator(void* handle) {
  if (!died("random generator", handle)) return 101;
  delete static_cast<int*>(handle);
  return 0;
}
int curandSetStream(void* handle, cudaStream_t) { return alive("random generator", handle) ? 0 : 101; }
int curandSetPseudoRandomGeneratorSeed(void* handle, unsigned long long) { return alive("random generator", handle) ? 0 : 101; }
}
