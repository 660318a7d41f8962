// What is declared by hand of CUDA's runtime and of NCCL is what the real headers say; the real libraries answer without a GPU.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite, test } from "node:test";
import { promisify } from "node:util";
import { openNccl } from "../../src/distributed/nccl/native-nccl.js";
import { packageRoot } from "../../src/package-root.js";
import { type CudaFiles, cudaFiles, skipWithoutCuda } from "../doubles/build.js";

const exec = promisify(execFile);
const native = join(packageRoot(import.meta.url), "src", "native");
const files = cudaFiles() as CudaFiles;
const compiler = process.env.CXX ?? "c++";
const check = (source: string) => exec(compiler, ["-std=c++17", "-fsyntax-only", "-I", files.include, "-I", files.ncclInclude, "-I", native, source]);

const signatures = `
#include <type_traits>
#define CHECK(name, result, arguments) static_assert(std::is_convertible<decltype(&::name), result(*) arguments>::value, #name " has another signature");
`;

/** What communicators need of CUDA's runtime: without nccl.h, which brings overloads of these functions. */
const cudaOfNcclCheck = `
#include <cuda_runtime_api.h>
#include "nccl/nccl_slots.h"
${signatures}
ACCELERATE_TS_NCCL_CUDA_SLOTS(CHECK)
`;

/** The functions of nccl_slots.h against the real prototypes; enumerations and the configuration of nccl_api.h against the real ones. */
const ncclCheck = `
#include <cuda_runtime_api.h>
#include <nccl.h>
#include <cstddef>
#include "nccl/nccl_slots.h"
${signatures}
ACCELERATE_TS_NCCL_SLOTS(CHECK)
namespace real { using Config = ::ncclConfig_t; using Id = ::ncclUniqueId; }
#define VALUE(name) constexpr int real_##name = int(::name);
VALUE(ncclSuccess) VALUE(ncclUnhandledCudaError) VALUE(ncclSystemError) VALUE(ncclInternalError) VALUE(ncclInvalidArgument) VALUE(ncclInvalidUsage) VALUE(ncclRemoteError) VALUE(ncclInProgress)
VALUE(ncclInt8) VALUE(ncclUint8) VALUE(ncclInt32) VALUE(ncclUint32) VALUE(ncclInt64) VALUE(ncclUint64) VALUE(ncclFloat16) VALUE(ncclFloat32) VALUE(ncclFloat64) VALUE(ncclBfloat16)
VALUE(ncclSum) VALUE(ncclProd) VALUE(ncclMax) VALUE(ncclMin) VALUE(ncclAvg) VALUE(ncclScalarDevice) VALUE(ncclScalarHostImmediate)
VALUE(cudaSuccess) VALUE(cudaErrorNotReady) VALUE(cudaMemcpyHostToDevice) VALUE(cudaMemcpyDeviceToHost) VALUE(cudaMemcpyDeviceToDevice)
#include "nccl/nccl_api.h"
namespace ours = accelerate_ts::nccl;
#define SAME(name) static_assert(int(ours::name) == real_##name, #name " has another value");
SAME(ncclSuccess) SAME(ncclUnhandledCudaError) SAME(ncclSystemError) SAME(ncclInternalError) SAME(ncclInvalidArgument) SAME(ncclInvalidUsage) SAME(ncclRemoteError) SAME(ncclInProgress)
SAME(ncclInt8) SAME(ncclUint8) SAME(ncclInt32) SAME(ncclUint32) SAME(ncclInt64) SAME(ncclUint64) SAME(ncclFloat16) SAME(ncclFloat32) SAME(ncclFloat64) SAME(ncclBfloat16)
SAME(ncclSum) SAME(ncclProd) SAME(ncclMax) SAME(ncclMin) SAME(ncclAvg) SAME(ncclScalarDevice) SAME(ncclScalarHostImmediate)
SAME(cudaSuccess) SAME(cudaErrorNotReady) SAME(cudaMemcpyHostToDevice) SAME(cudaMemcpyDeviceToHost) SAME(cudaMemcpyDeviceToDevice)
#define PLACE(member) static_assert(offsetof(ours::ncclConfig_t, member) == offsetof(real::Config, member), #member " lies elsewhere in ncclConfig_t");
PLACE(size) PLACE(magic) PLACE(version) PLACE(blocking)
static_assert(ours::kNonBlocking.magic == NCCL_API_MAGIC && ours::kNonBlocking.size <= sizeof(real::Config) && ours::kNonBlocking.version == NCCL_VERSION(2, 14, 0), "the configuration differs");
static_assert(sizeof(ours::ncclUniqueId) == sizeof(real::Id) && sizeof(ours::ncclResult_t) == sizeof(::ncclResult_t) && sizeof(ours::ncclDataType_t) == sizeof(::ncclDataType_t), "a type has another size");
static_assert(ours::kStreamNonBlocking == cudaStreamNonBlocking && ours::kEventDisableTiming == cudaEventDisableTiming && ours::kPortable == cudaHostAllocPortable, "a flag has another value");
`;

suite("Declarations of CUDA and NCCL", { skip: skipWithoutCuda }, () => {
  test("those of CUDA's runtime are the real header's", async (t) => {
    t.diagnostic(`CUDA ${/#define CUDART_VERSION\s+(\d+)/.exec(readFileSync(join(files.include, "cuda_runtime_api.h"), "utf8"))![1]}`);
    await check(join(native, "cuda", "cuda_api_check.cpp"));
  });

  test("those of NCCL are the real header's", async (t) => {
    const header = readFileSync(join(files.ncclInclude, "nccl.h"), "utf8");
    t.diagnostic(`NCCL ${["MAJOR", "MINOR", "PATCH"].map((name) => new RegExp(`#define NCCL_${name} (\\d+)`).exec(header)![1]).join(".")}`);
    const folder = mkdtempSync(join(tmpdir(), "accelerate-ts-headers-"));
    try {
      for (const [name, text] of Object.entries({ "nccl.cpp": ncclCheck, "cuda.cpp": cudaOfNcclCheck })) {
        writeFileSync(join(folder, name), text);
        await check(join(folder, name));
      }
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  test("the real NCCL tells its version and makes a unique id; without a driver a GPU is refused with CUDA's words", async () => {
    const library = openNccl({ nccl: [files.ncclLibrary], cuda: [join(files.lib, "libcudart.so.13")] });
    assert.match(library.version, /^2\.\d+\.\d+/);
    assert.equal(library.native.uniqueId().byteLength, 128);
    assert.throws(() => library.native.busId(0), /CUDA|driver|device/i);
  });
});
