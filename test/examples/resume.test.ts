// The users' program that is killed and goes on: on two workers and on one, the model at the end is that of a run that was never stopped.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { mkdir, readdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { packageRoot } from "../../src/package-root.js";
import { launched, plain, type Start } from "./launched.js";
import { inWorkplace } from "./workplace.js";

const root = packageRoot(import.meta.url);
const cli = fileURLToPath(new URL("../../launcher/cli.js", import.meta.url));
const args = ["resume.ts", "many.jsonl", "checkpoint"];

/** Starts a run and kills all of it, launcher and workers, once its first checkpoint is there. */
async function killed(command: readonly string[], cwd: string): Promise<void> {
  const child = spawn(process.execPath, command, { cwd, detached: true, stdio: ["ignore", "ignore", "pipe"] });
  let stderr = "";
  child.stderr.on("data", (chunk: Buffer) => {
    stderr += chunk;
  });
  const ended = new Promise<void>((resolve) => child.on("close", () => resolve()));
  const checkpoint = join(cwd, "run", "checkpoints", "checkpoint_0");
  const deadline = Date.now() + 60_000;
  while (!existsSync(checkpoint) && child.exitCode === null && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 20));
  // Somewhere behind it.
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.equal(child.exitCode, null, `it ended before it was killed:\n${stderr}`);
  process.kill(-child.pid!, "SIGKILL");
  await ended;
  assert.ok(existsSync(checkpoint), stderr);
}
const modelOf = (cwd: string): string =>
  createHash("sha256")
    .update(readFileSync(join(cwd, "run", "model", "model.safetensors")))
    .digest("hex");

async function check(start: Start, command: readonly string[], folder: string, name: string): Promise<void> {
  const [straight, stopped] = [join(folder, `${name}-straight`), join(folder, `${name}-stopped`)];
  for (const cwd of [straight, stopped]) {
    await mkdir(cwd);
    for (const file of ["resume.ts", "many.jsonl", "checkpoint", "package.json", "node_modules"]) await symlink(join(folder, file), join(cwd, file));
  }
  await start(args, { cwd: straight });
  await killed(command, stopped);
  const { stderr } = await start(args, { cwd: stopped });
  assert.equal(modelOf(stopped), modelOf(straight), stderr);
  assert.deepEqual((await readdir(join(stopped, "run", "checkpoints"))).sort(), (await readdir(join(straight, "run", "checkpoints"))).sort());
}

const everywhere = (program: string): Promise<void> =>
  inWorkplace(async (folder) => {
    await writeFile(join(folder, "resume.ts"), program);
    const rows = readFileSync(join(folder, "pairs.jsonl"), "utf8").split("\n").filter(Boolean);
    // 80 batches an epoch for each of two workers: the second checkpoint lies in the middle of the third.
    await writeFile(join(folder, "many.jsonl"), Array.from({ length: 2560 }, (_, i) => rows[(i * 7) % rows.length]).join("\n"));
    await check(launched(2), [cli, "launch", "--cpu", "--num-processes", "2", ...args], folder, "two");
    await writeFile(join(folder, "many.jsonl"), Array.from({ length: 1280 }, (_, i) => rows[(i * 7) % rows.length]).join("\n"));
    await check(plain, ["--import", "accelerate-ts/register", ...args], folder, "one");
  });

test("a run that is killed goes on where its checkpoint was made and ends as one that was not", () =>
  everywhere(readFileSync(join(root, "test", "examples", "programs", "resume.ts"), "utf8")));

const design = join(root, "..", "shared", "design", "programs", "resume.ts");
test("the users' program of the design runs as written", { skip: existsSync(design) ? false : "the design's programs are not beside this checkout" }, () =>
  everywhere(readFileSync(design, "utf8")),
);
