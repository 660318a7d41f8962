// Some of the failures of nccl-failures.slow.test.ts, which has all: one of each kind.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { skipWithoutCuda } from "../doubles/build.js";
import { afterwards, type Failing, fails, sites, unknownSites } from "./nccl-failures.js";
import { GpuRanks } from "./nccl-ranks.js";

describe("failures of NCCL", { skip: skipWithoutCuda }, () => {
  let ranks: GpuRanks;
  before(async () => {
    ranks = await GpuRanks.start(2);
  });
  after(async () => ranks?.[Symbol.asyncDispose]());

  it("have a case for every place that calls NCCL or CUDA", () => assert.deepEqual(unknownSites(), { without: [], gone: [] }));
  const chosen = [
    "uniqueId ncclGetUniqueId",
    "Communicator::open ncclCommInitRankConfig",
    "Communicator::issue ncclReduceScatter",
    "an asynchronous error of an all-gather",
    "an all-reduce that never ends",
  ];
  for (const what of chosen) it(what, () => fails(ranks, { ...sites, ...afterwards }[what] as Failing));
  it("leave nothing behind", async () => {
    assert.deepEqual(await ranks.finish(), { leaks: {}, violations: [] });
  });
});
