// CallbackHandler: order, waiting, errors; when a training logs, evaluates, saves and stops; which callbacks a Trainer has.
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type CallbackContext,
  type CallbackEvent,
  CallbackHandler,
  DefaultFlowCallback,
  EarlyStoppingCallback,
  PrinterCallback,
  ProgressCallback,
  TrackingCallback,
  type Trainer,
  TrainerCallback,
  TrainerControl,
  TrainerState,
  TrainingArguments,
  type TrainingArgumentsOptions,
} from "accelerate-ts/trainer";
import { AccelerateError } from "../../src/errors.js";
import { callbacksOf } from "../../src/trainer/callbacks/default-callbacks.js";
import { golden } from "./callbacks-golden.js";

const args = new TrainingArguments("x");
const trainer = { model: "the model" } as unknown as Trainer;
const silent = (): void => {};

class Noting extends TrainerCallback {
  readonly #notes: string[];
  readonly #name: string;
  constructor(notes: string[], name: string) {
    super();
    this.#notes = notes;
    this.#name = name;
  }
  override onLog(_args: TrainingArguments, _state: TrainerState, _control: TrainerControl, { logs, model }: CallbackContext): void {
    this.#notes.push(`${this.#name} ${logs?.loss} ${String(model)}`);
  }
}
class Waiting extends Noting {
  override async onLog(...event: Parameters<Noting["onLog"]>): Promise<void> {
    await null;
    await null;
    super.onLog(...event);
  }
}

test("handlers are called in order, and those that are async are awaited before the next one is called", async () => {
  const notes: string[] = [];
  const handler = new CallbackHandler([new Noting(notes, "first"), new Waiting(notes, "second"), new Noting(notes, "third")], silent);
  const control = new TrainerControl({ shouldLog: true });
  const result = handler.call("onLog", args, new TrainerState(), control, { trainer, logs: { loss: 1 } });
  assert.ok(result instanceof Promise);
  assert.equal(await result, control);
  assert.equal(control.shouldLog, false);
  assert.deepEqual(notes, ["first 1 the model", "second 1 the model", "third 1 the model"]);
});

test("where no handler is async nothing is waited for", () => {
  const notes: string[] = [];
  const control = new TrainerControl();
  const handler = new CallbackHandler([new Noting(notes, "only")], silent);
  assert.equal(handler.call("onLog", args, new TrainerState(), control, { trainer, logs: { loss: 2 } }), control);
  assert.equal(handler.call("onSave", args, new TrainerState(), control, { trainer }), control);
  assert.deepEqual(notes, ["only 2 the model"]);
});

test("a control that a handler returns is given to the next one, and back", async () => {
  const [other, given] = [new TrainerControl({ shouldSave: true }), [] as TrainerControl[]];
  const handler = new CallbackHandler(
    [
      { onStepEnd: async () => other },
      {
        onStepEnd: (_args, _state, control) => {
          given.push(control);
          control.shouldLog = true;
        },
      },
    ],
    silent,
  );
  assert.equal(await handler.call("onStepEnd", args, new TrainerState(), new TrainerControl(), { trainer }), other);
  assert.deepEqual([given[0] === other, other.shouldLog, other.shouldSave], [true, true, true]);
});

test("what a handler gives is a control or nothing", async () => {
  const control = new TrainerControl();
  const call = async (given: unknown) => {
    const callback = { onStepEnd: () => given } as unknown as TrainerCallback;
    return new CallbackHandler([callback], silent).call("onStepEnd", args, new TrainerState(), control, { trainer });
  };
  for (const given of [undefined, null, control, Promise.resolve(), Promise.resolve(control)]) assert.equal(await call(given), control);
  // biome-ignore lint/suspicious/noThenProperty: what is awaited need not be a Promise
  assert.equal(await call({ then: (done: (value: undefined) => void) => done(undefined) }), control);
  const other = new TrainerControl({ shouldSave: true });
  assert.equal(await call(other), other);
  for (const given of [5, true, "stop", {}, Promise.resolve(false)])
    await assert.rejects(call(given), { code: "ERR_CALLBACK_CONTROL", message: /onStepEnd of the callback Object gave .*, no TrainerControl/ });
});

test("handlers that nobody calls are told of", () => {
  class Pythons extends TrainerCallback {
    on_step_end(): void {}
  }
  class Mistyped extends TrainerCallback {
    onStepEnds(): void {}
    onFinished(): void {}
  }
  const warnings: string[] = [];
  const handler = new CallbackHandler([], (line) => warnings.push(line));
  assert.throws(() => handler.add(Pythons), { message: /Pythons has a handler on_step_end, which nobody calls.*write onStepEnd/ });
  handler.add(new Mistyped());
  assert.deepEqual(warnings, ["the callback Mistyped has a handler onStepEnds, which nobody calls (did you mean onStepEnd?)"]);
  assert.deepEqual(handler.names, ["Mistyped"]);
  for (const given of [() => 1, "wandb", 5, null]) assert.throws(() => handler.add(given as never), { message: /a callback is .*: give an object or a class/ });
});

