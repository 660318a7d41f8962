// The course's program on N workers and on one, as users write it: the same lines come out, once, and the same model.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { launched, lines, plain, type Start } from "./launched.js";
import { assertAsWritten, inWorkplace, programOf } from "./workplace.js";

async function check(start: Start, folder: string): Promise<void> {
  const { stdout } = await start(["course-accelerated.ts", "checkpoint"], { cwd: folder });
  const shown = lines(stdout);
  assert.equal(shown.filter((line) => line.includes("num_rows: 30")).length, 1, `the dataset is printed once:\n${stdout}`);
  for (const epoch of [1, 2, 3]) {
    const scores = shown.filter((line) => line.startsWith(`${epoch} {`));
    assert.equal(scores.length, 1, stdout);
    assert.match(scores[0]!, /^\d \{ accuracy: [\d.]+, f1: [\d.]+ \}$/);
    // Of 10 rows: padding would make other fractions.
    assert.match(scores[0]!, /accuracy: (0\.\d|1|0),/);
  }
  for (const file of ["config.json", "model.safetensors", "tokenizer.json"]) assert.ok(existsSync(join(folder, "mrpc-model", file)), `${file} was saved`);
  await rm(join(folder, "mrpc-model"), { recursive: true });
}

const everywhere = (program: string): Promise<void> =>
  inWorkplace(async (folder) => {
    await writeFile(join(folder, "course-accelerated.ts"), program);
    for (const start of [launched(2), plain]) await check(start, folder);
  });

const program = programOf("course-accelerated.ts");
test("the accelerated loop of the course trains, evaluates and saves on two workers and on one", () => everywhere(program.text));
test("it is the users' accelerated program of the design as written", { skip: program.skip }, () => assertAsWritten(program));
