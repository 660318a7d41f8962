// Sends and receives of device memory over NCCL's double, between real processes.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { type DType, dtypes } from "../../src/graph/dtype.js";
import { skipWithoutCuda } from "../doubles/build.js";
import type { Outcome } from "../support/ranks.js";
import { GpuRanks } from "./nccl-ranks.js";

describe("sends and receives between GPUs", { skip: skipWithoutCuda }, () => {
  let ranks: GpuRanks;
  const connected = async (timeoutMs?: number): Promise<void> => {
    for (const outcome of await ranks.connect(timeoutMs)) assert.equal(outcome.kind, "value", JSON.stringify(outcome));
  };
  const errors = (outcomes: readonly Outcome[]) => outcomes.map((outcome) => (outcome.kind === "error" ? outcome.error : assert.fail(JSON.stringify(outcome))));
  before(async () => {
    ranks = await GpuRanks.start(3);
    await connected();
  });
  after(async () => ranks?.[Symbol.asyncDispose]());

  it("carry every dtype at every size, also none", async () => {
    for (const dtype of Object.keys(dtypes) as DType[]) assert.deepEqual(await ranks.values("ring", { dtype, counts: [0, 1, 7, 1021, 70_001] }), [[], [], []]);
  });
  it("go to everybody and to oneself in one group with a collective", async () => {
    assert.deepEqual(await ranks.values("everybody", { count: 4099 }), [true, true, true]);
  });
  it("are each rank's own affair: one sends, one receives, one does neither", async () => {
    assert.deepEqual(await ranks.values("oneWay", { count: 300_001, takes: true }), [1, 1, 0]);
  });
  it("to oneself without a receive, or to nobody, are errors before anything is called", async () => {
    for (const error of errors(await ranks.run("wrong", { peer: "self" }))) assert.match(error.message, /to itself/);
    for (const error of errors(await ranks.run("wrong", { peer: 3 }))) assert.equal(error.code, "ERR_ARGUMENT");
    assert.deepEqual(await ranks.values("oneWay", { count: 5, takes: true }), [1, 1, 0], "the group goes on");
  });
  it("that nobody takes end at the deadline, on all ranks", async () => {
    await ranks.values("close");
    await connected(1000);
    const [first, , third] = await ranks.run<number>("oneWay", { count: 300_001, takes: false });
    assert.equal(errors([first!])[0]!.code, "ERR_COLLECTIVE_TIMEOUT");
    assert.equal(third!.kind, "value", "the others have done their part");
    await ranks.values("close");
  });
  it("leave nothing behind", async () => {
    assert.deepEqual(await ranks.finish(), { leaks: {}, violations: [] });
  });
});
