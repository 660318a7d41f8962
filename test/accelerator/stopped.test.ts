// A run that is saved where a stop reaches it goes on with the batch that the stop has kept from being trained on.
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { launch } from "../support/launch.js";

const program = new URL("./programs/stopped.js", import.meta.url);

describe("a run that is saved in the catch of its stop", () => {
  for (const accumulation of [1, 3])
    it(`leaves out no row and takes none twice, with windows of ${accumulation}`, async (t) => {
      const folder = await mkdtemp(join(tmpdir(), "stopped-"));
      t.after(() => rm(folder, { recursive: true, force: true }));
      const run = async (): Promise<{ readonly trained: readonly number[]; readonly resumed: boolean; readonly code: number | null }> => {
        const out = join(folder, "out.json");
        const { code, stdout, stderr } = await launch({ options: ["--num-processes", "2"], script: program, args: [folder, String(accumulation), out] });
        assert.ok(code === 0 || code === 130, stdout + stderr);
        return { ...(JSON.parse(await readFile(out, "utf8")) as { trained: number[]; resumed: boolean }), code };
      };
      const first = await run();
      const second = await run();
      assert.deepEqual([first.resumed, second.resumed], [false, true]);
      const rows = [...first.trained, ...second.trained].sort((a, b) => a - b);
      assert.deepEqual(
        rows,
        rows.map((_, i) => i),
      );
    });
});
