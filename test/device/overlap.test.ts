// Gradients that travel between GPUs while their backward runs, on doubles with modelled times: what hides behind what, in which order, and how it fails.
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { skipWithoutCuda } from "../doubles/build.js";
import { leaks, violations } from "../doubles/machine.js";
import { collectives, early, exposed, modelled, starved, stepsOf, train, trained } from "./overlap.js";

suite("Gradients that travel between GPUs", { skip: skipWithoutCuda }, () => {
  test("hide behind the backward", async (t) => {
    const ways = [false, true].map((overlapComm) => ({ name: overlapComm ? "during" : "after", overlapComm, stage: 0 as const }));
    const ran = await train(2, ways, modelled);
    assert.equal(ran.code, 0, ran.stderr);
    assert.deepEqual(violations(ran), []);
    assert.deepEqual(leaks(ran), {});
    const logs = trained(ran);
    const [first, second] = logs.map(collectives);
    assert.deepEqual(second, first, "both ranks call the same collectives in the same order");
    const [after, during] = ways.map(({ name }) => logs.flatMap((lines) => stepsOf(lines, name)));
    const called = [...after!, ...during!].map((step) => collectives([...step.backward, ...step.rest]).length);
    assert.ok(called[0]! >= 6);
    assert.equal(new Set(called).size, 1, "as many collectives as there are buckets, in every step");
    for (const step of after!) assert.equal(collectives(step.backward).length, 0);
    assert.ok(
      during!.some((step) => early(step) > 0),
      "a collective is queued while kernels of the backward are",
    );
    const least = (steps: typeof after): number => Math.min(...steps!.map((step) => exposed(step).exposed));
    const [behind, beside] = [least(after), least(during)];
    t.diagnostic(`communication that nothing hides: ${Math.round(behind)} us behind the backward, ${Math.round(beside)} us during it`);
    if (during!.every(starved)) t.diagnostic("this machine is too slow for the model");
    else assert.ok(beside < 0.2 * behind, `${beside} of ${behind} microseconds are exposed`);
  });

  test("end all workers where one of them fails", async () => {
    const ran = await train(2, [{ name: "during", overlapComm: true }], ["fail launch:ncclReduceScatter nth=12 rank=1 error=6 async"]);
    assert.equal(ran.code, 1, ran.stderr);
    assert.match(ran.stderr, /rank 1: reduce-scatter \d+ .*remote process exited/);
    assert.deepEqual(violations(ran), []);
  });
});
