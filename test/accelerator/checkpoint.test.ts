// saveState and loadState in one process: what is kept, how it is named, what is refused, and that a failure changes nothing.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { cp, mkdir, readdir, readFile, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import {
  Accelerator,
  AdamW,
  type AcceleratorOptions,
  type Checkpointable,
  CheckpointError,
  DataLoader,
  getScheduler,
  SGD,
  type Tensor,
  tensor,
} from "accelerate-ts";
import { crossEntropy, dropout, Linear, Module } from "accelerate-ts/nn";
import { loadSafetensors } from "../../src/safetensors/index.js";
import { defaultGenerator, setSeed } from "../../src/tensor/index.js";
import { inFolder } from "../checkpoint/fixtures.js";
import { inTmpfs, tmpfsMissing } from "../checkpoint/tmpfs.js";

class Net extends Module {
  readonly one: Linear;
  readonly two: Linear;
  readonly seen: Tensor;
  constructor(width = 16) {
    super();
    this.one = new Linear(4, width);
    this.two = new Linear(width, 2);
    this.seen = this.registerBuffer("seen", tensor([0, 0]));
  }
  forward(x: Tensor): Tensor {
    return this.two(dropout(this.one(x).tanh(), { p: 0.3, training: this.training }));
  }
}

const data = (rows: number) => Array.from({ length: rows }, (_, row) => ({ x: Array.from({ length: 4 }, (_, i) => Math.sin(row * 4 + i)), label: row % 2 }));

interface RunOptions extends AcceleratorOptions {
  readonly width?: number;
  readonly rows?: number;
  readonly batchSize?: number;
  readonly shuffle?: boolean;
  readonly optimizer?: "adamw" | "sgd";
  readonly schedulers?: number;
  readonly models?: number;
  readonly loaders?: number;
  readonly custom?: number;
}

/** A run that can train for an epoch. */
async function start(options: RunOptions = {}) {
  const {
    width = 16,
    rows = 12,
    batchSize = 3,
    shuffle = true,
    optimizer: kind = "adamw",
    schedulers = 1,
    models = 1,
    loaders = 1,
    custom = 0,
    ...own
  } = options;
  const accelerator = new Accelerator({ seed: 3, ...own });
  opened.push(accelerator);
  const nets = Array.from({ length: models }, () => new Net(width));
  const model = nets[0]!;
  const optimizer = kind === "adamw" ? new AdamW(model.parameters(), { lr: 1e-2 }) : new SGD(model.parameters(), { lr: 1e-2, momentum: 0.9 });
  const collateFn = (batch: { readonly x: number[]; readonly label: number }[]) => ({
    x: tensor(batch.map((r) => r.x)),
    labels: tensor(
      batch.map((r) => r.label),
      { dtype: "int64" },
    ),
  });
  const all = Array.from({ length: loaders }, () => new DataLoader(data(rows), { batchSize, shuffle, collateFn }));
  const loader = all[0]!;
  await accelerator.prepare(...nets, optimizer, ...all);
  for (let i = 0; i < schedulers; i++) getScheduler("linear", optimizer, { numWarmupSteps: 1, numTrainingSteps: 100 });
  const objects = Array.from({ length: custom }, (_, i) => new Custom(i));
  if (custom) accelerator.registerForCheckpointing(...objects);
  const epoch = async (batches = Number.POSITIVE_INFINITY): Promise<number[]> => {
    model.train();
    const losses: number[] = [];
    for await (const { x, labels } of loader) {
      await accelerator.accumulate(model, async () => {
        const loss = crossEntropy(model(x), labels);
        await accelerator.backward(loss);
        losses.push(await loss.item());
        await optimizer.step();
        optimizer.zeroGrad();
      });
      if (losses.length >= batches) break;
    }
    return losses;
  };
  const state = () => ({
    parameters: [...model.namedParameters()].map(([name, p]) => [name, [...p.values()]]),
    optimizer: JSON.parse(JSON.stringify(optimizer.stateDict())) as unknown,
    random: [...defaultGenerator().words(2)],
  });
  return { accelerator, model, nets, optimizer, loader, epoch, state, objects };
}

class Custom implements Checkpointable {
  value: unknown;
  refuses = false;
  constructor(value: unknown) {
    this.value = value;
  }
  stateDict(): unknown {
    return this.value;
  }
  loadStateDict(state: unknown): void {
    if (this.refuses) throw new RangeError("not this one");
    this.value = state;
  }
}

const opened: Accelerator[] = [];
beforeEach(() => setSeed(0));
afterEach(async () => {
  for (const accelerator of opened.splice(0)) await accelerator.close();
});
const fails =
  (code: string, ...texts: RegExp[]) =>
  (error: unknown) => {
    assert.ok(error instanceof CheckpointError, String(error));
    assert.equal(error.code, code, error.message);
    for (const text of texts) assert.match(error.message, text);
    return true;
  };
const names = (folder: string): string[] => readdirSync(join(folder, "checkpoints")).sort();

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
