// What training takes of each GPU, counted on the doubled ones: as it is predicted, with the state of optimizers kept by every worker and shared out.
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { trainingMemory } from "../../src/accelerator/memory/training-memory.js";
import { skipWithoutCuda } from "../doubles/build.js";
import { runOnGpus } from "../doubles/machine.js";

const cli = new URL("../../launcher/cli.js", import.meta.url);
const worker = new URL("./memory-worker.js", import.meta.url);
const shardings = { "stage 0": "none", "stage 1": "world" } as const;
interface Told {
  readonly parameters: number;
  /** Without slabs of small arrays. */
  readonly arrays: number;
  readonly slabs: number;
}

suite("Memory of a GPU", { skip: skipWithoutCuda }, () => {
  for (const workers of [1, 2, 4])
    for (const zero of Object.keys(shardings) as (keyof typeof shardings)[])
      for (const micro of workers === 4 ? [1] : [1, 2])
        test(`${workers} workers, ${zero}, ${micro} micro-batches: within 5 % of the prediction`, async (t) => {
          const ran = await runOnGpus([cli, "launch", "--num-processes", `${workers}`, "--device", "cuda", worker, zero, `${micro}`], {
            script: [`devices ${workers}`],
          });
          assert.equal(ran.code, 0, ran.stderr);
          const told = ran.stdout.split("\n").flatMap((line) => /\{.*\}/.exec(line)?.slice(0, 1) ?? []);
          assert.equal(told.length, workers);
          for (const { parameters, arrays, slabs } of told.map((text) => JSON.parse(text) as Told)) {
            const sizes = { parameters, states: 2 * parameters, workers, sharding: shardings[zero], accumulates: micro > 1 };
            const { total } = trainingMemory({ ...sizes, device: "cuda" });
            const off = (100 * (arrays - total)) / total;
            t.diagnostic(JSON.stringify({ parameters, arrays, total, off: Math.round(10 * off) / 10 }));
            assert.ok(slabs <= 4 << 20, `${slabs} bytes of slabs`);
            assert.ok(Math.abs(off) <= 5, `${arrays} bytes, ${total} were predicted`);
          }
        });
});
