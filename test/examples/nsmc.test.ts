// The users' program for Korean sentiment, and the example of it, on generated reviews in NSMC's format with a tiny cased tokenizer.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { withReviews } from "./reviews.js";
import { assertAsWritten, programOf } from "./workplace.js";

const run = promisify(execFile);
const example = join(dirname(fileURLToPath(import.meta.url)), "..", "..", "examples", "nsmc.js");
const trainLine = /^TRAIN - EPOCH (\d+) \| LOSS: (\d\.\d{4}) ACC: [01]\.\d{4} F1: [01]\.\d{4}$/gm;
const evalLine = /^EVAL \| LOSS: \d\.\d{4} ACC: [01]\.\d{4} F1: [01]\.\d{4}$/m;

const program = programOf("nsmc.ts");
test("the users' program trains ten epochs and evaluates", () =>
  withReviews(async (folder) => {
    await writeFile(join(folder, "nsmc.ts"), program.text);
    const args = ["--import", "accelerate-ts/register", "nsmc.ts", "ratings_train.txt", "ratings_test.txt", "korean"];
    const { stdout } = await run(process.execPath, args, { cwd: folder });
    assert.equal([...stdout.matchAll(trainLine)].length, 10, stdout);
    assert.match(stdout, evalLine);
  }));
test("it is the users' program of the design as written", { skip: program.skip }, () => assertAsWritten(program));

test("the example learns from the reviews", () =>
  withReviews(async (folder) => {
    const args = [example, "ratings_train.txt", "ratings_test.txt", "korean", "--epochs", "4", "--lr", "1e-2", "--batch", "16"];
    const { stdout } = await run(process.execPath, args, { cwd: folder });
    const losses = [...stdout.matchAll(trainLine)].map((match) => Number(match[2]));
    assert.equal(losses.length, 4, stdout);
    assert.ok(losses.at(-1)! < losses[0]! / 2, `the loss falls: ${losses.join(", ")}`);
    assert.match(stdout, evalLine);
  }));
