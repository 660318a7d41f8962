// CallbackHandler: calls callbacks in their order, waits for those that are async, and says whose handler failed.
import { type AccelerateError, ArgumentError } from "../../errors.js";
import { speaks } from "../../progress/speaks.js";
import { distance } from "../../similar.js";
import type { TrainingArguments } from "../arguments/index.js";
import { callbackName, type TrainerControl, type TrainerState } from "../state/index.js";
import type { Trainer } from "../trainer.js";
import { CallbackError, passesThrough } from "./callback-error.js";
import { type CallbackContext, type CallbackEvent, callbackEvents, type CallbackLoader, type Handled, type TrainerCallback } from "./trainer-callback.js";

/** A callback, or its class when it is made without arguments. */
export type GivenCallback = TrainerCallback | (new () => TrainerCallback);

/** What an event is about. */
export interface EventDetails {
  readonly trainer: Trainer;
  readonly metrics?: Readonly<Record<string, number>> | undefined;
  readonly logs?: Readonly<Record<string, number>> | undefined;
}

type Flag = "shouldTrainingStop" | "shouldEpochStop" | "shouldSave" | "shouldEvaluate" | "shouldLog";
/** Flags that an event clears before its handlers are called. */
const cleared: { readonly [E in CallbackEvent]?: readonly Flag[] } = {
  onTrainBegin: ["shouldTrainingStop"],
  onEpochBegin: ["shouldEpochStop"],
  onStepBegin: ["shouldLog", "shouldEvaluate", "shouldSave"],
  onEvaluate: ["shouldEvaluate"],
  onSave: ["shouldSave"],
  onLog: ["shouldLog"],
};

/** Reads what it gives from the Trainer when it is asked: a model may still be in the making. */
class Context implements CallbackContext {
  readonly trainer: Trainer;
  readonly metrics: Readonly<Record<string, number>> | undefined;
  readonly logs: Readonly<Record<string, number>> | undefined;
  readonly trainDataloader: CallbackLoader | undefined;
  readonly evalDataloader: CallbackLoader | undefined;

  constructor({ trainer, metrics, logs }: EventDetails, { trainDataloader, evalDataloader }: Pick<CallbackHandler, "trainDataloader" | "evalDataloader">) {
    this.trainer = trainer;
    this.metrics = metrics;
    this.logs = logs;
    this.trainDataloader = trainDataloader;
    this.evalDataloader = evalDataloader;
  }
  get model() {
    return this.trainer.model;
  }
  get processingClass() {
    return this.trainer.processingClass;
  }
  get optimizer() {
    return this.trainer.optimizer;
  }
  get lrScheduler() {
    return this.trainer.lrScheduler;
  }
}

const tell = (message: string): void => {
  if (speaks()) console.warn(message);
};
const camelCase = (name: string): string => name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
/** What looks like a handler, and is called by nobody: on_step_end as in Python, onStepEnds by mistake. */
function unheardOf(callback: object): readonly [name: string, right: CallbackEvent][] {
  const names = new Set<string>();
  for (let own = callback; own !== null && own !== Object.prototype; own = Object.getPrototypeOf(own) as object)
    for (const name of Object.getOwnPropertyNames(own)) if (/^on(_|[A-Z])/.test(name)) names.add(name);
  const events: readonly string[] = callbackEvents;
  return [...names].flatMap((name) => {
    const right = events.includes(name) ? undefined : callbackEvents.find((event) => distance(camelCase(name), event) <= typingErrors);
    return right === undefined ? [] : [[name, right] as const];
  });
}
const typingErrors = 2;
/** An object, or one made from a class. @throws ArgumentError for anything else */
function madeFrom(given: GivenCallback): TrainerCallback {
  const isClass = typeof given === "function" && given.prototype !== undefined;
  const made: unknown = isClass ? new given() : given;
  if (typeof made === "object" && made !== null) return made as TrainerCallback;
  throw new ArgumentError(`a callback is ${typeof made === "function" ? "a function" : String(made)}`, {
    hint: "give an object or a class that extends TrainerCallback",
  });
}
const isPromise = (value: Handled): value is Extract<Handled, Promise<unknown>> => typeof (value as Promise<unknown> | undefined)?.then === "function";
const isOf = (own: TrainerCallback, given: GivenCallback): boolean => (typeof given === "function" ? own instanceof given : own === given);

