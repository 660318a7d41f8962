// A job of several workers that is killed and goes on: bit for bit on as many workers, in the same order on others.
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { cp, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import type { WritePoint } from "../../src/checkpoint/index.js";
import { launch } from "../support/launch.js";
import { glooMissing, launchOnTwoHosts } from "../support/two-hosts.js";
import type { CheckpointErrors } from "./programs/checkpoint-errors.js";
import type { ResumedResult, ResumedSettings } from "./programs/resumed.js";
import { program, resumptions } from "./resumptions.js";

describe("a job that is killed", () => {
  const { run, runAll, killed, never, project, complete, read, folder } = resumptions();

  function assertGoesOn(whole: ResumedResult, first: ResumedResult, second: ResumedResult, at: number): void {
    assert.deepEqual(first.losses, whole.losses.slice(0, first.losses.length));
    assert.deepEqual(second.losses, whole.losses.slice(at), "losses");
    assert.deepEqual(second.rows, whole.rows.slice(at), "rows");
    assert.deepEqual(second.lrs, whole.lrs.slice(at), "learning rates");
    assert.deepEqual(second.norms, whole.norms.slice(-second.norms.length), "norms");
    assert.equal(second.parameters, whole.parameters, "parameters");
    assert.equal(second.optimizer, whole.optimizer, "state of the optimizer");
    assert.equal(second.steps, whole.steps);
    assert.equal(second.custom, whole.custom);
  }

  it("goes on in the middle of an epoch and of a window, bit for bit, with dropout, clipping, schedule and trackers", async () => {
    const whole = await never(2);
    const projectDir = project("window");
    // Behind the 16th micro-batch: 5 of the second epoch, 2 of a window of 3.
    const first = await killed(2, { projectDir, saveAt: [9, 16], hangAt: 18 });
    const second = await run(2, { projectDir, resume: true, saveAt: [20] });
    assertGoesOn(whole, first!, second, 16);
    const { directory, ...point } = second.point!;
    assert.deepEqual(point, { epoch: 1, stepInEpoch: 5, step: 16 });
    assert.equal(directory, join(projectDir, "checkpoints", "checkpoint_1"));
    assert.ok(existsSync(join(directory, "gradients_1.safetensors")), "each worker's gradients were kept");
    assert.deepEqual((await readdir(join(projectDir, "checkpoints"))).sort(), ["checkpoint_0", "checkpoint_1", "checkpoint_2"]);
    assert.equal(second.next, 3);
    const steps = readFileSync(join(projectDir, "resumed", "metrics.jsonl"), "utf8")
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { _step: number; loss?: number })
      .filter((line) => line.loss !== undefined)
      .map((line) => line._step);
    assert.deepEqual(steps, [...Array(18).keys(), ...Array.from({ length: 17 }, (_, i) => i + 16)], "the trackers count on from the checkpoint");
  });

  it("goes on bit for bit when it was saved beside the program, between two windows, with parameters of its own and a gradient scaler", async () => {
    const given = { shareParameters: false, scaler: true, accumulation: 2 };
    const whole = await never(2, given);
    const projectDir = project("beside");
    const first = await killed(2, { ...given, projectDir, asyncSave: true, saveAt: [3, 4, 9], hangAt: 10 });
    const second = await run(2, { ...given, projectDir, resume: true, asyncSave: true, saveAt: [12] });
    assertGoesOn(whole, first!, second, 9);
    assert.equal(second.next, 4);
  });

  it("goes on on other numbers of workers in the same order of examples, each once, and counts on", async () => {
    // Saved in the middle of an epoch and of a window. 12 rows are whole rounds on one, two and three workers.
    const given = { accumulation: 4, rows: 48, epochs: 2 };
    const order = ({ rows }: ResumedResult): number[] => rows.flat();
    const check = async (from: number, others: readonly number[]): Promise<void> => {
      const projectDir = project(`from-${from}`);
      const straight = { ...given, projectDir: project(`straight-${from}`) };
      const [whole, first] = (await runAll(from, [straight, { ...given, projectDir, saveAt: [6], endAt: 6 }])) as [ResumedResult, ResumedResult];
      for (const to of others) {
        const folders = ["once", "again"].slice(0, to === 3 ? 2 : 1).map((name) => join(projectDir, `${to}-${name}`));
        for (const copy of folders) await cp(join(projectDir, "checkpoints"), join(copy, "checkpoints"), { recursive: true });
        const copies = await runAll(
          to,
          folders.map((copy) => ({ ...given, projectDir: copy, resume: true })),
        );
        const second = copies[0]!;
        const what = `${from} to ${to}`;
        const seen = [...order(first), ...order(second)];
        assert.equal(seen.length, 2 * 48, what);
        for (let i = 0; i < seen.length; i += 12)
          assert.deepEqual(new Set(seen.slice(i, i + 12)), new Set(order(whole).slice(i, i + 12)), `${what}: rows ${i} on`);
        const { epoch, stepInEpoch, step } = second.point!;
        assert.deepEqual([epoch, stepInEpoch * to, step], [0, 6 * from, 6], what);
        assert.equal(second.custom, 6 + second.rows.length);
        assert.equal(second.next, 1);
        // Windows go on: the third and fourth body of the first one were still to come.
        assert.equal(second.norms.length, Math.ceil((2 + (48 - 12 * from) / (2 * to)) / 4) + 24 / to / 4, what);
        for (const { losses, parameters } of copies.slice(1))
          assert.deepEqual([losses, parameters], [second.losses, second.parameters], "random numbers follow a rule");
      }
    };
    await check(2, [1, 3]);
    await check(1, [2]);
  });

  it("while a worker writes goes on from the checkpoint before, or from the new one once that has its name; what was left over goes", async () => {
    const given = { rows: 16, epochs: 1, accumulation: 1 };
    const moments: readonly (readonly [rank: number, point: WritePoint, asyncSave: boolean, resumesAt: number])[] = [
      [1, "file-written", false, 1],
      [0, "file-half", true, 1],
      [0, "manifest-written", false, 1],
      [0, "renamed", false, 2],
    ];
    const folders = moments.map(([rank, point]) => project(`${point}-${rank}`));
    const checkpoints = (at: number): string[] => readdirSync(join(folders[at]!, "checkpoints")).sort();
    for (const [at, [rank, point, asyncSave]] of moments.entries()) {
      await killed(2, { ...given, projectDir: folders[at]!, asyncSave, saveAt: [1, 2], dieAt: { rank, point } });
      assert.equal(checkpoints(at).length, 2, checkpoints(at).join());
    }
    const resumed = folders.map((projectDir) => ({ ...given, projectDir, resume: true }));
    const [whole, ...seconds] = await runAll(2, [{ ...given, projectDir: project("straight") }, ...resumed]);
    for (const [at, [, point, , resumesAt]] of moments.entries()) {
      const second = seconds[at]!;
      assert.equal(second.point!.step, resumesAt, point);
      assert.deepEqual([second.parameters, second.optimizer], [whole!.parameters, whole!.optimizer], point);
      assert.deepEqual(checkpoints(at), ["checkpoint_0", "checkpoint_1"].slice(0, resumesAt), point);
    }
  });

  it("on hosts without a common file system keeps a whole checkpoint on each of them", { skip: glooMissing() }, async () => {
    const given = { rows: 16, epochs: 1, accumulation: 1, hostDirs: true };
    const projectDir = project("hosts");
    const twice = async (more: Partial<ResumedSettings>): Promise<ResumedResult> => {
      const settings = complete({ ...given, projectDir, ...more });
      for (const { code, stderr } of await launchOnTwoHosts({ workers: [1, 1], folder: folder(), script: program, args: [JSON.stringify(settings)] }))
        assert.equal(code, 0, stderr);
      return read(settings);
    };
    const first = await twice({ saveAt: [2, 3], endAt: 3 });
    for (const host of [0, 1]) {
      const files = readdirSync(join(`${projectDir}-${host}`, "checkpoints", "checkpoint_1"));
      assert.ok(
        files.includes("model.safetensors") && files.includes(`random_states_${host}.json`) && !files.includes(`random_states_${1 - host}.json`),
        files.join(),
      );
    }
    // Damaged on one host it is passed over on both.
    rmSync(join(`${projectDir}-1`, "checkpoints", "checkpoint_1", "model.safetensors"));
    const second = await twice({ resume: true });
    assert.equal(second.point!.step, 2);
    assert.equal(second.losses[0], first.losses[2]);
  });
});

