// Which callbacks a Trainer has, and in which order.
import type { TrainingArguments } from "../arguments/index.js";
import type { GivenCallback } from "./callback-handler.js";
import { DefaultFlowCallback } from "./default-flow.js";
import { PrinterCallback } from "./printer.js";
import { ProgressCallback } from "./progress-callback.js";
import { TrackingCallback } from "./tracking-callback.js";
import type { TrainerCallback } from "./trainer-callback.js";

type CallbackClass = new () => TrainerCallback;
const isOf = (given: GivenCallback, type: CallbackClass): boolean =>
  typeof given === "function" ? given === type || given.prototype instanceof type : given instanceof type;

/** Flow, trackers, the user's own, display. One that the user gives takes the place of ours of its kind, so that nothing is shown or reported twice. */
export function callbacksOf(args: TrainingArguments, own: readonly GivenCallback[] = []): GivenCallback[] {
  const unlessOwn = (type: CallbackClass): CallbackClass[] => (own.some((given) => isOf(given, type)) ? [] : [type]);
  return [
    ...unlessOwn(DefaultFlowCallback),
    ...(args.reportTo.length > 0 ? unlessOwn(TrackingCallback) : []),
    ...own,
    ...unlessOwn(args.disableTqdm ? PrinterCallback : ProgressCallback),
  ];
}

/** Writes lines to stderr, above the bar of a training that runs. */
export function printLines(callbacks: Iterable<TrainerCallback>, text: string): void {
  for (const callback of callbacks) if (callback instanceof ProgressCallback && callback.print(text)) return;
  console.error(text);
}

/** Ends lines that move, for a training that failed. */
export function closeDisplays(callbacks: Iterable<TrainerCallback>): void {
  for (const callback of callbacks) if (callback instanceof ProgressCallback) callback.close();
}
