// The users' program that is killed and goes on: on two workers and on one, the model at the end is that of a run that was never stopped.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { mkdir, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { launched, plain, type Start } from "./launched.js";
import { assertAsWritten, inWorkplace, programOf } from "./workplace.js";

const cli = fileURLToPath(new URL("../../launcher/cli.js", import.meta.url));
const program = programOf("resume.ts");
const args = ["resume.ts", "many.jsonl", "checkpoint"];

/** Starts a run and kills all of it, launcher and workers, once its first checkpoint is there. False: it ended before that, as it may on a machine that is busy elsewhere. */
async function killed(command: readonly string[], cwd: string): Promise<boolean> {
  const child = spawn(process.execPath, command, { cwd, detached: true, stdio: ["ignore", "ignore", "pipe"] });
  let stderr = "";
  child.stderr.on("data", (chunk: Buffer) => {
    stderr += chunk;
  });
  const ended = new Promise<NodeJS.Signals | null>((resolve) => child.on("close", (_, signal) => resolve(signal)));
  const checkpoint = join(cwd, "run", "checkpoints", "checkpoint_0");
  const deadline = Date.now() + 300_000;
  while (!existsSync(checkpoint) && child.exitCode === null && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 5));
  if (child.exitCode === null) process.kill(-child.pid!, "SIGKILL");
  const signal = await ended;
  assert.ok(existsSync(checkpoint), stderr);
  return signal === "SIGKILL";
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
  for (let tries = 1; !(await killed(command, stopped)); tries++) {
    assert.ok(tries < 10, "it always ended before it was killed");
    await rm(join(stopped, "run"), { recursive: true });
  }
  const { stderr } = await start(args, { cwd: stopped });
  assert.equal(modelOf(stopped), modelOf(straight), stderr);
  assert.deepEqual((await readdir(join(stopped, "run", "checkpoints"))).sort(), (await readdir(join(straight, "run", "checkpoints"))).sort());
}

test("a run that is killed goes on where its checkpoint was made and ends as one that was not", () =>
  inWorkplace(async (folder) => {
    await writeFile(join(folder, "resume.ts"), program.text);
    const rows = readFileSync(join(folder, "pairs.jsonl"), "utf8").split("\n").filter(Boolean);
    const many = (count: number) => writeFile(join(folder, "many.jsonl"), Array.from({ length: count }, (_, i) => rows[(i * 7) % rows.length]).join("\n"));
    // 60 batches an epoch for each worker: the checkpoint lies in the middle of the second.
    await many(1920);
    await check(launched(2), [cli, "launch", "--cpu", "--num-processes", "2", ...args], folder, "two");
    await many(960);
    await check(plain, ["--import", "accelerate-ts/register", ...args], folder, "one");
  }));

test("it is the users' program of the design as written", { skip: program.skip }, () => assertAsWritten(program));
