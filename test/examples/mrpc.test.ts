// examples/mrpc.ts as a process on a tiny checkpoint: a line per epoch, a saved model, and the same numbers for the same seed.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { launched, lines } from "./launched.js";
import { inWorkplace } from "./workplace.js";

const run = promisify(execFile);
const program = join(dirname(fileURLToPath(import.meta.url)), "..", "..", "examples", "mrpc.js");

test("a BERT directory is fine-tuned on local JSON lines, twice the same", () =>
  inWorkplace(async (folder) => {
    const args = [program, "checkpoint", "train.jsonl", "validation.jsonl", "--epochs", "2", "--lr", "1e-3"];
    const first = await run(process.execPath, args, { cwd: folder });
    const epochs = first.stdout.split("\n").filter((line) => line.startsWith("epoch "));
    assert.equal(epochs.length, 2);
    for (const line of epochs) assert.match(line, /^epoch \d\/2 {2}train loss \d\.\d{4} {2}accuracy [01]\.\d{4} {2}f1 [01]\.\d{4}$/);
    assert.match(first.stdout, /^saved mrpc-model\/$/m);
    assert.ok(existsSync(join(folder, "mrpc-model", "model.safetensors")));
    const second = await run(process.execPath, args, { cwd: folder });
    assert.equal(second.stdout, first.stdout);
  }));

test("two workers train, score every row of the validation once, print once and save one model", () =>
  inWorkplace(async (folder) => {
    const args = [program, "checkpoint", "train.jsonl", "validation.jsonl", "--epochs", "2", "--batch", "4", "--lr", "1e-3"];
    const { stdout } = await launched(2)(args, { cwd: folder });
    const shown = lines(stdout);
    const epochs = shown.filter((line) => line.startsWith("epoch "));
    assert.equal(epochs.length, 2, stdout);
    // Of 10 rows: padding would make other fractions.
    for (const line of epochs) assert.match(line, /^epoch \d\/2 {2}train loss \d\.\d{4} {2}accuracy [01]\.\d000 {2}f1 [01]\.\d{4}$/);
    assert.equal(shown.at(-1), "saved mrpc-model/");
    for (const file of ["config.json", "model.safetensors", "tokenizer.json"]) assert.ok(existsSync(join(folder, "mrpc-model", file)), `${file} was saved`);
  }));

test("missing arguments and words in place of numbers end with code 2 and say what to give", async () => {
  const fails = (args: readonly string[]) =>
    run(process.execPath, [program, ...args]).then(
      () => assert.fail("it ran"),
      (error: { code: number; stderr: string }) => error,
    );
  const missing = await fails(["checkpoint"]);
  assert.equal(missing.code, 2);
  assert.match(missing.stderr, /^usage: /);
  const word = await fails(["checkpoint", "a.jsonl", "b.jsonl", "--epochs", "three"]);
  assert.equal(word.code, 2);
  assert.match(word.stderr, /--epochs three: give a number/);
});
