// The brought together gradients as kernels take them: where they lie, which part is this worker's, what they are still to be multiplied by.
import type { CollectiveOptions } from "../../distributed/index.js";
import { AccelerateError } from "../../errors.js";
import { clampGradients, gradientNorm, mergedRanges } from "../../optim/index.js";
import {
  type ArenaPart,
  type ArenaSegment,
  type ArenaShare,
  type CollectedGradients,
  type GradientMemory,
  type GradientNorm,
  type GradientSources,
  type Parameter,
  type ParameterArena,
  tablesOf,
  type UpdateStage,
} from "../../tensor/index.js";
import { combineNorms, scaleNorm } from "./norms.js";
import type { PlacedArena } from "./placed-arena.js";
import type { Placement } from "./placement.js";
import { rowed } from "./publish.js";
import type { Collected, GradientSums } from "./reduction.js";
import type { StepPipeline } from "./step-pipeline.js";
import type { Treatment } from "./treatment.js";
import { overlapOf } from "./zero.js";

export interface ViewParts {
  readonly placement: Placement;
  readonly treatment: Treatment;
  /** Undefined for one worker alone, whose gradients lie where its backward puts them. */
  readonly reduction: GradientSums | undefined;
}

export const segmentsOf = (parameters: readonly Parameter[]): ArenaSegment[] => parameters.map((p) => p.segment()).filter((s) => s !== undefined);

/** Those of some parameters, for one use. */
export class GradientView implements CollectedGradients {
  /** The parameters that any worker has a gradient of. */
  readonly segments: readonly ArenaSegment[];
  readonly #parts: ViewParts;
  readonly #collected: Collected;
  /** Those that hold reduced gradients of these parameters. */
  #arenas: ReadonlySet<ParameterArena> | undefined;

  constructor(parts: ViewParts, parameters: readonly Parameter[], collected: Collected) {
    this.#parts = parts;
    this.#collected = collected;
    this.segments = parameters.map((p) => p.segment()).filter((s) => s !== undefined && this.has(s)) as ArenaSegment[];
    parts.treatment.average(this.segments, collected.factor);
  }

