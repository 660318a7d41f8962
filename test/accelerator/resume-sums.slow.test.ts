// What a checkpoint in the middle of a window keeps of its gradients, on other numbers of workers.
import assert from "node:assert/strict";
import { cp } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { resumptions } from "./resumptions.js";

describe("a job that is killed", () => {
  const { run, project } = resumptions();

  it("in the middle of a window hands the sum of its gradients to other workers, with the weight that it has", async () => {
    // The same rows in windows of one worker: micro-batches of 2 rows lie one behind the other.
    const given = { rows: 48, epochs: 1, p: 0 };
    const projectDir = project("sums");
    await run(2, { ...given, accumulation: 4, projectDir, saveAt: [2], endAt: 2 });
    for (const to of [1, 3]) {
      const copy = join(projectDir, String(to));
      await cp(join(projectDir, "checkpoints"), join(copy, "checkpoints"), { recursive: true });
      const { norms } = await run(to, { ...given, accumulation: 4, projectDir: copy, resume: true, endAt: 4 });
      // Two bodies of two workers, and two of `to`.
      const bodies = 4 + 2 * to;
      const one = await run(1, { ...given, accumulation: bodies, projectDir: join(projectDir, `whole-${to}`), endAt: bodies });
      assert.ok(Math.abs(norms[0]! / one.norms[0]! - 1) < 1e-5, `on ${to}: ${norms[0]} and ${one.norms[0]}`);
    }
  });
});
