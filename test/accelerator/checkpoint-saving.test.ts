// saveState in one process: beside the program, and when it fails, which changes nothing.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";

import { cp } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";

import { loadSafetensors } from "../../src/safetensors/index.js";

import { inFolder } from "../checkpoint/fixtures.js";
import { inTmpfs, tmpfsMissing } from "../checkpoint/tmpfs.js";

import { fails, freshRuns, names, start } from "./checkpoint-runs.js";

freshRuns();

describe("saving beside the program", () => {
  it("keeps the state of the moment of the call, one after the other, and is there at the end", () =>
    inFolder(async (folder) => {
      const run = await start({ projectDir: folder, projectConfig: { asyncSave: true, totalLimit: 2 } });
      const wanted: unknown[] = [];
      for (let i = 0; i < 4; i++) {
        await run.accelerator.saveState();
        wanted.push([...run.model.one.weight.values()]);
        await run.epoch(1);
      }
      await run.accelerator.close();
      assert.deepEqual(names(folder), ["checkpoint_2", "checkpoint_3"]);
      for (const n of [2, 3]) {
        const weights = await loadSafetensors(join(folder, "checkpoints", `checkpoint_${n}`, "model.safetensors"));
        assert.deepEqual([...weights.get("one.weight")!.data], wanted[n]);
      }
    }));

  it("tells of a failure at the next call, once; the program goes on", () =>
    inFolder(async (folder) => {
      const run = await start({ projectDir: folder });
      await run.accelerator.saveState(undefined, { async: true });
      await run.accelerator.waitForSave();
      const stop = AbortSignal.abort(new Error("enough"));
      await run.accelerator.saveState(undefined, { async: true, signal: stop });
      await assert.rejects(run.accelerator.saveState(), fails("ERR_CHECKPOINT_STOPPED"));
      assert.deepEqual(names(folder), ["checkpoint_0"]);
      assert.equal(await run.accelerator.saveState(), join(folder, "checkpoints", "checkpoint_1"));
      await run.accelerator.saveState(undefined, { async: true, signal: stop });
      await assert.rejects(run.accelerator.close(), fails("ERR_CHECKPOINT_STOPPED"));
    }));
});

describe("saving that fails", () => {
  it("because its signal was aborted leaves nothing", () =>
    inFolder(async (folder) => {
      const run = await start({ projectDir: folder });
      await assert.rejects(run.accelerator.saveState(undefined, { signal: AbortSignal.abort() }), fails("ERR_CHECKPOINT_STOPPED"));
      assert.deepEqual(names(folder), []);
    }));

  it("because the disk is full leaves the one before as it was, and the training goes on", { skip: tmpfsMissing() }, () =>
    inTmpfs(1, async (folder) => {
      const run = await start({ projectDir: folder, width: 2000 });
      await run.epoch();
      await run.accelerator.saveState();
      for (const async of [false, true]) {
        const saving = run.accelerator.saveState(undefined, { async }).then(() => run.accelerator.waitForSave());
        await (async (): Promise<void> => {
          for (let i = 0; ; i++) {
            try {
              await saving;
              await run.accelerator.saveState();
            } catch (error) {
              fails("ERR_CHECKPOINT_DISK_FULL", /no space is left/, /earlier ones are as they were/)(error);
              return;
            }
            assert.ok(i < 20);
          }
        })();
        assert.ok(
          names(folder).every((name) => !name.includes(".tmp-")),
          names(folder).join(),
        );
        assert.equal((await run.epoch()).length, 4);
        await run.accelerator.loadState();
      }
    }),
  );
});

const python = process.env.ACCELERATE_TS_TEST_PYTHON;
it("Python loads the weights and the state", { skip: python ? false : "ACCELERATE_TS_TEST_PYTHON names no Python with transformers" }, () =>
  inFolder(async (folder) => {
    const run = await start({ optimizer: "adamw" });
    await run.epoch();
    const target = await run.accelerator.saveState(join(folder, "one"));
    const script =
      "import sys, json; from safetensors.torch import load_file; w = load_file(sys.argv[1] + '/model.safetensors'); o = load_file(sys.argv[1] + '/optimizer.safetensors'); print(json.dumps([sorted(w), list(o['one.weight.exp_avg'].shape) == list(w['one.weight'].shape), float(w['one.weight'][0][0])]))";
    const [keys, shaped, first] = JSON.parse(execFileSync(python!, ["-c", script, target], { encoding: "utf8" })) as [string[], boolean, number];
    assert.deepEqual([keys, shaped, first], [["one.bias", "one.weight", "seen", "two.bias", "two.weight"], true, run.model.one.weight.values()[0]]);
    await cp(target, join(folder, "copied"), { recursive: true });
    await run.accelerator.loadState(join(folder, "copied"));
  }),
);
