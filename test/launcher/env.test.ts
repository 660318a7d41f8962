// accelerate-ts env: GPUs as nvidia-smi tells them, NCCL, and where settings come from.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite, test } from "node:test";
import { fileURLToPath } from "node:url";
import { type EnvironmentReport, readEnvironment } from "../../launcher/environment.js";
import { findLibrary } from "../../launcher/gpu/find-library.js";
import { gpusOfSmi, readGpus, visibleAmong } from "../../launcher/gpu/gpus.js";
import { kernelsOf } from "../../launcher/gpu/kernels.js";
import { packageRoot } from "../../src/package-root.js";
import { folderOf } from "../data/files.js";

const cli = fileURLToPath(new URL("../../launcher/cli.js", import.meta.url));
const ids = ["GPU-8932f937-d72c-4106-c12f-20bd9faed9f6", "GPU-11111111-d72c-4106-c12f-20bd9faed9f6"];
const two = `0, ${ids[0]}, NVIDIA A100-SXM4-80GB, 81920, 535.104.05, 8.0\n1, ${ids[1]}, NVIDIA H100 80GB HBM3, 81559, 535.104.05, 9.0\n`;

suite("accelerate-ts env", () => {
  test("reads GPUs from nvidia-smi where the driver's library cannot be asked, and takes one that fails or says nonsense for none", async (t) => {
    const gpus = [
      { index: 0, name: "NVIDIA A100-SXM4-80GB", memory: 81920 * 2 ** 20, uuid: ids[0]!, compute: "8.0" },
      { index: 1, name: "NVIDIA H100 80GB HBM3", memory: 81559 * 2 ** 20, uuid: ids[1]!, compute: "9.0" },
    ];
    assert.deepEqual(gpusOfSmi(two), { gpus, driver: "535.104.05" });
    assert.deepEqual(gpusOfSmi("No devices were found\n"), { gpus: [] });
    const folder = await folderOf(t, {});
    const smi = join(folder, "nvidia-smi");
    const answers = async (script: string) => {
      writeFileSync(smi, `#!/bin/sh\n${script}\n`);
      chmodSync(smi, 0o755);
      return readGpus({ PATH: `${folder}:/usr/bin:/bin`, CUDA_VISIBLE_DEVICES: "1" }, undefined, "no library");
    };
    const found = await answers(`printf '${two}'`);
    assert.deepEqual([found.driver, found.gpus.map(({ index, name }) => [index, name])], ["535.104.05", [[0, "NVIDIA H100 80GB HBM3"]]]);
    assert.match(found.trouble?.what ?? "", /^the NVIDIA driver could not be asked \(no library\)$/);
    assert.deepEqual((await answers("echo driver mismatch; exit 18")).gpus, []);
    assert.deepEqual((await readGpus({ PATH: "/nowhere" }, undefined)).gpus, []);
  });

  test("numbers GPUs as CUDA_VISIBLE_DEVICES names them: by number, by UUID, none", () => {
    const { gpus } = gpusOfSmi(two);
    const names = (CUDA_VISIBLE_DEVICES?: string) => visibleAmong(gpus, { CUDA_VISIBLE_DEVICES }).map(({ index, uuid }) => `${index} ${ids.indexOf(uuid!)}`);
    assert.deepEqual(names(), ["0 0", "1 1"]);
    assert.deepEqual(names("1,0"), ["0 1", "1 0"]);
    assert.deepEqual(names("GPU-1111"), ["0 1"]);
    assert.deepEqual(names("1,7,0"), ["0 1"]); // as CUDA: what follows a GPU that is not there does not count
    assert.deepEqual(names(""), []);
  });

  test("finds libraries where the loader would", async (t) => {
    const folder = await folderOf(t, { "libnccl.so.2": "" });
    assert.equal(findLibrary("libnccl.so.2", { LD_LIBRARY_PATH: `/nowhere:${folder}` }), join(folder, "libnccl.so.2"));
    assert.equal(findLibrary("libnothing-at-all.so.1", {}), undefined);
  });

  test("tells files of settings and origins, and names settings that cannot be used among the problems", async (t) => {
    const folder = await folderOf(t, {
      "accelerate.config.mjs": "export const config = { numProcesses: 2 };",
      "bad/accelerate.config.mjs": "export const config = { numProceses: 2 };",
    });
    const call = (cwd: string, ...flags: string[]) =>
      spawnSync(process.execPath, [cli, "env", ...flags], {
        cwd,
        encoding: "utf8",
        env: { ...process.env, ACCELERATE_TS_HOME: folder, ACCELERATE_USE_CPU: "1" },
      });
    const report = JSON.parse(call(folder, "--json").stdout) as EnvironmentReport;
    assert.deepEqual(report.config?.files, [join(folder, "accelerate.config.mjs")]);
    assert.deepEqual(report.config?.settings.cpu, { value: true, origin: "environment", name: "ACCELERATE_USE_CPU" });
    assert.deepEqual(report.problems, []);
    const { status, stdout } = call(folder);
    assert.equal(status, 0);
    assert.match(
      stdout,
      /^gpus .*\ncuda provider .*\ncuda libraries .*\ncuda kernels .*\nwebgpu .*\n[\s\S]*^settings +num-processes +2 +numProcesses \(accelerate\.config\.mjs\)\n/m,
    );
    const bad = JSON.parse(call(join(folder, "bad"), "--json").stdout) as EnvironmentReport;
    assert.match(bad.problems[0]?.what ?? "", /unknown key numProceses \(did you mean numProcesses\?\)/);
    assert.equal(bad.config, undefined);
  });

  test("tells whether our CUDA kernels are there, what for, or why they are not used and what to do", {
    skip: process.platform !== "linux" && "Linux only",
  }, async (t) => {
    const folder = await folderOf(t, {
      "text.so": "no library",
      "other.cc": 'extern "C" const void* accelerate_ts_cuda_kernels(unsigned v) { return v == 1 ? "" : nullptr; }',
    });
    const here = join(packageRoot(), "src", "native", "cuda", "kernels");
    writeFileSync(
      join(folder, "ours.cc"),
      `#include "${here}/api.h"
      extern "C" const char* accelerate_ts_cuda_architectures() { return "sm_80 compute_90"; }
      extern "C" const accelerate_ts::cuda::Kernels* accelerate_ts_cuda_kernels(unsigned v) {
        static accelerate_ts::cuda::Kernels table = {accelerate_ts::cuda::kernels_version, 13010};
        return v == table.version ? &table : nullptr;
      }`,
    );
    for (const name of ["other", "ours"]) {
      const { status, stderr } = spawnSync("c++", ["-shared", "-fPIC", "-w", join(folder, `${name}.cc`), "-o", join(folder, `${name}.so`)], {
        encoding: "utf8",
      });
      if (status !== 0) return t.skip(`no compiler: ${stderr}`);
    }
    const facts = async (ACCELERATE_TS_CUDA_KERNELS: string) => {
      const env = { ...process.env, ACCELERATE_TS_CUDA_KERNELS };
      return (await readEnvironment(env, folder)).report;
    };
    const used = (await facts(join(folder, "ours.so"))).cuda.kernels;
    assert.deepEqual({ ...used, version: 0 }, { version: 0, state: "used", cuda: "13.1", architectures: "sm_80 compute_90", file: join(folder, "ours.so") });
    assert.equal((await facts("0")).cuda.kernels?.state, "switched off");
    for (const [name, why, cure] of [
      ["text.so", /text\.so are not used: .*(too short|invalid ELF header)/, /build-native --cuda/],
      ["other.so", /built from other sources \(version 1\)/, /build-native --cuda/],
      ["gone.so", /names .*gone\.so, which is not there/, /unset it/],
    ] as const) {
      const { cuda, problems } = await facts(join(folder, name));
      assert.equal(cuda.kernels?.state, "not usable");
      const problem = problems.find(({ what }) => why.test(what));
      assert.match(problem?.cure ?? JSON.stringify(problems), cure);
    }
    const old = kernelsOf(
      { ACCELERATE_TS_CUDA_KERNELS: join(folder, "ours.so") },
      { fits: true, architectures: "sm_80 compute_90" },
      {
        gpus: [{ index: 0, name: "Tesla T4", memory: 16e9, compute: "7.5" }],
        libraries: "",
      },
    );
    assert.match(old.trouble?.what ?? "", /compiled for sm_80 compute_90, and cuda:0 has compute 7\.5/);
  });
});