  /** @throws AccelerateError ERR_NOT_PREPARED for gradients that nobody brings together. */
  requirePlaced(): void {
    if (this.#parts.reduction) for (const { arena } of this.segments) this.#placed(arena);
  }
  has(s: ArenaSegment): boolean {
    return this.#collected.any.get(s.arena)?.[s.index] ?? s.hasGrad;
  }
  /** A collective over several hosts: adds up what is not yet. */
  async reduce(options: CollectiveOptions): Promise<void> {
    await this.#parts.reduction?.reduce(this.segments, this.#collected, options);
    this.#arenas = undefined;
  }
  /** A collective over several hosts: all of the sums lie here, also where each host has parts. */
  async complete(options: CollectiveOptions): Promise<void> {
    await this.#parts.reduction?.complete(this.segments, options);
  }
  /** For an update: adds up where it cannot do so on its way. */
  async ready(options: CollectiveOptions): Promise<void> {
    const { reduction } = this.#parts;
    if (reduction?.needed(this.segments, this.#collected)) await this.reduce(options);
    await reduction?.deliver(this.segments);
  }
  get #reduced(): ReadonlySet<ParameterArena> {
    this.#arenas ??= this.#parts.reduction?.arenasOf(this.segments) ?? new Set();
    return this.#arenas;
  }
  contributors(s: ArenaSegment): number {
    return this.#parts.reduction && !this.#reduced.has(s.arena) ? (this.#collected.contributors.get(s.arena)?.[s.index] ?? 0) : 1;
  }
  scale(s: ArenaSegment): number {
    const clip = this.#parts.treatment.factor(s);
    const { reduction } = this.#parts;
    return reduction && !reduction.raw ? clip : clip * (this.#parts.treatment.mean(s) ?? this.#collected.factor);
  }
  share(arena: ParameterArena): ArenaShare {
    if (!this.#parts.reduction) return { gradients: arena.ownGradients(), parts: [{ begin: 0, end: arena.length }] };
    const placed = this.#placed(arena);
    const gradients = this.#reduced.has(arena) ? this.#parts.reduction.delivered(placed, this.segments) : this.#sources(placed);
    return { gradients, parts: this.#collected.shares.get(arena)!.updates };
  }
  /** From now on the update is made in these parts. */
  pipeline: StepPipeline | undefined;
  stages(arena: ParameterArena): readonly UpdateStage[] | undefined {
    return this.pipeline?.stages(arena);
  }
  /** What this worker looks at of sums that all have in common. */
  #looks(arena: ParameterArena): readonly ArenaPart[] {
    return this.#collected.shares.get(arena)?.looks ?? [{ begin: 0, end: arena.length }];
  }
  #sources({ arena, peers, rows }: PlacedArena): GradientSources {
    const tables = [...(this.#collected.tables.get(arena) ?? [])];
    return { arrays: peers, factor: this.#collected.factor, ...(tables.length > 0 && { rows: { tables: tablesOf(tables), bits: rows.peers } }) };
  }
  /** The gradients of all workers once they are reduced, as kernels take them: with what is known of rows. */
  #mean(arena: ParameterArena): GradientMemory {
    const { reduction } = this.#parts;
    return reduction ? reduction.means(this.#placed(arena), this.segments) : arena.ownGradients();
  }

  /** The norm's part of this worker's share. The gradients must have been reduced. */
  async norm(kind: number, exponent: number): Promise<GradientNorm> {
    const norms: GradientNorm[] = [];
    for (const [scale, arena, own] of this.#scaled()) {
      const parts = this.#looks(arena);
      const ranges = own.flatMap((s) =>
        parts.flatMap((part) => {
          const both = overlapOf(part, { begin: s.offset, end: s.offset + s.length });
          return both ? [both.begin, both.end - both.begin, 0, 1] : [];
        }),
      );
      if (ranges.length === 0) continue;
      const part = await gradientNorm(this.#mean(arena), { ranges: Float64Array.from(ranges), segments: own.map(rowed) }, kind, exponent);
      norms.push(scaleNorm(part, kind, exponent, scale));
    }
    return combineNorms(norms, kind);
  }
  /** Limits every element of this worker's share. The gradients must have been reduced. */
  async clamp(limit: number): Promise<void> {
    for (const [scale, arena, own] of this.#scaled()) {
      const segments = own.map(rowed);
      const ranges = mergedRanges(segments, this.#looks(arena));
      if (ranges.length > 0 && scale > 0) await clampGradients(this.#mean(arena), { ranges, segments }, limit / scale);
    }
  }
  /** A copy of a gradient. */
  copy(segment: ArenaSegment): Float32Array {
    if (!this.has(segment)) return new Float32Array(segment.length);
    const { reduction } = this.#parts;
    return scaledCopy(reduction ? reduction.numbers(this.#placed(segment.arena), segment) : segment.grad, this.scale(segment));
  }

  /** By what they are still to be multiplied by, and by arena. */
  #scaled(): (readonly [scale: number, arena: ParameterArena, own: ArenaSegment[]])[] {
    const groups = new Map<ParameterArena, Map<number, ArenaSegment[]>>();
    for (const s of this.segments) {
      const scales = groups.get(s.arena) ?? new Map<number, ArenaSegment[]>();
      groups.set(s.arena, scales);
      const scale = this.scale(s);
      const own = scales.get(scale);
      if (own) own.push(s);
      else scales.set(scale, [s]);
    }
    return [...groups].flatMap(([arena, scales]) => [...scales].map(([scale, own]) => [scale, arena, own] as const));
  }
  #placed(arena: ParameterArena): PlacedArena {
    const placed = this.#parts.placement.of(arena);
    if (placed) return placed;
    throw new AccelerateError("ERR_NOT_PREPARED", `${arena.segments[0]?.parameter.name || "a parameter"} was not given to accelerator.prepare`, {
      hint: "prepare the model and the optimizer together, on every worker",
    });
  }
}

export function scaledCopy(numbers: Float32Array, scale: number): Float32Array {
  const copy = numbers.slice();
  if (scale !== 1) for (let i = 0; i < copy.length; i++) copy[i]! *= scale;
  return copy;
}