it("what fails on one of two workers fails on both with the same words, and they go on", async () => {
  const folder = await mkdtemp(join(tmpdir(), "errors-"));
  try {
    const script = new URL("./programs/checkpoint-errors.js", import.meta.url);
    const { code, stderr } = await launch({ script, options: ["--num-processes", "2"], args: [folder] });
    assert.equal(code, 0, stderr);
    const { errors, checkpoints } = JSON.parse(readFileSync(join(folder, "errors.json"), "utf8")) as { errors: CheckpointErrors; checkpoints: string[] };
    const wanted: Readonly<Record<string, readonly [code: string, message: RegExp]>> = {
      exists: ["ERR_CHECKPOINT_EXISTS", /^rank 0: .*checkpoint_0 is there already/],
      missing: ["ERR_CHECKPOINT_NOT_FOUND", /there is no checkpoint .*none/],
      refused: ["ERR_CHECKPOINT_OBJECT", /^rank 1: .*registered object 0 \(Object\) failed \(not here\)/],
      stopped: ["ERR_CHECKPOINT_STOPPED", /^rank 1: /],
      "stopped beside": ["ERR_CHECKPOINT_STOPPED", /^rank 1: /],
      hook: ["ERR_PEER_FAILED", /^rank 1: a hook that fails/],
      loaded: ["none", /^$/],
    };
    for (const [scenario, [wantedCode, message]] of Object.entries(wanted)) {
      const [one, other] = errors[scenario]!;
      assert.deepEqual(one, other, scenario);
      assert.equal(one![0], wantedCode, `${scenario}: ${one![1]}`);
      assert.match(one![1], message, scenario);
    }
    assert.deepEqual(checkpoints, ["checkpoint_0", "checkpoint_1"]);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
