// A machine with GPUs for tests of the launcher: small libraries in the place of the driver's, ONNX Runtime's provider and CUDA's, compiled from C. They answer questions, they compute nothing.
import { spawnSync } from "node:child_process";
import { symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { libraryPath } from "../../src/runtime/library.js";
import { folderOf } from "../data/files.js";

const source = `
#include <stdlib.h>
#include <string.h>
#include <stdio.h>
#if defined(DRIVER)
/* The GPUs that CUDA_VISIBLE_DEVICES leaves of GPUS in all, by number. */
static int ids[16], count;
int cuInit(unsigned flags) {
  const char* error = getenv("DOUBLE_CUINIT");
  if (error) return atoi(error);
  const char* text = getenv("CUDA_VISIBLE_DEVICES");
  count = 0;
  if (!text) for (count = 0; count < GPUS; count++) ids[count] = count;
  for (; text && *text; text += strcspn(text, ","), text += *text == ',') {
    int id = (*text < '0' || *text > '9') ? -1 : atoi(text);
    if (id < 0 || id >= GPUS) break;
    ids[count++] = id;
  }
  return count ? 0 : 100;
}
int cuDriverGetVersion(int* out) { return *out = 13000, 0; }
int cuGetErrorString(int code, const char** out) { return *out = code == 803 ? "system has unsupported display driver / cuda driver combination" : "no CUDA-capable device is detected", 0; }
int cuDeviceGetCount(int* out) { return *out = count, 0; }
int cuDeviceGet(int* out, int i) { return *out = ids[i], 0; }
int cuDeviceGetName(char* out, int n, int id) { snprintf(out, n, "NVIDIA A100-SXM4-80GB"); return 0; }
int cuDeviceTotalMem_v2(size_t* out, int id) { return *out = (size_t)80 << 30, 0; }
int cuDeviceGetAttribute(int* out, int what, int id) { return *out = what == 75 ? 8 : what == 76 ? 0 : 108, 0; }
int cuDeviceGetUuid_v2(unsigned char* out, int id) { memset(out, 0x11 * (id + 1), 16); return 0; }
int cuDeviceGetPCIBusId(char* out, int n, int id) { snprintf(out, n, "0000:%02x:00.0", id + 1); return 0; }
#elif defined(CUDNN)
size_t cudnnGetVersion(void) { return 91300; }
#elif defined(CUDART)
int cudaRuntimeGetVersion(int* out) { return *out = 13000, 0; }
#elif defined(NCCL)
int ncclGetVersion(int* out) { return *out = 22807, 0; }
#else
int cudaRuntimeGetVersion(int*);
int provider(int* out) { return cudaRuntimeGetVersion(out); }
#endif
`;

export const canCompile = spawnSync("cc", ["--version"]).error === undefined && process.platform === "linux";

export interface MachineParts {
  readonly gpus?: number;
  readonly provider?: boolean;
  readonly cudnn?: boolean;
}

/** Variables of a process that sees such a machine. */
export async function gpuMachine(t: TestContext, { gpus = 2, provider = true, cudnn = true }: MachineParts = {}): Promise<Record<string, string>> {
  const folder = await folderOf(t, { "double.c": source });
  symlinkSync(libraryPath(), join(folder, "libonnxruntime.so.1"));
  const compile = (name: string, ...flags: string[]) => {
    const { status, stderr } = spawnSync("cc", ["-shared", "-fPIC", "-w", `-Wl,-soname,${name}`, "-o", name, "double.c", ...flags], {
      cwd: folder,
      encoding: "utf8",
    });
    if (status !== 0) throw new Error(stderr);
  };
  compile("libcuda.so.1", "-DDRIVER", `-DGPUS=${gpus}`);
  compile("libcudart.so.13", "-DCUDART");
  compile("libnccl.so.2", "-DNCCL");
  if (cudnn) compile("libcudnn.so.9", "-DCUDNN");
  if (provider) {
    compile("libonnxruntime_providers_cuda.so", "-L.", "-l:libcudart.so.13");
    writeFileSync(join(folder, "libonnxruntime_providers_shared.so"), "");
  }
  return { LD_LIBRARY_PATH: folder, ACCELERATE_TS_ONNXRUNTIME: folder };
}
