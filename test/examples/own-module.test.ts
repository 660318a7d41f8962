// A user's own Module with the loss outside of it: the example, and the users' program, on two workers and on one.
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { loadSafetensors } from "accelerate-ts/models";
import { packageRoot } from "../../src/package-root.js";
import { launched, lines, plain } from "./launched.js";
import { inWorkplace } from "./workplace.js";

const root = packageRoot(import.meta.url);
const example = join(dirname(fileURLToPath(import.meta.url)), "..", "..", "examples", "own-module.js");
const step = /loss \d+\.\d{4} {2}in-batch accuracy [01]\.\d{3} {2}grad norm \d+\.\d{2}$/;

test("the example trains an encoder on two workers and on one, and freezes what it says", () =>
  inWorkplace(async (folder) => {
    const args = [example, "checkpoint", "pairs.jsonl", "--epochs", "2", "--batch", "16", "--size", "8"];
    const before = await loadSafetensors(join(folder, "checkpoint", "model.safetensors"));
    const frozen = "embeddings.word_embeddings.weight";
    const trained = "encoder.layer.0.attention.self.value.weight";
    for (const [start, steps] of [
      [launched(2), 8], // 140 pairs, 32 in a step
      [plain, 16],
    ] as const) {
      const { stdout } = await start(args, { cwd: folder });
      const shown = lines(stdout);
      assert.equal(shown.filter((line) => step.test(line)).length, steps, stdout);
      assert.equal(shown.at(-1), "saved encoder.safetensors");
      const after = await loadSafetensors(join(folder, "encoder.safetensors"));
      assert.ok(after.has(`bert.${frozen}`), [...after.keys()].join(", "));
      assert.deepEqual(after.get(`bert.${frozen}`), before.get(`bert.${frozen}`));
      assert.notDeepEqual(after.get(`bert.${trained}`), before.get(`bert.${trained}`));
      await rm(join(folder, "encoder.safetensors"));
    }
  }));

test("missing arguments end with code 2 and say what to give", () =>
  assert.rejects(plain([example, "checkpoint"]), (error: { code: number; stderr: string }) => error.code === 2 && /^usage: /.test(error.stderr)));

const design = join(root, "..", "shared", "design", "programs", "own-module.ts");
test(
  "the users' program of the design runs as written",
  {
    skip: existsSync(design) ? false : "the design's programs are not beside this checkout",
  },
  () =>
    inWorkplace(async (folder) => {
      await writeFile(join(folder, "own-module.ts"), readFileSync(design, "utf8"));
      for (const [start, steps] of [
        [launched(2), 2], // 140 pairs, 64 in a step
        [plain, 4],
      ] as const) {
        const { stdout } = await start(["own-module.ts", "pairs.jsonl", "checkpoint"], { cwd: folder });
        assert.equal(lines(stdout).filter((line) => step.test(line)).length, steps, stdout);
        assert.ok(existsSync(join(folder, "encoder.safetensors")));
        await rm(join(folder, "encoder.safetensors"));
      }
    }),
);
