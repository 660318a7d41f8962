// Errors and hangs at every place where NCCL and CUDA are called for collectives: errors with a name on all ranks, in time, and nothing stays behind.
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
  const cases = Object.entries({ ...sites, ...afterwards }).filter((entry): entry is [string, Failing] => typeof entry[1] !== "string");
  for (const [what, one] of cases) it(what, () => fails(ranks, one));

  it("leave the ranks able to go on, and nothing behind but what a library has not taken back", async () => {
    ranks.script();
    await ranks.values("fresh");
    await ranks.connect();
    for (const phase of ["onDevice", "around", "onHost", "close"]) await ranks.values(phase);
    const kept: Record<string, number> = {};
    for (const [, { keeps }] of cases) if (keeps !== undefined && keeps !== "operation") kept[keeps] = (kept[keeps] ?? 0) + 1;
    const { leaks, violations } = await ranks.finish();
    assert.deepEqual(leaks, kept);
    // ncclRedOpDestroy was made to fail once.
    assert.deepEqual(
      violations.filter((text) => !text.includes("1 operations that were not destroyed")),
      [],
    );
  });
});
