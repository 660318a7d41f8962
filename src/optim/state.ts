// What an optimizer's state looks like when it is saved: torch's names, keyed by parameter name.
import { ArgumentError } from "../errors.js";
import type { Parameter } from "../tensor/index.js";
import type { GroupState, Hyperparameters } from "./groups.js";

/** Of one parameter: its own step counter, and flat arrays such as exp_avg. */
export interface ParameterState {
  readonly step: number;
  readonly [name: string]: number | ArrayLike<number>;
}

export type SavedValue = string | number | boolean | null | readonly SavedValue[];

/** Of one group: its hyperparameters in torch's spelling (weight_decay), and its parameters' names. */
export interface SavedGroup {
  readonly params: readonly string[];
  readonly [hyperparameter: string]: SavedValue;
}

/** Of a scheduler: plain numbers and lists of them. */
export type SchedulerState = Readonly<Record<string, SavedValue>>;

export interface OptimizerState {
  readonly state: Readonly<Record<string, ParameterState>>;
  readonly param_groups: readonly SavedGroup[];
  readonly step_count: number;
  /** Of the schedulers that follow the optimizer, in the order in which they were made. */
  readonly schedulers: readonly SchedulerState[];
}

/** By parameter: all of its state, by name. */
export type WholeState = ReadonlyMap<Parameter, ReadonlyMap<string, Float32Array>>;

/** What makes a step on one worker the same as on another. */
export interface StepSettings {
  /** What hooks multiply the gradients by. */
  readonly gradScale: number;
  readonly groups: readonly SavedGroup[];
}
/** How far an optimizer and its schedulers are, without state. */
export type OptimizerProgress = Pick<OptimizerState, "param_groups" | "step_count" | "schedulers">;

const snake = (key: string): string => key.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`);

export function savedGroup<H extends Hyperparameters>(group: GroupState<H>): SavedGroup {
  const { params, ...own } = group;
  return { ...Object.fromEntries(Object.entries(own).map(([key, value]) => [snake(key), value as SavedValue])), params: params.map((p) => p.name) };
}

/** The hyperparameters of a group as saved; those that were not saved stay. */
export function applyGroup<H extends Hyperparameters>(group: GroupState<H>, saved: SavedGroup): H & { initialLr?: number } {
  const { params: _, ...own } = group;
  const keys = [...new Set([...Object.keys(own), "initialLr"])];
  const loaded = keys.filter((key) => snake(key) in saved).map((key) => [key, saved[snake(key)]] as const);
  return { ...own, ...Object.fromEntries(loaded) } as unknown as H & { initialLr?: number };
}

export interface OwnState {
  readonly groups: readonly GroupState[];
  readonly named: ReadonlyMap<string, Parameter>;
  /** Shapes of a parameter's state, by name. */
  shapesOf(parameter: Parameter): ReadonlyMap<string, readonly number[]>;
}

/**
 * Holds a saved state against an optimizer's parameters.
 * @throws ArgumentError ERR_OPTIMIZER_STATE, naming the first difference.
 */
export function checkSaved(saved: OptimizerState, { groups, named, shapesOf }: OwnState): void {
  const refuse = (what: string, hint: string = "make the model and the optimizer as they were when the state was saved"): never => {
    throw new ArgumentError(`the saved optimizer state does not fit: ${what}`, { code: "ERR_OPTIMIZER_STATE", hint });
  };
  if (saved.param_groups.length !== groups.length) refuse(`it has ${saved.param_groups.length} groups, the optimizer ${groups.length}`);
  for (const [i, group] of groups.entries()) {
    const names = new Set(saved.param_groups[i]!.params);
    for (const { name } of group.params) if (!names.delete(name)) refuse(`group ${i} of it lacks ${name}`);
    for (const name of names) refuse(`group ${i} of it has ${name}, which the optimizer lacks`);
  }
  for (const [name, own] of Object.entries(saved.state)) {
    const parameter = named.get(name) ?? refuse(`it has state for ${name}, which the optimizer lacks`);
    for (const [key, shape] of shapesOf(parameter)) {
      const array = own[key];
      const length = shape.reduce((a, b) => a * b, 1);
      if (array === undefined || typeof array === "number") refuse(`${name} lacks ${key}`, "load it into the kind of optimizer that saved it");
      else if (array.length !== length) refuse(`${key} of ${name} has ${array.length} numbers there and ${length} here`);
    }
  }
}
