// TrainerState: trainer_state.json as transformers writes and reads it; states of callbacks.
import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fc } from "../support/properties.js";
import { pythonFixed, pythonFloat, pythonGeneral } from "../../src/python-numbers.js";
import { EarlyStoppingCallback, type ExportableState, TrainerCallback, TrainerControl, TrainerState } from "../../src/trainer/index.js";
import { exportStates, restoreStates } from "../../src/trainer/state/exportable.js";
import { golden } from "./callbacks-golden.js";

test("numbers are written as Python writes them", () => {
  for (const [given, repr, general, fixed] of golden.numbers) {
    const value = typeof given === "string" ? Number(given.replace("inf", "Infinity")) : given;
    assert.deepEqual([pythonFloat(value), pythonGeneral(value, 4)], [repr, general], String(value));
    if (Math.abs(value) < 1e15) assert.equal(pythonFixed(value, 6), fixed, String(value));
  }
});

test("transformers' files are written again byte for byte", () => {
  for (const text of golden.states) assert.equal(TrainerState.fromJsonString(text).toJsonString(), text);
});

test("a state that is made here is written as transformers writes it", () => {
  assert.equal(new TrainerState().toJsonString(), golden.states[0]);
  const stopping = new EarlyStoppingCallback({ earlyStoppingPatience: 3, earlyStoppingThreshold: 0.01 });
  stopping.earlyStoppingPatienceCounter = 2;
  const state = new TrainerState({
    globalStep: 630,
    epoch: 10,
    maxSteps: 630,
    loggingSteps: 50,
    saveSteps: 50,
    trainBatchSize: 32,
    numInputTokensSeen: 76160,
    numTrainEpochs: 10,
  });
  state.totalFlos = 1223055296400000;
  state.logHistory.push(
    { loss: 0.6972, grad_norm: Number.NaN, learning_rate: 4.603174603174603e-5, epoch: 0.7936507936507936, step: 50 },
    {
      ...{ eval_loss: 1, eval_accuracy: 0.75, eval_runtime: 3, eval_samples_per_second: 39.431, eval_steps_per_second: 1.242 },
      ...{ epoch: 1, num_input_tokens_seen: 7616, step: 63 },
    },
    { train_runtime: 507.216, total_flos: 1223055296400000, train_loss: 0.2607, epoch: 10, step: 630 },
  );
  [state.bestMetric, state.bestGlobalStep, state.bestModelCheckpoint] = [1, 63, "out/checkpoint-63"];
  [state.trialName, state.trialParams] = ["run é", { learning_rate: 5e-5, seed: 3, optim: "sgd" }];
  state.statefulCallbacks = exportStates([stopping, new TrainerControl({ shouldSave: true })]);
  assert.equal(state.toJsonString(), golden.states[1]);
});

test("what is saved is loaded, and nothing else is left in the folder", async () => {
  const folder = await mkdtemp(join(tmpdir(), "state-"));
  try {
    const file = join(folder, "trainer_state.json");
    const state = TrainerState.fromJsonString(golden.states[3]!);
    await state.saveToJson(file);
    assert.deepEqual(await TrainerState.loadFromJson(file), state);
    assert.equal(await readFile(file, "utf8"), golden.states[3]);
    assert.deepEqual(await readdir(folder), ["trainer_state.json"]);
    await writeFile(file, golden.states[3]!.slice(0, 200));
    await assert.rejects(TrainerState.loadFromJson(file), {
      code: "ERR_TRAINER_STATE",
      message: /trainer_state\.json is no JSON .*resume from another checkpoint/,
    });
  } finally {
    await rm(folder, { recursive: true });
  }
});

test("any state comes back, not-a-number and infinities among its values", () => {
  const row = fc.record({ step: fc.nat(), loss: fc.double(), epoch: fc.double({ noNaN: true }), eval_f1: fc.float() });
  fc.assert(
    fc.property(fc.array(row, { maxLength: 5 }), fc.nat(), fc.option(fc.double(), { nil: undefined }), (logHistory, globalStep, bestMetric) => {
      const state = new TrainerState({ logHistory, globalStep, bestMetric });
      const again = TrainerState.fromJsonString(state.toJsonString());
      assert.equal(again.toJsonString(), state.toJsonString());
      // -0 and 0 are one number in the file where they count whole.
      assert.deepEqual(
        again.logHistory.map(({ loss }) => loss),
        logHistory.map(({ loss }) => loss),
      );
    }),
    { numRuns: 300 },
  );
});