test("a handler that fails is named with its event, and what it threw is the cause", async () => {
  const cause = new TypeError("no such key");
  class Broken extends TrainerCallback {
    override onSave(): void {
      throw cause;
    }
    override async onLog(): Promise<void> {
      throw cause;
    }
  }
  const called: string[] = [];
  const handler = new CallbackHandler([Broken, { onSave: () => void called.push("later") }], silent);
  const state = new TrainerState({ globalStep: 63 });
  const expected = { code: "ERR_CALLBACK", message: "the callback Broken failed in onSave at step 63: no such key", cause };
  assert.throws(() => handler.call("onSave", args, state, new TrainerControl(), { trainer }), expected);
  await assert.rejects(async () => handler.call("onLog", args, state, new TrainerControl(), { trainer }), { message: /Broken failed in onLog/, cause });
  assert.deepEqual(called, []);
});

test("errors that loops and launchers look for come through as they are", async () => {
  for (const code of ["ERR_STOPPED", "ERR_PEER_LOST"]) {
    const error = new AccelerateError(code, "so it is");
    const handler = new CallbackHandler([{ onStepEnd: () => Promise.reject(error) }], silent);
    await assert.rejects(
      async () => handler.call("onStepEnd", args, new TrainerState(), new TrainerControl(), { trainer }),
      (thrown) => thrown === error,
    );
  }
});

test("events clear the flags that they answer", () => {
  const cleared: Partial<Record<CallbackEvent, (keyof TrainerControl)[]>> = {
    onTrainBegin: ["shouldTrainingStop"],
    onEpochBegin: ["shouldEpochStop"],
    onStepBegin: ["shouldSave", "shouldEvaluate", "shouldLog"],
    onEvaluate: ["shouldEvaluate"],
    onSave: ["shouldSave"],
    onLog: ["shouldLog"],
    onStepEnd: [],
    onTrainEnd: [],
  };
  const all = { shouldTrainingStop: true, shouldEpochStop: true, shouldSave: true, shouldEvaluate: true, shouldLog: true };
  for (const [event, flags] of Object.entries(cleared) as [CallbackEvent, (keyof TrainerControl)[]][]) {
    const control = new TrainerControl(all);
    new CallbackHandler([]).call(event, args, new TrainerState(), control, { trainer });
    assert.deepEqual({ ...control }, { ...all, ...Object.fromEntries(flags.map((flag) => [flag, false])) }, event);
  }
});

test("callbacks are added, taken away by class or object, and a second one of a class is told of", () => {
  const told: string[] = [];
  const handler = new CallbackHandler([DefaultFlowCallback], (message) => told.push(message));
  const own = new EarlyStoppingCallback();
  handler.add(own);
  handler.add(new EarlyStoppingCallback());
  assert.match(told.join(), /a second EarlyStoppingCallback was added .* DefaultFlowCallback, EarlyStoppingCallback/);
  assert.equal(handler.pop(EarlyStoppingCallback), own);
  assert.throws(() => handler.remove(own), { code: "ERR_ARGUMENT", message: /EarlyStoppingCallback is none of the callbacks/ });
  handler.remove(EarlyStoppingCallback);
  handler.remove(EarlyStoppingCallback);
  assert.equal(handler.pop(EarlyStoppingCallback), undefined);
  assert.deepEqual(handler.names, ["DefaultFlowCallback"]);
  assert.throws(() => handler.add(7 as unknown as TrainerCallback), { code: "ERR_ARGUMENT", message: /a callback is 7/ });
});

test("logging, evaluating, saving and the end come at transformers' steps", async () => {
  for (const { args: names, max_steps, flags } of golden.flow) {
    const own = TrainingArguments.fromJSON({ output_dir: "x", ...names });
    const [state, control] = [new TrainerState({ maxSteps: max_steps }), new TrainerControl()];
    state.computeSteps(own, max_steps);
    const handler = new CallbackHandler([DefaultFlowCallback]);
    const tell = (event: CallbackEvent) => handler.call(event, own, state, control, { trainer });
    const seen: string[] = [];
    const note = () =>
      seen.push(
        (["shouldTrainingStop", "shouldEpochStop", "shouldSave", "shouldEvaluate", "shouldLog"] as const)
          .map((flag, i) => (control[flag] ? "tesvl"[i] : ""))
          .join(""),
      );
    tell("onTrainBegin");
    while (!control.shouldTrainingStop) {
      tell("onEpochBegin");
      for (let step = 0; step < 4 && !control.shouldTrainingStop; step++) {
        tell("onStepBegin");
        state.globalStep++;
        state.epoch = state.globalStep / 4;
        tell("onStepEnd");
        note();
        if (control.shouldLog) tell("onLog");
        if (control.shouldEvaluate) tell("onEvaluate");
        if (control.shouldSave) tell("onSave");
      }
      tell("onEpochEnd");
      note();
    }
    assert.deepEqual(seen, flags, JSON.stringify(names));
  }
});

