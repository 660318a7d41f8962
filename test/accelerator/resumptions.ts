// Runs of programs/resumed.ts that go to their end, or are killed where they were told to hang.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before } from "node:test";
import { fileURLToPath } from "node:url";
import { launch } from "../support/launch.js";
import type { ResumedResult, ResumedSettings } from "./programs/resumed.js";

export const program = new URL("./programs/resumed.js", import.meta.url);
const several = new URL("./programs/trainings.js", import.meta.url);
const cli = fileURLToPath(new URL("../../launcher/cli.js", import.meta.url));

export type Given = Partial<ResumedSettings> & { readonly projectDir: string };

/** To be called in a describe: its runs share a folder, which goes after its tests. */
export function resumptions() {
  let folder: string;
  let runs = 0;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "resume-"));
  });
  after(() => rm(folder, { recursive: true, force: true }));

  // 44 rows in batches of 2 for each of two workers: 11 micro-batches an epoch, windows of 3, 3, 3 and 2.
  const common = { batch: 2, rows: 44, epochs: 3, accumulation: 3 };
  const complete = (given: Given): ResumedSettings => ({ ...common, out: join(folder, `${++runs}.json`), ...given });
  const read = ({ out }: ResumedSettings): ResumedResult => JSON.parse(readFileSync(out, "utf8")) as ResumedResult;

  /** One after the other in the same workers: what a process costs at its start is paid once. */
  async function runAll(workers: number, given: readonly Given[]): Promise<ResumedResult[]> {
    const all = given.map(complete);
    const options = ["--num-processes", String(workers)];
    const { code, stderr } = await launch({ script: several, options, args: [JSON.stringify(all), "resumed"] });
    assert.equal(code, 0, stderr);
    return all.map(read);
  }
  const run = async (workers: number, given: Given): Promise<ResumedResult> => (await runAll(workers, [given]))[0]!;
  /** Runs to `hangAt` and kills launcher and workers there. */
  async function killed(workers: number, given: Given): Promise<ResumedResult | undefined> {
    const settings = complete(given);
    const child = spawn(process.execPath, [cli, "launch", "--num-processes", String(workers), fileURLToPath(program), JSON.stringify(settings)], {
      detached: true,
      stdio: ["ignore", "ignore", "pipe"],
    });
    let stderr = "";
    child.stderr.on("data", (chunk: Buffer) => {
      stderr += chunk;
    });
    const closed = new Promise((resolve) => child.on("close", resolve));
    const hanging = settings.dieAt ? [settings.dieAt.rank] : Array.from({ length: workers }, (_, rank) => rank);
    const marks = hanging.map((rank) => `${settings.out}.hangs-${rank}`);
    const deadline = Date.now() + 300_000;
    while (!marks.every(existsSync)) {
      assert.ok(child.exitCode === null && Date.now() < deadline, stderr);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    process.kill(-child.pid!, "SIGKILL");
    await closed;
    return settings.dieAt ? undefined : read(settings);
  }
  const project = (name: string): string => join(folder, name);

  const straight = new Map<string, Promise<ResumedResult>>();
  function never(workers: number, given: Omit<Given, "projectDir"> = {}): Promise<ResumedResult> {
    const key = JSON.stringify([workers, given]);
    if (!straight.has(key)) straight.set(key, run(workers, { ...given, projectDir: project(`straight-${straight.size}`) }));
    return straight.get(key)!;
  }
  return { run, runAll, killed, never, project, complete, read, folder: () => folder };
}
