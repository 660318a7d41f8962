// saveState and loadState in one process: what is kept, and how checkpoints are named.
import assert from "node:assert/strict";

import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { Accelerator, DataLoader, SGD, type Tensor, tensor } from "accelerate-ts";
import { Linear } from "accelerate-ts/nn";
import { loadSafetensors } from "../../src/safetensors/index.js";

import { inFolder } from "../checkpoint/fixtures.js";

import { fails, freshRuns, names, start } from "./checkpoint-runs.js";

freshRuns();

describe("a run", () => {
  it("that is loaded, saved and loaded again trains as one that was not: weights, Adam's state and random numbers bit for bit", () =>
    inFolder(async (folder) => {
      const run = await start({ custom: 1 });
      await run.accelerator.saveState(join(folder, "begin"));
      const losses = [await run.epoch(), await run.epoch(), await run.epoch()];
      const end = run.state();

      const other = await start({ seed: 99, custom: 1 });
      await other.epoch(2);
      await other.accelerator.loadState(join(folder, "begin"));
      assert.deepEqual([await other.epoch(), await other.epoch()], losses.slice(0, 2));
      await other.accelerator.saveState(join(folder, "middle"));
      const last = await start({ seed: 98, custom: 1 });
      const point = await last.accelerator.loadState(join(folder, "middle"));
      assert.deepEqual(point, { epoch: 2, stepInEpoch: 0, step: 8, directory: join(folder, "middle") });
      assert.deepEqual(await last.epoch(), losses[2]);
      assert.deepEqual(last.state(), end);
    }));

  it("that is loaded in the middle of a window, in the process that saved it, goes on as it did then", () =>
    inFolder(async (folder) => {
      const run = await start({ gradientAccumulationSteps: 3, gradScaler: { initScale: 8, growthInterval: 1 }, rows: 30 });
      await run.epoch(4);
      const target = await run.accelerator.saveState(join(folder, "window"));
      assert.ok(existsSync(join(target, "gradients_0.safetensors")));
      await run.accelerator.loadState(target);
      const losses = await run.epoch();
      assert.equal(losses.length, 6);
      const end = run.state();
      await run.epoch(2);
      await run.accelerator.loadState(target);
      await run.accelerator.saveState(join(folder, "again"));
      await run.accelerator.loadState(join(folder, "again"));
      assert.deepEqual(await run.epoch(), losses);
      assert.deepEqual(run.state(), end);
      const other = await start({ gradientAccumulationSteps: 3, gradScaler: { initScale: 8, growthInterval: 1 }, rows: 30 });
      await other.accelerator.loadState(join(folder, "again"));
      assert.deepEqual(await other.epoch(), losses);
      assert.deepEqual(other.state(), end);
    }));

  it("behind a step begins anew: saved inside the body that made it, behind the body, or in a loop that counts for itself", () =>
    inFolder(async (folder) => {
      for (const saves of ["inside", "behind", "alone"] as const) {
        const train = async (batches: number, place?: string): Promise<number> => {
          await using accelerator = new Accelerator({ gradientAccumulationSteps: saves === "alone" ? 1 : 2 });
          const model = new Linear(1, 1, { bias: false });
          model.weight.set(Float32Array.of(0));
          const optimizer = new SGD(model.parameters(), { lr: 1 });
          const loader = new DataLoader([1, 2, 3, 4, 5, 6, 7, 8], { batchSize: 1, collateFn: ([x]) => x! });
          await accelerator.prepare(model, optimizer, loader);
          let step = place && batches === 8 ? (await accelerator.loadState(place)).step : 0;
          for await (const x of loader) {
            step++;
            const save = async () => void (place && step === 4 && batches === 4 && (await accelerator.saveState(place)));
            const body = async () => {
              await accelerator.backward(model(tensor([[x]])).sum(), { weight: x });
              await optimizer.step();
              optimizer.zeroGrad();
              if (saves === "inside") await save();
            };
            await (saves === "alone" ? body() : accelerator.accumulate(model, body));
            if (saves !== "inside") await save();
            if (step === batches) break;
          }
          return model.weight.values()[0]!;
        };
        const whole = await train(8);
        await train(4, join(folder, saves));
        assert.equal(await train(8, join(folder, saves)), whole, saves);
      }
    }));

  it("holds what Accelerate's users look for: weights as Python loads them, state as safetensors and JSON, nothing that runs", () =>
    inFolder(async (folder) => {
      const run = await start({ models: 2, custom: 2, gradientAccumulationSteps: 3 });
      run.objects[0]!.value = { a: Float32Array.of(1, 2), t: tensor([[1, 2]]), n: Number.NaN };
      await run.epoch(2);
      const target = await run.accelerator.saveState(join(folder, "one"));
      assert.deepEqual((await readdir(target)).sort(), [
        "custom_checkpoint_0.json",
        "custom_checkpoint_0.safetensors",
        "custom_checkpoint_1.json",
        "gradients_0.safetensors",
        "manifest.json",
        "model.safetensors",
        "model_1.safetensors",
        "optimizer.json",
        "optimizer.safetensors",
        "random_states_0.json",
        "state.json",
      ]);
      const weights = await loadSafetensors(join(target, "model.safetensors"));
      assert.deepEqual([...weights.keys()].sort(), ["one.bias", "one.weight", "seen", "two.bias", "two.weight"]);
      const header = await readFile(join(target, "model.safetensors"), "latin1");
      assert.match(header.slice(0, 200), /"__metadata__":\{"format":"pt"\}/);
      const manifest = JSON.parse(await readFile(join(target, "manifest.json"), "utf8")) as {
        about: { loaders: { batch: number }[]; optimizerSteps: number };
        worldSize: number;
      };
      assert.equal(manifest.worldSize, 1);
      assert.deepEqual([manifest.about.optimizerSteps, manifest.about.loaders[0]!.batch], [0, 2]);
      run.objects[0]!.value = null;
      await run.accelerator.loadState(target);
      const { a, t, n } = run.objects[0]!.value as { a: Float32Array; t: Tensor; n: number };
      assert.deepEqual([a, await t.toArray(), n], [Float32Array.of(1, 2), [[1, 2]], Number.NaN]);
      assert.equal(run.objects[1]!.value, 1);
    }));

  it("is numbered on, keeps as many as it is told, and loads the newest; the number goes on after a restart and can be set", () =>
    inFolder(async (folder) => {
      const options = { projectConfig: { projectDir: folder, totalLimit: 2 } };
      const run = await start(options);
      assert.equal(await run.accelerator.loadState(), undefined);
      for (let i = 0; i < 11; i++) {
        assert.equal(run.accelerator.saveIteration, i);
        assert.equal(await run.accelerator.saveState(), join(folder, "checkpoints", `checkpoint_${i}`));
      }
      assert.deepEqual(names(folder), ["checkpoint_10", "checkpoint_9"]);
      const again = await start(options);
      assert.equal((await again.accelerator.loadState())!.directory, join(folder, "checkpoints", "checkpoint_10"));
      assert.equal(again.accelerator.saveIteration, 11);
      await again.accelerator.saveState();
      again.accelerator.saveIteration = 20;
      await again.accelerator.saveState();
      assert.deepEqual(names(folder), ["checkpoint_11", "checkpoint_20"]);
      again.accelerator.saveIteration = 20;
      await assert.rejects(again.accelerator.saveState(), fails("ERR_CHECKPOINT_EXISTS", /checkpoint_20 is there already/));
      assert.deepEqual(names(folder), ["checkpoint_11", "checkpoint_20"]);
    }));

  it("needs a place: without one, or where naming is switched off, the error says what to give", () =>
    inFolder(async (folder) => {
      const run = await start();
      await assert.rejects(run.accelerator.saveState(), fails("ERR_CHECKPOINT_DIRECTORY", /projectDir: "run"/));
      await assert.rejects(run.accelerator.loadState(), fails("ERR_CHECKPOINT_DIRECTORY"));
      const other = await start({ projectDir: folder, projectConfig: { automaticCheckpointNaming: false } });
      await assert.rejects(other.accelerator.saveState(), fails("ERR_CHECKPOINT_DIRECTORY", /automaticCheckpointNaming/));
      await assert.rejects(other.accelerator.loadState(join(folder, "none")), fails("ERR_CHECKPOINT_NOT_FOUND", /none/));
      assert.equal(await other.accelerator.saveState(join(folder, "named")), join(folder, "named"));
      await assert.rejects(other.accelerator.saveState(join(folder, "named")), fails("ERR_CHECKPOINT_EXISTS"));
      assert.throws(() => new Accelerator({ projectConfig: { totalLimit: 0 } }), /totalLimit is 0/);
      assert.throws(() => new Accelerator({ projectDir: "a", projectConfig: { projectDir: "b" } }), /give one of them/);
    }));

  it("passes over a damaged checkpoint and says why; when none is left it does not begin anew in silence", async (t) =>
    inFolder(async (folder) => {
      const run = await start({ projectDir: folder });
      for (let i = 0; i < 3; i++) await run.accelerator.saveState();
      const told = t.mock.method(console, "error", () => {});
      await truncate(join(folder, "checkpoints", "checkpoint_2", "model.safetensors"), 10);
      await mkdir(join(folder, "checkpoints", "checkpoint_3"));
      assert.equal((await run.accelerator.loadState())!.directory, join(folder, "checkpoints", "checkpoint_1"));
      assert.deepEqual(
        told.mock.calls.map((call) => String(call.arguments[0]).replaceAll(folder, "").split(": ").slice(1).join(": ").slice(0, 90)),
        [
          "/checkpoints/checkpoint_3 was passed over: /checkpoints/checkpoint_3 has no manifest.json:",
          "/checkpoints/checkpoint_2 was passed over: /checkpoints/checkpoint_2/model.safetensors has",
        ],
      );
      for (const n of [0, 1]) await writeFile(join(folder, "checkpoints", `checkpoint_${n}`, "state.json"), "{}");
      await assert.rejects(run.accelerator.loadState(), fails("ERR_CHECKPOINT_DAMAGED", /none of the 4 checkpoints/));
      await assert.rejects(run.accelerator.loadState(join(folder, "checkpoints", "checkpoint_1")), fails("ERR_CHECKPOINT_DAMAGED", /state.json/));
    }));
});