test("EarlyStoppingCallback counts and stops as transformers' does", () => {
  for (const { greater, patience, threshold, name, series, seen } of golden.stopping) {
    const own = new TrainingArguments("x", { evalStrategy: "steps", metricForBestModel: name, greaterIsBetter: greater });
    const callback = new EarlyStoppingCallback({ earlyStoppingPatience: patience, earlyStoppingThreshold: threshold });
    const [state, control] = [new TrainerState(), new TrainerControl()];
    const found = series.map((value) => {
      callback.onEvaluate(own, state, control, { metrics: { eval_f1: value } } as unknown as CallbackContext);
      const { bestMetric } = state;
      if (bestMetric === undefined || (greater ? value > bestMetric : value < bestMetric)) state.bestMetric = value;
      return [callback.earlyStoppingPatienceCounter, control.shouldTrainingStop];
    });
    assert.deepEqual(found, seen);
  }
});

test("callbacks say what they lack, and what they do not take", () => {
  assert.throws(() => new ProgressCallback({ maxStrLength: 3 } as never), { code: "ERR_OPTIONS", message: /no option maxStrLength/ });
  assert.throws(() => new PrinterCallback({ prints: 3 } as never), { code: "ERR_OPTIONS", message: /no option prints/ });
  assert.throws(() => new EarlyStoppingCallback({ patience: 3 } as never), { code: "ERR_OPTIONS", message: /no option patience.*earlyStoppingPatience/ });
  const told: string[] = [];
  const callback = new EarlyStoppingCallback();
  const context = { trainer: { callbackHandler: new CallbackHandler([], (message) => told.push(message)) } } as unknown as CallbackContext;
  const begin = (options: TrainingArgumentsOptions) => () =>
    callback.onTrainBegin(new TrainingArguments("x", options), new TrainerState(), new TrainerControl(), context);
  assert.throws(begin({ evalStrategy: "steps" }), { code: "ERR_ARGUMENT", message: /which metric to watch: set metricForBestModel/ });
  assert.throws(begin({ metricForBestModel: "f1" }), { code: "ERR_ARGUMENT", message: /set evalStrategy/ });
  begin({ evalStrategy: "steps", metricForBestModel: "f1" })();
  assert.match(told.pop()!, /without loadBestModelAtEnd/);
  const own = new TrainingArguments("x", { evalStrategy: "steps", metricForBestModel: "f1" });
  callback.onEvaluate(own, new TrainerState(), new TrainerControl(), { ...context, metrics: { eval_loss: 1 } });
  assert.match(told.pop()!, /found no eval_f1 in the metrics \(eval_loss\)/);
  assert.throws(() => new EarlyStoppingCallback({ earlyStoppingPatience: 0 }), /earlyStoppingPatience is 0/);
  assert.throws(() => new EarlyStoppingCallback({ earlyStoppingThreshold: Number.NaN }), /earlyStoppingThreshold is NaN/);
});

test("a Trainer has flow, trackers, the user's callbacks and a display, each once", () => {
  const names = (options: TrainingArgumentsOptions, own: readonly (TrainerCallback | (new () => TrainerCallback))[] = []) =>
    new CallbackHandler(callbacksOf(new TrainingArguments("x", options), own), (message) => assert.fail(message)).names;
  assert.deepEqual(names({}), ["DefaultFlowCallback", "ProgressCallback"]);
  assert.deepEqual(names({ disableTqdm: true, reportTo: "none" }, [EarlyStoppingCallback]), [
    "DefaultFlowCallback",
    "EarlyStoppingCallback",
    "PrinterCallback",
  ]);
  assert.deepEqual(names({ reportTo: ["jsonl"] }), ["DefaultFlowCallback", "TrackingCallback", "ProgressCallback"]);
  class Slower extends DefaultFlowCallback {}
  const own = [new ProgressCallback({ maxStrLen: 5 }), TrackingCallback, Slower, new PrinterCallback()];
  assert.deepEqual(names({ reportTo: ["jsonl"] }, own), ["ProgressCallback", "TrackingCallback", "Slower", "PrinterCallback"]);
});
