// loadState in one process: what does not fit the program is refused, all of it at once; objects and hooks of the program.
import assert from "node:assert/strict";

import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { Accelerator, AdamW, DataLoader, type Tensor } from "accelerate-ts";
import { Linear, Module } from "accelerate-ts/nn";
import { agree, type Tell } from "../../src/accelerator/checkpoints/agreement.js";
import { loadSafetensors } from "../../src/safetensors/index.js";
import { defaultGenerator } from "../../src/tensor/index.js";
import { inFolder } from "../checkpoint/fixtures.js";

import { Custom, fails, freshRuns, names, type RunOptions, data, opened, start } from "./checkpoint-runs.js";

freshRuns();

describe("a checkpoint of another program", () => {
  it("is refused with every difference, and nothing is changed", () =>
    inFolder(async (folder) => {
      const saved = await start({ custom: 1, gradientAccumulationSteps: 2 });
      await saved.epoch();
      const target = await saved.accelerator.saveState(join(folder, "one"));
      const same: RunOptions = { custom: 1, gradientAccumulationSteps: 2 };
      const cases: readonly (readonly [what: RunOptions, ...messages: RegExp[]])[] = [
        [{ ...same, width: 8 }, /model 0 \(Net\): one\.weight is \[(16, 4|4, 16)\] there and/, /optimizer 0 \(AdamW\)/],
        [{ ...same, optimizer: "sgd" }, /optimizer 0 \(SGD\): it is AdamW there/],
        [{ ...same, schedulers: 2 }, /1 schedulers follow it there and 2 here/],
        [{ ...same, models: 2 }, /models: 1 there and 2 here/],
        [{ ...same, loaders: 2 }, /loaders: 1 there and 2 here/],
        [{ ...same, custom: 0 }, /registered objects: 1 there and 0 here/],
        [{ ...same, rows: 15 }, /loader 0: rows of the data set are 12 there and 15 here/],
        [{ ...same, batchSize: 4 }, /loader 0: batchSize is 3 there and 4 here/],
        [{ ...same, shuffle: false }, /loader 0: shuffle is true there and false here/],
        [{ ...same, gradientAccumulationSteps: 4 }, /gradientAccumulationSteps is 2 there and 4 here/],
        [{ custom: 2, models: 3, loaders: 0, gradientAccumulationSteps: 1 }, /models/, /loaders/, /registered/, /gradientAccumulationSteps/],
      ];
      for (const [options, ...messages] of cases) {
        const run = await start({ ...options, loaders: options.loaders || 1 });
        await run.epoch(1);
        const before = run.state();
        const position = run.loader.state();
        const generator = defaultGenerator().state;
        const only = options.loaders === 0 ? messages.filter((m) => m.source !== "loaders") : messages;
        await assert.rejects(run.accelerator.loadState(target), fails("ERR_CHECKPOINT_MISMATCH", /one does not fit this program/, ...only));
        assert.deepEqual(run.loader.state(), position);
        assert.deepEqual(defaultGenerator().state, generator);
        defaultGenerator().state = { ...generator, drawn: generator.drawn - before.random.length };
        const { random: _, ...now } = run.state();
        const { random: __, ...then } = before;
        assert.deepEqual(now, then);
      }
    }));

  it("of a model that lacks parameters, or has more, names them", () =>
    inFolder(async (folder) => {
      const saved = await start();
      const target = await saved.accelerator.saveState(join(folder, "one"));
      class More extends Module {
        readonly one = new Linear(4, 16);
        readonly three = new Linear(16, 2);
        forward(x: Tensor): Tensor {
          return this.three(this.one(x));
        }
      }
      const accelerator = new Accelerator();
      opened.push(accelerator);
      const model = new More();
      await accelerator.prepare(model, new AdamW(model.parameters()), new DataLoader(data(12), { batchSize: 3, shuffle: true }));
      await assert.rejects(
        accelerator.loadState(target),
        fails("ERR_CHECKPOINT_MISMATCH", /it lacks three\.weight, three\.bias/, /the model has no .*two\.(bias|weight)/, /seen/),
      );
    }));
});

