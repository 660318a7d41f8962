// Objects whose state is kept in trainer_state.json and restored from it: some callbacks, and the control flags.
import { ArgumentError } from "../../errors.js";
import type { TrainerControl } from "./control.js";

/** What trainer_state.json holds of a callback: what it was made with, and what it has counted since. Names are those of the file, in snake_case. */
export interface CallbackState {
  readonly args: Readonly<Record<string, unknown>>;
  readonly attributes: Readonly<Record<string, unknown>>;
}

/**
 * A callback that has a `state()` is saved with every checkpoint and restored when `restoreCallbackStatesFromCheckpoint` is set.
 *
 * @example
 * class CountingCallback extends TrainerCallback implements ExportableState {
 *   seen = 0;
 *   override onStepEnd() { this.seen++; }
 *   state() { return { args: {}, attributes: { seen: this.seen } }; }
 * }
 */
export interface ExportableState {
  state(): CallbackState;
  /** Takes a state back. Without it each name of the state is assigned to the property of that name, or of that name in camelCase. */
  loadState?(state: CallbackState): void;
}

export const isExportable = (value: object): value is ExportableState => "state" in value && typeof value.state === "function";
/** The name under which a callback's state is kept, and by which messages call it. */
export const callbackName = (callback: object): string => callback.constructor.name || "callback";

export type CallbackStates = Record<string, CallbackState | CallbackState[]>;

const isRecord = (value: unknown): boolean => typeof value === "object" && value !== null && !Array.isArray(value);

/** What `state()` gives, which a file must be able to hold: a checkpoint with another one could not be read again. */
function stateOf(callback: ExportableState & object): CallbackState {
  const wrong = (reason: string, cause?: unknown): ArgumentError =>
    new ArgumentError(`state() of the callback ${callbackName(callback)} ${reason}`, {
      code: "ERR_CALLBACK_STATE",
      hint: "return { args: { ... }, attributes: { ... } } of numbers, texts, lists and the like; what is called state for other reasons needs another name",
      ...(cause === undefined ? {} : { cause }),
    });
  let state: CallbackState;
  try {
    state = callback.state();
    JSON.stringify(state);
  } catch (cause) {
    throw wrong(`failed: ${cause instanceof Error ? cause.message.split("\n")[0] : String(cause)}`, cause);
  }
  if (!isRecord(state) || !isRecord(state.args) || !isRecord(state.attributes)) throw wrong("gave no state with args and attributes");
  return state;
}

/**
 * The states of all that have one, by the names of their classes; several of one class are a list.
 * @throws ArgumentError ERR_CALLBACK_STATE for what cannot be kept
 */
export function exportStates(callbacks: Iterable<object>): CallbackStates {
  const states: CallbackStates = {};
  for (const callback of callbacks) {
    if (!isExportable(callback)) continue;
    const name = callbackName(callback);
    const before = states[name];
    const state = stateOf(callback);
    states[name] = before === undefined ? state : Array.isArray(before) ? [...before, state] : [before, state];
  }
  return states;
}

const camelCase = (name: string): string => name.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());

function restore(callback: ExportableState, state: CallbackState): void {
  if (callback.loadState) {
    callback.loadState(state);
    return;
  }
  const target = callback as unknown as Record<string, unknown>;
  for (const [name, value] of [...Object.entries(state.args), ...Object.entries(state.attributes)]) target[name in target ? name : camelCase(name)] = value;
}

/**
 * Gives callbacks their states back, in place: the objects that the user holds stay those that are called.
 * @returns Names in the checkpoint that no callback bears.
 */
export function restoreStates(callbacks: Iterable<object>, control: TrainerControl, states: Readonly<CallbackStates>): string[] {
  const all = [...callbacks, control];
  const missing: string[] = [];
  for (const [name, stored] of Object.entries(states)) {
    const bearers = all.filter((callback): callback is ExportableState & object => isExportable(callback) && callbackName(callback) === name);
    if (bearers.length === 0) missing.push(name);
    const list = Array.isArray(stored) ? stored : [stored];
    for (const [i, bearer] of bearers.entries()) if (list[i]) restore(bearer, list[i]);
  }
  return missing;
}
