// The course's program runs as users write it: a .ts file through the register hook, on local files, from any folder.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { assertAsWritten, inWorkplace, programOf } from "./workplace.js";

const run = promisify(execFile);

const check = (program: string): Promise<void> =>
  inWorkplace(async (folder) => {
    await writeFile(join(folder, "course-plain.ts"), program);
    const { stdout } = await run(process.execPath, ["--import", "accelerate-ts/register", "course-plain.ts", "checkpoint"], { cwd: folder });
    assert.match(stdout, /sentence1/, "the dataset is printed");
    for (const epoch of [1, 2, 3]) assert.match(stdout, new RegExp(`^${epoch} \\{ accuracy: [\\d.]+, f1: [\\d.]+ \\}$`, "m"));
    for (const file of ["config.json", "model.safetensors", "tokenizer.json"]) assert.ok(existsSync(join(folder, "mrpc-model", file)), `${file} was saved`);
  });

const program = programOf("course-plain.ts");
test("the plain loop of the course trains, evaluates and saves", () => check(program.text));
test("it is the users' plain program of the design as written", { skip: program.skip }, () => assertAsWritten(program));
