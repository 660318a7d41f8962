// The same with more workers, in other precisions and modes, and everything that programs do between backward and step.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { suite, test } from "node:test";
import { skipWithoutCuda } from "../doubles/build.js";
import { leaks, runOnGpus, violations } from "../doubles/machine.js";
import { packageRoot } from "../../src/package-root.js";
import { collectives, early, modelled, stepsOf, train, trained } from "./overlap.js";

const cli = new URL("../../launcher/cli.js", import.meta.url);
const program = new URL("../accelerator/programs/overlap.js", import.meta.url);

suite("Gradients that travel between GPUs", { skip: skipWithoutCuda }, () => {
  test("are the same collectives as behind the backward, for four workers", async () => {
    const ways = [
      { name: "after", overlapComm: false },
      { name: "during", overlapComm: true },
      { name: "fp16", overlapComm: true, precision: "fp16" as const },
      { name: "accumulated", overlapComm: true, accumulate: 2 },
    ];
    const ran = await train(4, ways);
    assert.equal(ran.code, 0, ran.stderr);
    assert.deepEqual(violations(ran), []);
    assert.deepEqual(leaks(ran), {});
    const [first, ...others] = trained(ran).map(collectives);
    for (const list of others) assert.deepEqual(list, first, "all ranks call the same collectives in the same order");
    const each = first!.length / ways.length;
    for (const [i, { name }] of ways.entries()) assert.deepEqual(first!.slice(i * each, (i + 1) * each).sort(), first!.slice(0, each).sort(), name);
  });

  test("do not wait for those that a backward does not make", async () => {
    const ran = await train(2, [{ name: "idle", overlapComm: true, idle: true }], modelled);
    assert.equal(ran.code, 0, ran.stderr);
    assert.deepEqual(violations(ran), []);
    const steps = trained(ran).flatMap((lines) => stepsOf(lines, "idle"));
    assert.ok(
      steps.some((step) => early(step) > 0),
      "a collective is queued while kernels of the backward are",
    );
  });

  test("and for which nobody asks do not keep workers from ending", async () => {
    const ran = await train(2, [
      { name: "all", overlapComm: true, unasked: [0, 1] },
      { name: "one", overlapComm: true, unasked: [1] },
    ]);
    assert.equal(ran.code, 0, ran.stderr);
    assert.deepEqual(violations(ran), []);
    assert.deepEqual(leaks(ran), {});
  });

  test("are the same bits as behind the backward, whatever programs do in between", async () => {
    const ran = await runOnGpus([cli, "launch", "--num-processes", "2", "--device", "cuda", program], { script: ["devices 2"] });
    assert.equal(ran.code, 0, ran.stderr);
    assert.match(ran.stdout, /same 14 with 2, early \d\d/);
    assert.deepEqual(violations(ran), []);
    assert.deepEqual(leaks(ran), {});
  });

  const object = join(packageRoot(), "build", "accelerate_ts_cuda.so");
  const skip = existsSync(object) ? false : "kernels are not built (npx accelerate-ts build-native --cuda)";
  test("that are added to others are so in front of their bucket, where there are kernels of ours", { skip }, async () => {
    const args = ["launch", "--num-processes", "2", "--device", "cuda", program, "accumulated, scaled", "without sync"];
    const ran = await runOnGpus([cli, ...args], { script: ["devices 2"], env: { ACCELERATE_TS_CUDA_KERNELS: object } });
    assert.equal(ran.code, 0, ran.stderr);
    assert.match(ran.stdout, /same 2 with 2, early \d/);
    assert.deepEqual(violations(ran), []);
  });
});
