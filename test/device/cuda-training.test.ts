// Training through ONNX Runtime's real CUDA provider on a double of CUDA's runtime: where nodes run, what crosses, what is allocated, how many kernels a step launches. Kernels compute nothing there.
import assert from "node:assert/strict";
import { before, suite, test } from "node:test";
import { trainingMemory } from "../../src/accelerator/memory/training-memory.js";
import { skipWithoutCuda } from "../doubles/build.js";
import { leaks, type LogLine, part, type Ran, runOnGpus, violations, work } from "../doubles/machine.js";
import { type Memory, nameOf, type Trial } from "./cuda-steps.js";

interface Expected {
  /** Arrays of the batch. */
  readonly batch: number;
  /** Of dropout. */
  readonly masks?: number;
  /** At most so many kernels in a step with AdamW and clipping: a little above what they are, so that more is noticed. */
  readonly launches: { readonly no: number; readonly half: number };
}

const models: { readonly [name: string]: Expected } = {
  // Ids, mask, labels.
  bert6x384: { batch: 3, launches: { no: 700, half: 920 } },
  "bert with dropout": { batch: 3, masks: 5, launches: { no: 220, half: 270 } },
  gpt2: { batch: 1, launches: { no: 190, half: 230 } },
  cnn: { batch: 2, launches: { no: 125, half: 140 } },
  imported: { batch: 2, launches: { no: 80, half: 100 } },
};
const precisions = ["no", "bf16", "fp16"] as const;
const trials: readonly Trial[] = Object.keys(models).flatMap((model) => precisions.map((precision) => ({ model, precision })));

/** Of which most is frozen, with gradients that are added to others; first, before other trials leave anything. */
const frozen = { model: "a frozen body", precision: "no", gradientAccumulationSteps: 2, steps: 3 } as const;

suite("Training on a double of CUDA", { skip: skipWithoutCuda }, () => {
  let ran: Ran;
  let lines: readonly LogLine[] = [];
  before(async () => {
    ran = await runOnGpus([new URL("./cuda-steps.js", import.meta.url), JSON.stringify([frozen, ...trials])], {
      script: ["devices 1", "seed 3"],
      // Without our kernels: cuda-kernels.slow.test.ts has them.
      env: { ACCELERATE_TS_CUDA_KERNELS: "0" },
      timeoutMs: 240_000,
    });
    lines = [...ran.logs.values()][0] ?? [];
  });

  test("all models train in all precisions, every node on the GPU, and order every access to its memory", () => {
    // A session with a node elsewhere is refused by name.
    assert.equal(ran.code, 0, ran.stderr);
    assert.deepEqual(violations(ran), []);
  });

  for (const one of trials)
    test(`${nameOf(one)}: nothing crosses in a step but batch, masks, the update's constants and the norm; nothing is allocated`, (t) => {
      const expected = models[one.model]!;
      const step = (n: number) => part(lines, `${nameOf(one)}, step ${n}`);
      const [plain, asking] = [work(step(4)), work(step(5))];
      const ups = (from: string) => step(4).filter((line) => line.copy === "up" && line.from === from).length;
      assert.ok(plain.launches > 0);
      t.diagnostic(JSON.stringify(plain));
      const up = expected.batch + (expected.masks ?? 0) + 1;
      // Norms mean nothing here: one that looks like an overflow changes the loss scale of fp16, which then goes up once.
      const changed = Number(one.precision === "fp16" && ups("addon") === up + 1);
      assert.equal(ups("addon"), up + changed, "the batch, masks and one array of the update's constants go up");
      assert.equal(ups("provider"), 0);
      assert.equal(plain.down, 1, "the norm comes down");
      assert.equal(asking.down, 2, "the norm and the loss come down");
      assert.equal(plain.allocations, 0);
      assert.equal(asking.allocations, 0);
      assert.equal(plain.pageable, 0, "copies are of pinned memory");
      const most = one.precision === "no" ? expected.launches.no : expected.launches.half;
      assert.ok(plain.launches <= most, `${plain.launches} kernels, ${most} were known`);
    });

  test(`${nameOf(frozen)}: what is frozen has neither gradients nor state on the GPU`, () => {
    const begin = `${nameOf(frozen)}, memory `;
    const { arrays, parameters, trained } = JSON.parse(lines.find(({ mark }) => mark?.startsWith(begin))!.mark!.slice(begin.length)) as Memory;
    const { total } = trainingMemory({ parameters, gradients: trained, states: 2 * trained, workers: 1, device: "cuda", accumulates: true });
    // Small arrays are pieces of slabs of a MiB; the rest are the ends of segments.
    const own = arrays % (1 << 20);
    assert.ok(own >= total && own < total + 2048, `${arrays} bytes, ${total} were predicted`);
  });

  test("CUDA is not called from functions that its streams call", () => {
    assert.deepEqual(
      lines.filter(({ note }) => note?.includes("inside of a function")),
      [],
    );
  });

  test("nothing is left on the GPU when the process has closed its Accelerator", () => {
    assert.deepEqual(leaks(ran), {});
  });
});
