// A run as a checkpoint sees it: its objects, its counters, and whoever else has a state.
import { CheckpointError } from "../../checkpoint/index.js";
import type { ArenaSegment, ParameterArena } from "../../tensor/index.js";
import type { ActiveLoaders } from "../loaders/active-loaders.js";
import type { Optimizer, WholeState } from "../../optim/index.js";
import type { CommHook } from "../comm-hooks/index.js";
import type { SavedObjects } from "../prepared-objects.js";
import type { RegisteredObjects } from "./saved-objects.js";

/** When a run is saved. */
export interface SavedMoment {
  /** Gradients wait for their step, on some worker. */
  readonly gradientsWait: boolean;
}
/** A part of the Accelerator with a state of its own. */
export interface Stateful {
  stateDict(moment: SavedMoment): unknown;
  loadStateDict(state: never): void | Promise<void>;
}

/** How the memory of a host's workers lies. */
export interface SharedMemoryUse {
  /** This worker writes parameters that are loaded: it has its own, or writes for its host. */
  readonly writesParameters: boolean;
  /** The same for the states of optimizers. */
  readonly writesStates: boolean;
}

/** What only the Accelerator knows of its run. */
export interface RunParts {
  /** What must be the same when the run goes on, by name. */
  readonly settings: Readonly<Record<string, unknown>>;
  /** Optimizer steps of the run. */
  readonly steps: number;
  readonly setSteps: (steps: number) => void;
  /** States that all workers have alike, by name. */
  readonly parts: Readonly<Record<string, Stateful | undefined>>;
  /** States that each worker has for itself. */
  readonly ownParts: Readonly<Record<string, Stateful | undefined>>;
  readonly arenas: readonly ParameterArena[];
  /** Gradients that wait for their step. */
  readonly waiting: readonly ArenaSegment[];
  readonly memory: SharedMemoryUse;
  /** A collective: the whole state of an optimizer of which each host has a part, on workers that keep it; undefined where nothing is shared out so. */
  readonly wholeState: (optimizer: Optimizer, options: { readonly keeps: boolean }) => Promise<WholeState | undefined>;
}

export interface RunState extends RunParts {
  readonly objects: SavedObjects;
  readonly registered: RegisteredObjects;
  readonly loaders: ActiveLoaders;
}

/** Gradients by name: those of a model's parameters by model and name, others by their place. */
export function* namedSegments({ objects, arenas }: RunState): Generator<readonly [name: string, segment: ArenaSegment]> {
  const seen = new Set<ArenaSegment>();
  for (const [i, model] of objects.models.entries()) {
    for (const [name, p] of model.namedParameters()) {
      const segment = p.segment();
      if (!segment || seen.has(segment)) continue;
      seen.add(segment);
      yield [i === 0 ? name : `model_${i}:${name}`, segment];
    }
  }
  let others = 0;
  for (const { segments } of arenas) for (const s of segments) if (!seen.has(s)) yield [`other_${others++}:${s.parameter.name}`, s];
}

/** The part of a communication hook that has a state. */
export function savedHook(hook: CommHook | undefined): Stateful | undefined {
  if (!hook?.stateDict || !hook.loadStateDict) return undefined;
  return { stateDict: () => hook.stateDict?.(), loadStateDict: (state: unknown) => hook.loadStateDict?.(state) };
}

/** @throws CheckpointError while workers train copies of their own (localSgd): there is no one state of the run. */
export function requireOneState({ objects, arenas }: RunState, what: string): void {
  const known = new Set(arenas);
  for (const model of objects.models) {
    for (const [name, p] of model.namedParameters()) {
      const segment = p.segment();
      if (!segment || known.has(segment.arena)) continue;
      throw new CheckpointError("ERR_CHECKPOINT_OBJECT", `${what}: ${name} is a copy of each worker's own`, { hint: "end localSgd first, or save after it" });
    }
  }
}
