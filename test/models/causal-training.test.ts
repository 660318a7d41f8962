// A causal language model with tied weights trains on two workers as on one with batches twice as large.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { it } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { launch } from "../support/launch.js";
import { goldenFile, near } from "./golden-support.js";
import type { CausalResult, CausalSettings } from "./programs/causal-lm.js";

const program = new URL("./programs/causal-lm.js", import.meta.url);

async function train(workers: number, folder: string): Promise<CausalResult> {
  const out = join(folder, `${workers}.json`);
  const settings: CausalSettings = { folder: goldenFile("families/GPT2LMHeadModel"), out, batch: 4 / workers, steps: 8 };
  const args = [JSON.stringify(settings)];
  if (workers === 1) await promisify(execFile)(process.execPath, [fileURLToPath(program), ...args]);
  else {
    const { code, stdout, stderr } = await launch({ options: ["--num-processes", String(workers)], script: program, args });
    assert.equal(code, 0, stdout + stderr);
  }
  return JSON.parse(await readFile(out, "utf8")) as CausalResult;
}

it("a GPT-2 on two workers equals one with the double batch, tied weights and all", async () => {
  const folder = await mkdtemp(join(tmpdir(), "causal-"));
  try {
    const [one, two] = await Promise.all([train(1, folder), train(2, folder)]);
    assert.ok(one.tied && two.tied);
    assert.equal(one.losses.length, 8);
    assert.ok(one.losses[7]! < one.losses[0]!);
    near(two.losses, one.losses, 2e-6, "losses");
    for (const [name, values] of Object.entries(one.parameters)) {
      // The gradient of a key's bias is zero in exact arithmetic, and Adam blows up what rounding leaves of it: [keys] are the middle third.
      const compared = (all: readonly number[]): readonly number[] => (name.endsWith("c_attn.bias") ? [...all.slice(0, 8), ...all.slice(16)] : all);
      near(compared(two.parameters[name]!), compared(values), 2e-5, name);
    }
  } finally {
    await rm(folder, { recursive: true });
  }
});