const flags = ["shouldTrainingStop", "shouldEpochStop", "shouldSave", "shouldEvaluate", "shouldLog"] as const satisfies readonly Flag[];
/** What a handler leaves: the control that it gave, or the one that it was given. @throws ArgumentError for anything else */
function controlOf(callback: TrainerCallback, event: CallbackEvent, given: unknown, before: TrainerControl): TrainerControl {
  if (given === undefined || given === null || given === before) return before;
  if (typeof given === "object" && flags.every((flag) => typeof (given as TrainerControl)[flag] === "boolean")) return given as TrainerControl;
  throw new ArgumentError(
    `${event} of the callback ${callbackName(callback)} gave ${typeof given === "object" ? "an object" : String(given)}, no TrainerControl`,
    {
      code: "ERR_CALLBACK_CONTROL",
      hint: "return nothing, or control",
    },
  );
}

/** The callbacks of a Trainer. */
export class CallbackHandler {
  readonly callbacks: TrainerCallback[] = [];
  /** Set by the loops; given to handlers. */
  trainDataloader: CallbackLoader | undefined = undefined;
  evalDataloader: CallbackLoader | undefined = undefined;
  /** Takes what the user must be told. */
  readonly warn: (message: string) => void;

  constructor(callbacks: readonly GivenCallback[], warn: (message: string) => void = tell) {
    this.warn = warn;
    for (const callback of callbacks) this.add(callback);
  }

  /** Adds a callback behind the others. A second one of the same class is told of: it is mostly a mistake. @throws ArgumentError for what is no callback, and for handlers with Python's names */
  add(callback: GivenCallback): void {
    const added = madeFrom(callback);
    for (const [name, right] of unheardOf(added)) {
      const told = `the callback ${callbackName(added)} has a handler ${name}, which nobody calls`;
      if (name.includes("_")) throw new ArgumentError(told, { hint: `write ${right}` });
      this.warn(`${told} (did you mean ${right}?)`);
    }
    if (added.constructor !== Object && this.callbacks.some((own) => own.constructor === added.constructor))
      this.warn(`a second ${callbackName(added)} was added to the callbacks of this Trainer; there are ${this.names.join(", ")}`);
    this.callbacks.push(added);
  }
  /** Removes the callback, or the first one of a class, and gives it. */
  pop(callback: GivenCallback): TrainerCallback | undefined {
    const at = this.callbacks.findIndex((own) => isOf(own, callback));
    return at < 0 ? undefined : this.callbacks.splice(at, 1)[0];
  }
  /** @throws ArgumentError when this object is none of the callbacks; a class that there is none of is ignored, as in Python */
  remove(callback: GivenCallback): void {
    if (!this.pop(callback) && typeof callback !== "function")
      throw new ArgumentError(`${callbackName(callback)} is none of the callbacks of this Trainer`, { hint: `there are ${this.names.join(", ") || "none"}` });
  }
  /** Names of the callbacks' classes, in order. */
  get names(): readonly string[] {
    return this.callbacks.map(callbackName);
  }

  /**
   * Calls the handlers of an event, one after the other. Where all of them are synchronous it returns at once, without a promise.
   * @throws CallbackError (or a promise that rejects with it) when a handler fails
   */
  call(
    event: CallbackEvent,
    args: TrainingArguments,
    state: TrainerState,
    control: TrainerControl,
    details: EventDetails,
  ): TrainerControl | Promise<TrainerControl> {
    for (const flag of cleared[event] ?? []) control[flag] = false;
    const callbacks = this.callbacks.filter((callback) => callback[event]);
    if (callbacks.length === 0) return control;
    const context = new Context(details, this);
    const from = (start: number, given: TrainerControl): TrainerControl | Promise<TrainerControl> => {
      let now = given;
      for (let i = start; i < callbacks.length; i++) {
        const callback = callbacks[i]!;
        const failed = (cause: unknown): AccelerateError =>
          passesThrough(cause) ? cause : new CallbackError(callbackName(callback), event, state.globalStep, cause);
        let result: Handled;
        try {
          result = callback[event]!(args, state, now, context);
        } catch (cause) {
          throw failed(cause);
        }
        if (isPromise(result))
          return Promise.resolve(result).then(
            (changed) => from(i + 1, controlOf(callback, event, changed, now)),
            (cause: unknown) => {
              throw failed(cause);
            },
          );
        now = controlOf(callback, event, result, now);
      }
      return now;
    };
    return from(0, control);
  }
}
