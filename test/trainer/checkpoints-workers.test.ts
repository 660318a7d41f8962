// Trainings on several workers that are killed or stopped, and go on: bit for bit on as many workers, in the same order on others.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { assertEndsAs, Jobs } from "./jobs.js";
import type { CheckpointedResult } from "./programs/checkpointed.js";
import { temporaryFolder } from "./support.js";

const jobs = new Jobs(temporaryFolder());
let straight: Promise<CheckpointedResult> | undefined;
/** On two workers, never interrupted. */
const never = (): Promise<CheckpointedResult> => {
  straight ??= jobs.run(2, { outputDir: jobs.outputDir("straight"), args: { saveStrategy: "no" } });
  return straight;
};

describe("a training on two workers", () => {
  it("that is killed while it writes a checkpoint goes on from the one before, with the same rows, weights and log", async () => {
    const outputDir = jobs.outputDir("killed");
    // Rank 1 dies in the third checkpoint: 3 events and 2 files of 4 moments for each step, and 3 micro-batches.
    await jobs.killed(2, { outputDir, dieAt: { rank: 1, moment: 40 }, mainSaves: true });
    const left = readdirSync(outputDir).filter((name) => /^checkpoint-\d+$/.test(name));
    assert.ok(left.length >= 1 && left.length < 8, left.join());
    const { stderr, ...last } = await jobs.run(2, { outputDir, resume: true });
    assertEndsAs(await never(), last);
    assert.match(stderr, /continuing training from .*checkpoint-\d: epoch [01], global step \d/);
    assert.ok(!readdirSync(outputDir).some((name) => name.includes(".tmp-")), "what was left over is gone");
  });

  it("that is asked to end by SIGTERM saves after the step, tells so, exits with 0 and goes on there; on one worker in the same order", async () => {
    const outputDir = jobs.outputDir("stopped");
    const args = { saveStrategy: "no" } as const;
    const { code, stderr, out } = await jobs.start(2, { outputDir, args, signalAt: { step: 2, signal: "SIGTERM", to: "launcher" } });
    assert.equal(code, 0, stderr);
    assert.ok(!existsSync(out), "the program does not go on behind train");
    assert.deepEqual(readdirSync(outputDir), ["checkpoint-3"]);
    assert.match(stderr, /SIGTERM: saved .*checkpoint-3 after step 3 of 8; train\({ resumeFromCheckpoint: true }\) goes on from there/);
    const whole = await never();
    assertEndsAs(whole, await jobs.run(2, { outputDir, args, resume: true }));

    const { stderr: told, rows } = await jobs.run(1, { outputDir, args, rows: 44, resume: true });
    assert.deepEqual(rows.flat(), whole.rows.flat().slice(3 * 12), "three steps of twelve rows were made");
    assert.match(told, /the checkpoint was made on 2 workers, here are 1: the examples follow in the same order/);
  });
});

it("a training without a launcher saves at SIGTERM, too", () => {
  const outputDir = jobs.outputDir("alone");
  const args = { saveStrategy: "no", perDeviceTrainBatchSize: 2 };
  const settings = { out: join(outputDir, "out.json"), outputDir, rows: 12, args, signalAt: { step: 3, signal: "SIGTERM", to: "self" } };
  const program = fileURLToPath(new URL("./programs/checkpointed.js", import.meta.url));
  const { status, stderr } = spawnSync(process.execPath, [program, JSON.stringify(settings)], { encoding: "utf8" });
  assert.equal(status, 0, stderr);
  assert.deepEqual(readdirSync(outputDir), ["checkpoint-4"]);
  assert.match(stderr, /SIGTERM: saved .*checkpoint-4 after step 4 of 18/);
});