test("files of other versions: fields that are missing have their defaults, fields that are new stay", () => {
  const state = TrainerState.fromJsonString('{"global_step": 5, "epoch": 0.5, "log_history": [], "a_new_field": [1, 2]}');
  assert.deepEqual([state.globalStep, state.epoch, state.loggingSteps], [5, 0.5, 500]);
  assert.match(state.toJsonString(), /"a_new_field": \[\n {4}1,\n {4}2\n {2}\]/);
});

test("what is no state of a training is refused, and says which field", () => {
  const refused = (text: string, message: RegExp) => assert.throws(() => TrainerState.fromJsonString(text, "x.json"), { code: "ERR_TRAINER_STATE", message });
  refused("[]", /x\.json holds no state/);
  refused('{"loss": 1}', /holds no state/);
  refused('{"global_step": -1}', /x\.json: global_step is -1, not a whole number/);
  refused('{"global_step": 1, "log_history": [{}]}', /log_history is \[\{\}\], not a list of records with a step/);
  refused('{"global_step": 1, "stateful_callbacks": {"A": 1}}', /stateful_callbacks/);
  refused('{"global_step": 1, "best_model_checkpoint": 7}', /best_model_checkpoint is 7, not a path or null/);
});

test("names that every object has are names of other versions", () => {
  const state = TrainerState.fromJsonString('{"global_step": 1, "__proto__": {"a": 1}, "constructor": 2}');
  assert.equal(state.globalStep, 1);
  assert.match(state.toJsonString(), /"constructor": 2/);
  // What is read from a tensor of int64.
  state.logHistory.push({ count: 5n as never, step: 1 });
  assert.match(state.toJsonString(), /"count": 5,/);
});

test("steps that are given as parts of the whole are rounded up", () => {
  for (const { args, max_steps, steps } of golden.flow) {
    const state = new TrainerState();
    state.computeSteps({ loggingSteps: args.logging_steps as number, evalSteps: args.eval_steps as number, saveSteps: args.save_steps as number }, max_steps);
    assert.deepEqual([state.loggingSteps, state.evalSteps, state.saveSteps], steps);
  }
  const state = new TrainerState();
  state.computeSteps({ loggingSteps: 10, evalSteps: undefined, saveSteps: 20 }, 100);
  assert.equal(state.evalSteps, 500);
});

class Counting extends TrainerCallback implements ExportableState {
  stepsSeen = 0;
  override onStepEnd(): void {
    this.stepsSeen++;
  }
  state() {
    return { args: {}, attributes: { steps_seen: this.stepsSeen } };
  }
}
class Silent extends TrainerCallback {}

test("callbacks get their states back, in place, and several of one class in their order", () => {
  const [first, second, control] = [new Counting(), new Counting(), new TrainerControl({ shouldEpochStop: true })];
  [first.stepsSeen, second.stepsSeen] = [3, 5];
  const states = exportStates([first, new Silent(), second, control]);
  assert.deepEqual(Object.keys(states), ["Counting", "TrainerControl"]);
  const [again, other, early, flags] = [new Counting(), new Counting(), new EarlyStoppingCallback(), new TrainerControl()];
  const missing = restoreStates([again, early, other], flags, { ...states, Gone: { args: {}, attributes: {} } });
  assert.deepEqual([again.stepsSeen, other.stepsSeen, flags.shouldEpochStop], [3, 5, true]);
  assert.deepEqual(missing, ["Gone"]);
});

test("a state that no file can hold is told when it is to be saved", () => {
  const ring: Record<string, unknown> = {};
  ring.ring = ring;
  const failing = () => {
    throw new Error("not now");
  };
  for (const [state, message] of [
    [() => 5, /state\(\) of the callback Object gave no state with args and attributes/],
    [() => ({ args: {} }), /gave no state/],
    [() => ({ args: ring, attributes: {} }), /failed: .*circular/],
    [() => ({ args: { count: 5n }, attributes: {} }), /failed: .*BigInt/],
    [failing, /failed: not now/],
  ] as const)
    assert.throws(() => exportStates([{ state }]), { code: "ERR_CALLBACK_STATE", message });
});

test("EarlyStoppingCallback goes on counting where Python's had stopped", () => {
  const callback = new EarlyStoppingCallback();
  restoreStates([callback], new TrainerControl(), TrainerState.fromJsonString(golden.states[3]!).statefulCallbacks);
  assert.deepEqual([callback.earlyStoppingPatience, callback.earlyStoppingThreshold, callback.earlyStoppingPatienceCounter], [2, 0, 1]);
});
