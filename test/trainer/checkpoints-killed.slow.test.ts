// SIGKILL at many moments of a training, again and again: whatever is left on disk, it goes on from there and ends as if nothing had been.
import assert from "node:assert/strict";
import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { glooMissing } from "../support/two-hosts.js";
import { assertEndsAs, Jobs } from "./jobs.js";
import { temporaryFolder } from "./support.js";

/** The same numbers in every run of the tests. */
function drawing(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
    return (state >> 8) % below;
  };
}

it("a training on hosts without a common file system keeps a whole checkpoint on each, and one that is damaged on one of them is passed over on both", {
  skip: glooMissing(),
}, async () => {
  const jobs = new Jobs(temporaryFolder("hosts"));
  const outputDir = jobs.outputDir("hosts");
  const args = { saveSteps: 3, saveTotalLimit: 2 };
  const whole = await jobs.onTwoHosts({ outputDir, args });
  for (const host of [0, 1]) {
    assert.deepEqual(readdirSync(`${outputDir}-${host}`).sort(), ["checkpoint-6", "checkpoint-8"]);
    const files = readdirSync(join(`${outputDir}-${host}`, "checkpoint-6"));
    assert.ok(
      ["model.safetensors", "trainer_state.json", `random_states_${host}.json`].every((name) => files.includes(name)),
      files.join(),
    );
    assert.ok(!files.includes(`random_states_${1 - host}.json`), files.join());
  }
  rmSync(join(`${outputDir}-1`, "checkpoint-8", "optimizer.safetensors"));
  assertEndsAs(whole, await jobs.onTwoHosts({ outputDir, args, resume: true }));
});

describe("a training that is killed again and again", () => {
  for (const [workers, deaths] of [
    [1, 14],
    [2, 10],
  ] as const)
    it(`ends with the same weights, rows and log on ${workers} ${workers === 1 ? "worker" : "workers"}`, async (t) => {
      const jobs = new Jobs(temporaryFolder(`killed-${workers}`));
      const whole = await jobs.run(workers, { outputDir: jobs.outputDir("straight"), args: { saveTotalLimit: 2 } });
      const draw = drawing(workers);
      let outputDir = "";
      const finish = async (): Promise<void> => {
        const last = await jobs.run(workers, { outputDir, resume: "newest", args: { saveTotalLimit: 2 } });
        assertEndsAs(whole, last, outputDir);
        const left = readdirSync(outputDir).sort();
        assert.deepEqual(left, readdirSync(jobs.outputDir("straight")).sort());
      };
      for (let death = 0; death < deaths; death++) {
        // Every third death is the end of a run, which goes on from what the deaths before it have left.
        if (death % 3 === 0) {
          if (death > 0) await finish();
          outputDir = jobs.outputDir(`run-${death}`);
        }
        const dieAt = { rank: draw(workers), moment: draw(Math.ceil(whole.moments * 0.7)) };
        t.diagnostic(`rank ${dieAt.rank} dies at moment ${dieAt.moment} of ${whole.moments}`);
        await jobs.killed(workers, { outputDir, resume: "newest", dieAt, args: { saveTotalLimit: 2 } });
      }
      await finish();
    });
});