describe("objects of the program", () => {
  it("without stateDict and loadStateDict are refused by number", async () => {
    const { accelerator } = await start();
    assert.throws(
      () => accelerator.registerForCheckpointing(...([{}, 3, new Custom(1)] as never[])),
      fails("ERR_CHECKPOINT_OBJECT", /item 0 \(Object\), item 1 \(number\)/, /stateDict and loadStateDict/),
    );
  });

  it("that refuse their state leave those before them, and the run, as they were", () =>
    inFolder(async (folder) => {
      const run = await start({ custom: 3 });
      const target = await run.accelerator.saveState(join(folder, "one"));
      await run.epoch();
      for (const [i, object] of run.objects.entries()) object.value = `new ${i}`;
      run.objects[2]!.refuses = true;
      const before = run.state();
      const generator = defaultGenerator().state;
      await assert.rejects(run.accelerator.loadState(target), fails("ERR_CHECKPOINT_OBJECT", /registered object 2 \(Custom\) failed \(not this one\)/));
      assert.deepEqual(
        run.objects.map((o) => o.value),
        ["new 0", "new 1", "new 2"],
      );
      assert.deepEqual(defaultGenerator().state, generator);
      const { random: _, ...then } = before;
      const { random: __, ...now } = run.state();
      assert.deepEqual(now, then);
    }));

  it("whose state cannot be saved are named, and no checkpoint is left", () =>
    inFolder(async (folder) => {
      const run = await start({ custom: 2, projectDir: folder });
      run.objects[1]!.value = { deep: [new Map()] };
      for (const async of [false, true]) {
        await assert.rejects(
          run.accelerator.saveState(undefined, { async }),
          fails("ERR_CHECKPOINT_OBJECT", /registered object 1 \(Custom\): deep\.0 is a Map/),
        );
        assert.deepEqual(names(folder), []);
      }
    }));
});

describe("hooks", () => {
  it("see the weights before they are written and may change what is, add files, take over a model, and can be taken away", () =>
    inFolder(async (folder) => {
      const run = await start({ models: 2 });
      const { accelerator } = run;
      const calls: string[] = [];
      const removeSave = accelerator.registerSaveStatePreHook(async ({ models, weights, directory }) => {
        calls.push(`save ${models.length}`);
        weights[1]!.delete("one.bias");
        await writeFile(join(directory, "note.txt"), "mine");
      });
      const target = await accelerator.saveState(join(folder, "one"));
      removeSave();
      assert.equal((await loadSafetensors(join(target, "model_1.safetensors"))).has("one.bias"), false);
      assert.equal(await readFile(join(target, "note.txt"), "utf8"), "mine");
      await assert.rejects(accelerator.loadState(target), fails("ERR_CHECKPOINT_MISMATCH", /model 1 \(Net\): it lacks one\.bias/));
      const removeLoad = accelerator.registerLoadStatePreHook(({ models, directory }) => {
        calls.push(`load ${directory === target}`);
        models.splice(1, 1);
      });
      for (const net of run.nets) net.two.bias!.set(new Float32Array(2).fill(9));
      await accelerator.loadState(target);
      assert.notEqual(run.nets[0]!.two.bias!.values()[0], 9);
      assert.equal(run.nets[1]!.two.bias!.values()[0], 9);
      removeLoad();
      await accelerator.saveState(join(folder, "two"));
      assert.ok(!existsSync(join(folder, "two", "note.txt")));
      assert.deepEqual(calls, ["save 2", "load true"]);
    }));
});

describe("workers that agree", () => {
  it("find out where one of them has made another call", async () => {
    const among =
      (other: unknown): Tell =>
      async (mine) => [mine, other as typeof mine];
    assert.deepEqual(await agree(among({ ok: true, value: 2 }), () => 1), [1, 2]);
    for (const other of [undefined, null, 0.5, [1], { step: 3 }])
      await assert.rejects(
        agree(among(other), () => 1),
        { code: "ERR_COLLECTIVE_MISMATCH", message: /rank 1 has made another call while others save or load/ },
      );
  });
});
