// Training whose launches are recorded as CUDA graphs, through the Accelerator on a double of CUDA's runtime: what a step still asks the GPU for, and errors of the recording.
import assert from "node:assert/strict";
import { before, suite, test } from "node:test";
import { skipWithoutCuda } from "../doubles/build.js";
import { leaks, type LogLine, part, type Ran, runOnGpus, violations, work } from "../doubles/machine.js";
import { nameOf, type Trial } from "./cuda-steps.js";

interface Recorded extends Trial {
  /** Copies on the device: each array of the batch, the loss, and of each buffer that training writes two. */
  readonly copies: number;
  /** What goes up: the batch, masks, constants of the update. */
  readonly up: number;
  /** Launches of the update, which writes onto what it reads: what is recorded is run several times before it is replayed. */
  readonly update: number;
}
const trials: readonly Recorded[] = [
  { model: "bert", precision: "no", graph: true, steps: 7, copies: 4, up: 4, update: 23 },
  { model: "bert with dropout", precision: "bf16", graph: true, steps: 7, copies: 4, up: 9, update: 23 },
  { model: "cnn", precision: "no", graph: true, steps: 7, copies: 9, up: 3, update: 23 },
];
const train = (list: readonly Trial[], script: readonly string[] = []): Promise<Ran> =>
  runOnGpus([new URL("./cuda-steps.js", import.meta.url), JSON.stringify(list)], { script: ["devices 1", "seed 3", ...script] });

suite("Training that is recorded as CUDA graphs", { skip: skipWithoutCuda }, () => {
  let ran: Ran;
  let lines: readonly LogLine[] = [];
  before(async () => {
    ran = await train([...trials, { model: "bert", precision: "no", steps: 5 }]);
    lines = [...ran.logs.values()][0] ?? [];
  });

  test("all is ordered, and nothing is left", () => {
    assert.equal(ran.code, 0, ran.stderr);
    assert.deepEqual(violations(ran), []);
    assert.deepEqual(leaks(ran), {});
  });
  for (const one of trials)
    test(`${nameOf(one)}: a step is two graphs, and no kernel is launched beside them but those of the update, once`, () => {
      const { launches, graphs, copies, up, down, allocations, pageable } = work(part(lines, `${nameOf(one)}, step 6`));
      // Forward with backward, and the norm.
      assert.deepEqual(
        { launches, graphs, copies, up, down, allocations, pageable },
        { launches: one.update, graphs: 2, copies: one.copies, up: one.up, down: 1, allocations: 0, pageable: 0 },
      );
      for (let step = 0; step < one.steps!; step++) {
        const all = part(lines, `${nameOf(one)}, step ${step}`);
        // Its constants are the last that goes up.
        const behind = work(all.slice(all.findLastIndex(({ copy }) => copy === "up")));
        assert.deepEqual({ launches: behind.launches, graphs: behind.graphs }, { launches: one.update, graphs: 0 }, `step ${step}`);
      }
    });
  test("an Accelerator after them that does not ask for it runs launch by launch", () => {
    const { launches, graphs } = work(part(lines, "bert, fp32, step 4"));
    assert.ok(launches > 100);
    assert.equal(graphs, 0);
  });

  test("errors of recording and replay name the call of CUDA", async () => {
    for (const call of ["cudaStreamBeginCapture", "cudaGraphInstantiate", "cudaGraphLaunch"]) {
      const failed = await train([{ model: "imported", precision: "no", graph: true }], [`fail ${call} nth=2 error=2`]);
      assert.equal(failed.code, 1, failed.stderr);
      assert.match(failed.stderr, new RegExp(`EngineError: .*${call}`));
      assert.deepEqual(violations(failed), []);
    }
  });
});
