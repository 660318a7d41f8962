// Golden runs as tests: those of one process in this one, those of two by the real launcher, all in one launch.
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { launch } from "../support/launch.js";
import { assertGolden, goldenRuns, type RunResult, runGolden, tolerance } from "./golden-runs.js";

/** What `npm test` runs; the others are for npm run test:slow. */
const quick: ReadonlySet<string> = new Set([
  ...[
    "plain",
    "plain, evaluated",
    "accumulated",
    "accumulated, as installed",
    "label-smoothed",
    "label-smoothed, accumulated",
    "grouped by length",
    "not clipped",
    "events",
  ],
  ...[
    "two workers",
    "two workers, accumulated",
    "two workers, evaluated",
    "two workers, grouped by length",
    "gpt2, accumulated",
    "gpt2, two workers, accumulated",
  ],
]);

/** Tests of the quick cases, or of the others. */
export async function goldenSuite({ slow }: { readonly slow: boolean }): Promise<void> {
  const golden = await goldenRuns();
  for (const name of quick)
    assert.ok(
      golden.cases.some((one) => one.name === name),
      `there is no case ${name}`,
    );
  const wanted = [...golden.cases.entries()].filter(([, { name }]) => quick.has(name) !== slow);
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "golden-runs-"));
  });
  after(() => rm(folder, { recursive: true, force: true }));

  describe(`trainings of Python's Trainer come out the same to ${tolerance}`, () => {
    for (const [i, one] of wanted) if (one.world === 1) it(one.name, async () => assertGolden(await runGolden(golden, one, join(folder, String(i))), one));
  });
  describe(`trainings of Python's Trainer on two processes come out the same to ${tolerance}`, () => {
    const launched = wanted.filter(([, { world }]) => world === 2);
    before(async () => {
      const { code, stdout, stderr } = await launch({
        options: ["--cpu", "--num-processes", "2"],
        script: new URL("./programs/golden.js", import.meta.url),
        args: [folder, ...launched.map(([i]) => String(i))],
      });
      assert.equal(code, 0, stdout + stderr);
    });
    for (const [i, one] of launched) it(one.name, async () => assertGolden(JSON.parse(await readFile(join(folder, `${i}.json`), "utf8")) as RunResult, one));
  });
}
