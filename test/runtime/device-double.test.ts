// What holds for every opened device holds for CUDA, too, where there is no GPU but a double of CUDA's libraries: under ONNX Runtime's real provider, in processes whose loader finds it.
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, suite, test } from "node:test";
import { fileURLToPath } from "node:url";
import { packageRoot } from "../../src/package-root.js";
import { buildDoubles, type Doubles, skipWithoutCuda } from "../doubles/build.js";

interface Ended {
  readonly code: number | null;
  readonly text: string;
}

suite("An opened CUDA device on the double", { skip: skipWithoutCuda }, () => {
  let doubles: Doubles;
  const folders: string[] = [];
  before(async () => {
    doubles = await buildDoubles();
  });
  after(() => {
    for (const folder of folders) rmSync(folder, { recursive: true, force: true });
  });

  const start = (
    file: string,
    args: readonly string[] = [],
    script = "",
    variables: NodeJS.ProcessEnv = {},
  ): Promise<Ended & { readonly log: readonly { readonly [key: string]: unknown }[] }> => {
    const folder = mkdtempSync(join(tmpdir(), "device-double-"));
    folders.push(folder);
    writeFileSync(join(folder, "script"), `violations abort\npoison 171\n${script}`);
    const { NODE_TEST_CONTEXT: _, ...environment } = process.env;
    const child = spawn(process.execPath, ["--expose-gc", fileURLToPath(new URL(file, import.meta.url)), ...args], {
      stdio: ["ignore", "pipe", "pipe"],
      timeout: 60_000,
      killSignal: "SIGKILL",
      env: {
        ...environment,
        TEST_CUDA_DOUBLE: "1",
        ACCELERATE_TS_ONNXRUNTIME: doubles.onnxruntime,
        LD_LIBRARY_PATH: doubles.libraries,
        ACCELERATE_TS_DOUBLE_SCRIPT: join(folder, "script"),
        ACCELERATE_TS_DOUBLE_LOG: folder,
        ...variables,
      },
    });
    let text = "";
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (data) => {
        text += data;
      });
    return new Promise((resolve) => {
      child.on("close", (code) => {
        const logs = readdirSync(folder).filter((name) => name.endsWith(".jsonl"));
        const log = logs.flatMap((name) =>
          readFileSync(join(folder, name), "utf8")
            .split("\n")
            .filter(Boolean)
            .map((line) => JSON.parse(line)),
        );
        resolve({ code, text, log });
      });
    });
  };
  const ends = (log: readonly { readonly [key: string]: unknown }[]) =>
    log.flatMap(({ exit }) => (exit ? [exit as { leaks: object; violations: number }] : []));

  test("the conformance suite, with streams that are late", async () => {
    for (const file of ["./device-context.test.js", "./device-sessions.test.js"]) {
      const { code, text, log } = await start(file, ["cuda"], "delay 300\nseed 5\n");
      assert.equal(code, 0, text);
      assert.match(text, /# Subtest: .*n opened device: cuda:0\n/);
      assert.doesNotMatch(text, /cuda:0 # SKIP/, text);
      assert.deepEqual(
        ends(log).map(({ leaks, violations }) => [leaks, violations]),
        [[{}, 0]],
      );
    }
  });

  for (const [mode, code] of [
    ["exit", 7],
    ["reallyExit", 7],
    ["throw", 1],
    ["idle", 0],
    ["closed", 0],
    ["collected", 0],
    ["opening", 7],
    ["worker", 0],
    ["both", 7],
  ] as const)
    test(`the process ends by ${mode}`, async () => {
      const ended = await start("./fixtures/device-exit-child.js", ["cuda:0", mode], "delay 100\n");
      assert.equal(ended.code, code, ended.text);
      assert.doesNotMatch(ended.text, /terminate called|Segm|free\(\)|violation/);
    });

  test("a session with cudaGraph records the launches of what stays bound, and replays them", async () => {
    const { code, text, log } = await start("./fixtures/device-graph-child.js");
    assert.equal(code, 0, text);
    const counted = log.flatMap(({ exit }) => (exit ? [exit as { graphLaunches: number; violations: number; leaks: object }] : []));
    assert.equal(counted.length, 1);
    assert.ok(counted[0]!.graphLaunches >= 10, JSON.stringify(counted));
    assert.deepEqual([counted[0]!.violations, counted[0]!.leaks], [0, {}]);
  });

  test("libraries that the loader does not find are opened from folders", async () => {
    // The driver's is the system's; the others lie elsewhere, as pip lays them.
    const system = mkdtempSync(join(tmpdir(), "device-double-"));
    folders.push(system);
    symlinkSync(join(doubles.libraries, "libcuda.so.1"), join(system, "libcuda.so.1"));
    const without = await start("./fixtures/device-error-child.js", [], "", { LD_LIBRARY_PATH: system });
    assert.match(without.text, /^ERR_DEVICE_PROVIDER cuda:0 cannot be opened: lib\S+: cannot open shared object file.*accelerate-ts install cuda/);
    const named = await start("./fixtures/device-error-child.js", ["/nowhere", doubles.libraries], "", { LD_LIBRARY_PATH: system });
    assert.equal(named.text, "done\n");
  });

  test("kernels that were compiled for newer GPUs are not used, and that is told", async () => {
    const folder = mkdtempSync(join(tmpdir(), "device-double-"));
    folders.push(folder);
    const source = `#include "${join(packageRoot(), "src", "native", "cuda", "kernels")}/api.h"
      extern "C" const char* accelerate_ts_cuda_architectures() { return "sm_80 sm_90 compute_90"; }
      extern "C" const accelerate_ts::cuda::Kernels* accelerate_ts_cuda_kernels(unsigned v) {
        static accelerate_ts::cuda::Kernels table = {accelerate_ts::cuda::kernels_version, 13010};
        return v == table.version ? &table : nullptr;
      }`;
    writeFileSync(join(folder, "kernels.cc"), source);
    const built = spawnSync("c++", ["-std=c++17", "-shared", "-fPIC", "-w", "kernels.cc", "-o", "kernels.so"], { cwd: folder, encoding: "utf8" });
    assert.equal(built.status, 0, built.stderr);
    const { text, code } = await start("./fixtures/device-error-child.js", [], "compute 7.5\n", { ACCELERATE_TS_CUDA_KERNELS: join(folder, "kernels.so") });
    assert.equal(text, "the CUDA kernels are compiled for sm_80 sm_90 compute_90, and this GPU has compute 7.5\ndone\n");
    assert.equal(code, 0);
  });

  const errors: readonly { readonly what: string; readonly script: string; readonly wanted: RegExp }[] = [
    {
      what: "no GPU",
      script: "fail cudaGetDeviceCount every from=addon error=100\n",
      wanted: /^ERR_DEVICE_NONE cuda:0 cannot be opened: .*\(cudaErrorNoDevice, 100\).*nvidia-smi/,
    },
    {
      what: "a driver that is too old",
      script: "fail cudaGetDeviceCount every from=addon error=35\ndriver 12040\n",
      wanted: /^ERR_DEVICE_DRIVER .*serves CUDA 12\.4, the runtime is of 13\.\d.*newer NVIDIA driver/,
    },
    { what: "another GPU than there are", script: "devices 0\n", wanted: /^ERR_DEVICE_NONE / },
    {
      what: "no pinned memory",
      script: "fail cudaMallocHost nth=2 from=addon error=2\n",
      wanted: /^ERR_DEVICE_OPEN .*cudaMallocHost: .*\(cudaErrorMemoryAllocation, 2\)/,
    },
    { what: "no stream", script: "fail cudaStreamCreateWithFlags nth=1 from=addon error=2\n", wanted: /^ERR_DEVICE_OPEN .*cudaStreamCreateWithFlags/ },
    {
      what: "no memory for an array",
      script: "fail cudaMalloc nth=2 from=addon error=2\n",
      wanted: /^ERR_DEVICE_MEMORY cuda:0 has no memory for float32 \[1000\].*of the GPU's \d+ bytes are free/,
    },
    {
      what: "no memory in a run",
      script: "fail cudaMalloc every from=provider error=2\n",
      wanted: /^ERR_DEVICE_MEMORY run of product failed.*arrays take \d+ bytes/s,
    },
    {
      what: "a copy that fails",
      script: "fail cudaMemcpyAsync nth=1 from=addon error=700\n",
      wanted: /^ERR_DEVICE a copy to cuda:0 failed: cudaMemcpyAsync: /,
    },
    { what: "a kernel that fails", script: "fail launch: nth=1 error=700\n", wanted: /^ERR_RUN run of product failed: operator MatMul, node product_0 / },
    { what: "nothing at all", script: "", wanted: /^done$/m },
  ];
  for (const { what, script, wanted } of errors)
    test(`${what} is told`, async () => {
      const { code, text } = await start("./fixtures/device-error-child.js", [], script);
      assert.match(text, wanted);
      assert.equal(code, 0, text);
    });
});
