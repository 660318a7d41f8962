// Workers from within a running program: values come back by rank, the first error is the one that is seen, and nothing outlives the program.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { type AccelerateError, debugLauncher, notebookLauncher, tensor } from "../../src/index.js";

// A test runner's own variable must not reach the workers.
delete process.env.NODE_TEST_CONTEXT;

const filename = new URL("./programs/launched-functions.js", import.meta.url);
const folders: string[] = [];
const folder = async (): Promise<string> => {
  const made = await mkdtemp(join(tmpdir(), "launchers-"));
  folders.push(made);
  return made;
};
after(() => Promise.all(folders.map((made) => rm(made, { recursive: true, force: true }))));
const quiet = { onOutput: () => {} };

/** The workers' processes, once all have left their numbers. */
async function pidsIn(made: string, workers: number): Promise<number[]> {
  const files = Array.from({ length: workers }, (_, rank) => join(made, `worker-${rank}`));
  for (let waited = 0; !files.every((file) => existsSync(file) && readFileSync(file, "utf8")); waited += 50) {
    assert.ok(waited < 120_000, "the workers start");
    await sleep(50);
  }
  return files.map((file) => Number(readFileSync(file, "utf8")));
}
const alive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    // What has ended and was not looked at yet is no process any more.
    return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return false;
  }
};
async function allGone(pids: readonly number[]): Promise<void> {
  for (let waited = 0; pids.some(alive); waited += 50) {
    assert.ok(waited < 60_000, `processes ${pids.filter(alive).join(", ")} are still there`);
    await sleep(50);
  }
}

describe("notebookLauncher", () => {
  it("gives back what the function returned on every rank, and shows what it wrote", async () => {
    let output = "";
    const names = new Map([["a", 1n]]);
    const values = await notebookLauncher({ filename, name: "sum" }, [10, names], { numProcesses: 3, cpu: true, onOutput: (text) => (output += text) });
    assert.deepEqual(
      values,
      [0, 1, 2].map((rank) => ({ rank, sum: 33, names })),
    );
    for (const rank of [0, 1, 2]) assert.match(output, new RegExp(`worker ${rank} is here`));
  });

  it("fails with the error of the worker that failed, not of those that waited for it", async () => {
    await assert.rejects(debugLauncher({ filename, name: "fail" }, [], quiet), (error: AccelerateError) => {
      assert.equal(error.code, "ERR_LAUNCH_FAILED");
      assert.equal(error.message, "rank 1 failed: RangeError: no data here");
      const cause = error.cause as Error & { code: string };
      assert.deepEqual([cause.name, cause.message, cause.code], ["RangeError", "no data here", "E_DATA"]);
      assert.match(cause.stack!, /launched-functions/);
      return true;
    });
  });

  it("runs modules in TypeScript", async () => {
    const made = await folder();
    const module = join(made, "double.ts");
    await writeFile(module, "export const double = (x: number): number => (x as number) * 2;\n");
    assert.deepEqual(await notebookLauncher<number>({ filename: module, name: "double" }, [4], { ...quiet, numProcesses: 1, cpu: true }), [8]);
  });

  it("takes no settings of other launches from files", async () => {
    const made = await folder();
    await writeFile(join(made, "default_config.yaml"), "num_machines: 2\nnum_processes: 4\n");
    process.env.ACCELERATE_TS_HOME = made;
    try {
      const values = await notebookLauncher<{ sum: number }>({ filename, name: "sum" }, [1], quiet);
      assert.deepEqual(
        values.map(({ sum }) => sum),
        [1],
      );
    } finally {
      delete process.env.ACCELERATE_TS_HOME;
    }
  });

  it("says what cannot travel, and what is not there", async () => {
    const refuse = (given: Promise<unknown>, message: RegExp) => assert.rejects(given, message);
    await Promise.all([
      refuse(debugLauncher((() => 1) as never), /a function cannot travel to other processes: export it from a module/),
      refuse(debugLauncher({ filename, name: "sum" }, [() => 1]), /the arguments cannot travel to other processes/),
      refuse(debugLauncher({ filename, name: "sum" }, [{ x: tensor(1) }]), /the arguments cannot travel to other processes: \[0\]\.x is a tensor/),
      refuse(debugLauncher({ filename: fileURLToPath(import.meta.url), name: "x" }), /x lies in the main script/),
      refuse(debugLauncher({ filename, name: "sum" }, [], { numProcesses: 0 }), /numProcesses is 0/),
    ]);
    await refuse(
      notebookLauncher({ filename, name: "nobody" }, [], { ...quiet, numProcesses: 1 }),
      /exports no function nobody: its functions are fail, functionBack, leave, stay, sum, tensorBack/,
    );
    await refuse(notebookLauncher({ filename, name: "functionBack" }, [], { ...quiet, numProcesses: 1 }), /what the function returned on rank 0 cannot travel/);
    await refuse(notebookLauncher({ filename, name: "tensorBack" }, [], { ...quiet, numProcesses: 1 }), /cannot travel: the value is a tensor/);
    await refuse(
      notebookLauncher({ filename, name: "leave" }, [], { ...quiet, numProcesses: 1 }),
      /the workers ended with code 0, without the function's values/,
    );
  });

  it("ends its workers when it is aborted", async () => {
    const made = await folder();
    const controller = new AbortController();
    const running = debugLauncher({ filename, name: "stay" }, [made], { ...quiet, signal: controller.signal });
    const rejected = assert.rejects(running, /enough/);
    const pids = await pidsIn(made, 2);
    controller.abort(new Error("enough"));
    await rejected;
    await allGone(pids);
    await assert.rejects(debugLauncher({ filename, name: "stay" }, [made], { signal: controller.signal }), /enough/);
  });

  it("leaves no worker behind when the program is killed", { skip: process.platform === "linux" ? false : "needs /proc" }, async () => {
    const made = await folder();
    // What a killed program leaves in its folder for temporary files goes with ours.
    const env = { ...process.env, TMPDIR: made };
    const program = spawn(process.execPath, [fileURLToPath(new URL("./programs/launching.js", import.meta.url)), made], { stdio: "ignore", env });
    const pids = await pidsIn(made, 2);
    program.kill("SIGKILL");
    await allGone(pids);
  });
});
