// The users' program for the Trainer on the whole of MRPC, with a tiny model that reads it: 3 epochs of 3,668 rows on one worker and on two.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdir, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { parquetOf, splits, tinyBert } from "../acceptance/support.js";
import { needs } from "../data/files.js";
import { launched, lines, plain } from "./launched.js";
import { inWorkplace, programOf } from "./workplace.js";

const program = programOf("trainer.ts");

test("the users' program trains on MRPC and predicts its 408 pairs, on one worker and on two", needs("data/mrpc"), () =>
  inWorkplace(async (folder) => {
    await writeFile(join(folder, "trainer.ts"), program.text);
    const checkpoint = await tinyBert(folder, "bert-base-uncased");
    await rm(join(folder, "glue"), { recursive: true });
    await mkdir(join(folder, "glue", "mrpc"), { recursive: true });
    for (const split of splits) await symlink(parquetOf(split), join(folder, "glue", "mrpc", `${split}-00000-of-00001.parquet`));
    for (const [workers, start, steps] of [
      [1, plain, [500, 1000, 1377]],
      [2, launched(2), [500, 690]],
    ] as const) {
      const { stdout, stderr } = await start(["trainer.ts", checkpoint], { cwd: folder });
      const text = lines(stdout).join("\n");
      assert.equal([...text.matchAll(/\[ 408, 2 \] \[ 408 \] \{/g)].length, workers, stdout + stderr);
      for (const step of steps)
        assert.ok(existsSync(join(folder, "test-trainer", `checkpoint-${step}`, "model.safetensors")), `checkpoint-${step} of ${workers}`);
      await rm(join(folder, "test-trainer"), { recursive: true });
    }
  }),
);
