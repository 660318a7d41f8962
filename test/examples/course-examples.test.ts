// The examples of the course as processes on a tiny checkpoint: a line per epoch, a saved model, and the same numbers for the same seed.
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
const programs = join(dirname(fileURLToPath(import.meta.url)), "..", "..", "examples", "course");
const [plain, accelerated] = [join(programs, "plain.js"), join(programs, "accelerated.js")];
const epochLine = /^epoch \d\/2 {2}train loss \d\.\d{4} {2}accuracy [01]\.\d{4} {2}f1 [01]\.\d{4}$/;
const common = ["checkpoint", "--data", ".", "--epochs", "2", "--lr", "1e-3"];
const epochsOf = (shown: readonly string[]) => shown.filter((line) => line.startsWith("epoch "));

test("a BERT directory is fine-tuned on a folder of pairs, twice the same, and one worker gives what the plain loop gives", () =>
  inWorkplace(async (folder) => {
    const first = await run(process.execPath, [plain, ...common], { cwd: folder });
    const epochs = epochsOf(first.stdout.split("\n"));
    assert.equal(epochs.length, 2);
    for (const line of epochs) assert.match(line, epochLine);
    assert.match(first.stdout, /^saved mrpc-model\/$/m);
    assert.ok(existsSync(join(folder, "mrpc-model", "model.safetensors")));
    for (const program of [plain, accelerated]) assert.equal((await run(process.execPath, [program, ...common], { cwd: folder })).stdout, first.stdout);
  }));

test("two workers train, score every row of the validation once, print once and save one model", () =>
  inWorkplace(async (folder) => {
    const { stdout } = await launched(2)([accelerated, ...common, "--batch", "4"], { cwd: folder });
    const shown = lines(stdout);
    const epochs = epochsOf(shown);
    assert.equal(epochs.length, 2, stdout);
    // Of 10 rows: padding would make other fractions.
    for (const line of epochs) assert.match(line, /^epoch \d\/2 {2}train loss \d\.\d{4} {2}accuracy [01]\.\d000 {2}f1 [01]\.\d{4}$/);
    assert.equal(shown.at(-1), "saved mrpc-model/");
    for (const file of ["config.json", "model.safetensors", "tokenizer.json"]) assert.ok(existsSync(join(folder, "mrpc-model", file)), `${file} was saved`);
  }));

test("words in place of numbers end with code 2 and say what to give", async () => {
  const { code, stderr } = await run(process.execPath, [plain, "checkpoint", "--epochs", "three"]).then(
    () => assert.fail("it ran"),
    (error: { code: number; stderr: string }) => error,
  );
  assert.equal(code, 2);
  assert.match(stderr, /--epochs three: give a number/);
});
