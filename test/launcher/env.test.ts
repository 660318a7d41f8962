// accelerate-ts env: GPUs as nvidia-smi tells them, NCCL, and where settings come from.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite, test } from "node:test";
import { fileURLToPath } from "node:url";
import type { EnvironmentReport } from "../../launcher/environment.js";
import { findNccl, gpusOf, readGpus } from "../../launcher/gpus.js";
import { folderOf } from "../data/files.js";

const cli = fileURLToPath(new URL("../../launcher/cli.js", import.meta.url));
const two = "0, NVIDIA A100-SXM4-80GB, 81920, 535.104.05\n1, NVIDIA H100 80GB HBM3, 81559, 535.104.05\n";

suite("accelerate-ts env", () => {
  test("reads GPUs from nvidia-smi, and takes one that fails, hangs or says nonsense for none", async (t) => {
    assert.deepEqual(gpusOf(two), [
      { index: 0, name: "NVIDIA A100-SXM4-80GB", memory: 81920 * 2 ** 20, driver: "535.104.05" },
      { index: 1, name: "NVIDIA H100 80GB HBM3", memory: 81559 * 2 ** 20, driver: "535.104.05" },
    ]);
    assert.deepEqual(gpusOf("No devices were found\n"), []);
    const folder = await folderOf(t, {});
    const smi = join(folder, "nvidia-smi");
    const answers = async (script: string) => {
      writeFileSync(smi, `#!/bin/sh\n${script}\n`);
      chmodSync(smi, 0o755);
      return (await readGpus({ PATH: `${folder}:/usr/bin:/bin` })).length;
    };
    assert.equal(await answers(`printf '${two}'`), 2);
    assert.equal(await answers("echo driver mismatch; exit 18"), 0);
    assert.deepEqual(await readGpus({ PATH: "/nowhere" }), []);
  });

  test("finds NCCL where the loader would", async (t) => {
    const folder = await folderOf(t, { "libnccl.so.2": "" });
    assert.equal(findNccl({ LD_LIBRARY_PATH: `/nowhere:${folder}` }), join(folder, "libnccl.so.2"));
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
    assert.match(stdout, /^nccl .*\n[\s\S]*^gpu.*\n[\s\S]*^settings +num-processes +2 +numProcesses \(accelerate\.config\.mjs\)\n/m);
    const bad = JSON.parse(call(join(folder, "bad"), "--json").stdout) as EnvironmentReport;
    assert.match(bad.problems[0]?.what ?? "", /unknown key numProceses \(did you mean numProcesses\?\)/);
    assert.equal(bad.config, undefined);
  });
});
