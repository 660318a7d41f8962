// The course's program runs as users write it: a .ts file through the register hook, on local files, from any folder.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { packageRoot } from "../../src/package-root.js";
import { inWorkplace } from "./workplace.js";

const root = packageRoot(import.meta.url);
const run = promisify(execFile);

const check = (program: string): Promise<void> =>
  inWorkplace(async (folder) => {
    await writeFile(join(folder, "course-plain.ts"), program);
    const { stdout } = await run(process.execPath, ["--import", "accelerate-ts/register", "course-plain.ts", "checkpoint"], { cwd: folder });
    assert.match(stdout, /sentence1/, "the dataset is printed");
    for (const epoch of [1, 2, 3]) assert.match(stdout, new RegExp(`^${epoch} \\{ accuracy: [\\d.]+, f1: [\\d.]+ \\}$`, "m"));
    for (const file of ["config.json", "model.safetensors", "tokenizer.json"]) assert.ok(existsSync(join(folder, "mrpc-model", file)), `${file} was saved`);
  });

test("the plain loop of the course trains, evaluates and saves", () =>
  check(readFileSync(join(root, "test", "examples", "programs", "course-plain.ts"), "utf8")));

const design = join(root, "..", "shared", "design", "programs", "course-plain.ts");
test("the users' program of the design runs as written but for the hub id", {
  skip: existsSync(design) ? false : "the design's programs are not beside this checkout",
}, () => {
  const text = readFileSync(design, "utf8");
  const local = text.replace('loadDataset("glue", "mrpc")', 'loadDataset("json", { dataFiles: { train: "train.jsonl", validation: "validation.jsonl" } })');
  assert.notEqual(local, text, "the program loads glue/mrpc");
  return check(local);
});
