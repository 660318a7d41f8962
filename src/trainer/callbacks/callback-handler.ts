// CallbackHandler: calls callbacks in their order, waits for those that are async, and says whose handler failed.
import { type AccelerateError, ArgumentError } from "../../errors.js";
import { speaks } from "../../progress/speaks.js";
import type { TrainingArguments } from "../arguments/index.js";
import { callbackName, type TrainerControl, type TrainerState } from "../state/index.js";
import type { Trainer } from "../trainer.js";
import { CallbackError, passesThrough } from "./callback-error.js";
import type { CallbackContext, CallbackEvent, CallbackLoader, Handled, TrainerCallback } from "./trainer-callback.js";

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
const isPromise = (value: Handled): value is Extract<Handled, Promise<unknown>> => typeof (value as Promise<unknown> | undefined)?.then === "function";
const isOf = (own: TrainerCallback, given: GivenCallback): boolean => (typeof given === "function" ? own instanceof given : own === given);

/** The callbacks of a Trainer. */
export class CallbackHandler {
  readonly callbacks: TrainerCallback[] = [];
  /** Set by the loops; given to handlers. */
  trainDataloader: CallbackLoader | undefined = undefined;
  evalDataloader: CallbackLoader | undefined = undefined;
  readonly #warn: (message: string) => void;

  /** @param warn takes what the user must be told */
  constructor(callbacks: readonly GivenCallback[], warn: (message: string) => void = tell) {
    this.#warn = warn;
    for (const callback of callbacks) this.add(callback);
  }

  /** Adds a callback behind the others. A second one of the same class is told of: it is mostly a mistake. */
  add(callback: GivenCallback): void {
    const added = typeof callback === "function" ? new callback() : callback;
    if (typeof added !== "object" || added === null)
      throw new ArgumentError(`a callback is ${String(added)}`, { hint: "give an object or a class that extends TrainerCallback" });
    if (added.constructor !== Object && this.callbacks.some((own) => own.constructor === added.constructor))
      this.#warn(`a second ${callbackName(added)} was added to the callbacks of this Trainer; there are ${this.names.join(", ")}`);
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
          return result.then(
            (changed) => from(i + 1, changed ?? now),
            (cause: unknown) => {
              throw failed(cause);
            },
          );
        now = result ?? now;
      }
      return now;
    };
    return from(0, control);
  }
}
