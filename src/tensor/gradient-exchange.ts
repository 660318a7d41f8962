// What brings the gradients of several workers together, as the optimizer, clipping and a parameter's `grad` see it.
import type { DeviceSegments } from "./device-segments.js";
import type { SourceRows } from "./gradient-rows.js";
import type { Parameter } from "./parameter.js";
import type { ArenaSegment, ParameterArena } from "./parameter-arena.js";

/** Gradients of several workers in shared memory, to be added up on the way. */
export interface GradientSources {
  /** By worker of this host, in the order of ranks: as long as the arena. */
  readonly arrays: readonly Float32Array[];
  /** What the sum is multiplied by: 1 / workers for the mean. */
  readonly factor: number;
  /** What is known of tables among them. */
  readonly rows?: SourceRows;
}

/** Gradients where they lie: one array, those of several workers, or on a device. */
export type GradientMemory = Float32Array | GradientSources | DeviceSegments;

/** From `begin` to before `end`, in elements of an arena. */
export interface ArenaPart {
  readonly begin: number;
  readonly end: number;
}

/** This worker's part of an arena. */
export interface ArenaShare {
  /** The gradients of the job, or those of the workers that are still to be added up. */
  readonly gradients: GradientMemory;
  /** What this worker updates, in the order of memory; parts do not overlap. */
  readonly parts: readonly ArenaPart[];
}

/** A part of an update that is made when its gradients have come. */
export interface UpdateStage {
  readonly parts: readonly ArenaPart[];
  readonly ready: Promise<void>;
  /** Is given the update of this part. */
  taken(update: Promise<void>): void;
}

/** The gradients of a step, the same on every worker. */
export interface CollectedGradients {
  /** Whether any worker has a gradient of it. */
  has(segment: ArenaSegment): boolean;
  /** Which workers of this host have one: bit r for local rank r. */
  contributors(segment: ArenaSegment): number;
  /** What the gradient is still to be multiplied by: clipping, accumulation. */
  scale(segment: ArenaSegment): number;
  share(arena: ParameterArena): ArenaShare;
  /** The parts of this worker's share one after the other, where gradients are still on their way. */
  stages?(arena: ParameterArena): readonly UpdateStage[] | undefined;
}

export interface GradientNorm {
  /** Sum of squares, of absolutes or of powers; or the maximum. */
  readonly value: number;
  /** How many elements are not finite. */
  readonly nonFinite: number;
}

/**
 * Gradients accumulate locally until they are forgotten. The first of clipping, a step or a read brings them together; a later backward into one of them makes that void. All calls but
 * `holds`, `keeps`, `clips`, `own`, `loads`, `scale` and `writing` are collective: every worker makes them in the same order.
 */
export interface GradientExchange {
  /** Inside an accumulation window: no step, gradients stay. */
  readonly holds: boolean;
  /** Which gradients of an optimizer `zeroGrad` leaves: those that wait for the step at the end of their window. */
  keeps(parameters: readonly Parameter[]): ReadonlySet<ArenaSegment>;
  /** Whether clipping does anything: not inside a window, nor where gradients are not brought together. */
  readonly clips: boolean;
  /** Gradients are not brought together now: what is read is this worker's own. */
  readonly own: boolean;
  /** Several workers take part. */
  readonly distributed: boolean;
  /** Whether what is read now is not what lies in memory: the mean over the workers, divided by weights and scale, clipped. */
  loads(segment: ArenaSegment): boolean;
  /**
   * Runs `update` over this worker's share with nothing else running, then hands out what was written. Returns false, on every worker, when there is no step to be made: a gradient has
   * overflowed, nothing weighs anything.
   * parameters: all that the update may change.
   * update: submits the kernels; resolves when they are done.
   * settings: what another worker needs to make the same step; asked for only where one does.
   */
  step(parameters: readonly Parameter[], update: (gradients: CollectedGradients) => Promise<void>, settings: () => unknown): Promise<boolean>;
  /** The norm's parts over these parameters, over all workers. */
  norm(parameters: readonly Parameter[], kind: number, exponent: number): Promise<GradientNorm>;
  /** Multiplies gradients on their way into the update; by the same factor on every worker, after `norm`. */
  scale(parameters: readonly Parameter[], factor: number): Promise<void>;
  /** Limits every element. */
  clamp(parameters: readonly Parameter[], limit: number): Promise<void>;
  /** A copy of the mean over the workers; with `own`, of what this worker has so far, unscaled. */
  read(parameter: Parameter, options: { readonly own: boolean }): Promise<Float32Array>;
  /**
   * Memory for an optimizer's state beside an arena, one array per name, that the workers of a host share; undefined: the optimizer allocates its own.
   * @throws AccelerateError ERR_NOT_PREPARED for an optimizer that was not prepared.
   */
  state(arena: ParameterArena, owner: object): readonly Float32Array[] | undefined;
  /** What of the state of a parameter lies in that memory, in elements of the parameter; undefined: all of it. The rest is with other hosts, and must not be touched. */
  owned(segment: ArenaSegment): readonly ArenaPart[] | undefined;
  /** What this worker updates of an arena on a device, and keeps state of; undefined: all. */
  updated(arena: ParameterArena): readonly ArenaPart[] | undefined;
  /** A program is about to write gradients on a device, where others may still read what lies there. Resolves when it may be queued; what it gives is called once it is. */
  writing?(): Promise<() => void> | undefined;
}
