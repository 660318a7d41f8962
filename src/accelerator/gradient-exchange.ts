// Brings the gradients of all workers together: who has one of which parameter, who adds up and updates which part, how the new values reach the others.
import { callSite } from "../distributed/call-site.js";
import type { CollectiveOptions, World } from "../distributed/index.js";
import { AccelerateError } from "../errors.js";
import { kernelsOf, mergedRanges, type RowedSegment } from "../optim/index.js";
import { Engine } from "../runtime/index.js";
import {
  type ArenaSegment,
  type ArenaShare,
  type CollectedGradients,
  defaultExecutor,
  type GradientExchange,
  type GradientNorm,
  type Parameter,
  type ParameterArena,
} from "../tensor/index.js";
import type { Accumulation } from "./accumulation.js";
import { alone, type Presence, tellPresence } from "./collected.js";
import { combineNorms, normOfAll, scaleNorm } from "./norms.js";
import type { PlacedArena, Placement } from "./placement.js";
import { closedError } from "./stopping.js";
import { publish, rowed } from "./publish.js";
import { Treatment } from "./treatment.js";

export interface ExchangeOptions {
  readonly world: World;
  readonly placement: Placement;
  readonly accumulation: Accumulation;
  /** Asked once per step: a bit mask of wishes of this worker, and told what any worker wished. For a stop that all make after the same step. */
  readonly wishes?: { mine(): number; agreed(all: number): void };
  /** A step was made, on every worker. */
  readonly onStep?: () => void;
}

/** What the workers know of each other's gradients. */
interface Collected extends Presence {
  /** Micro-batches in the gradients. */
  readonly divisor: number;
}
/** `written`: there was a backward since the last time, somewhere. */
interface Found {
  readonly presence: Presence;
  readonly written: boolean;
}

/**
 * Gradients lie in memory that the workers of a host share. Each worker owns an equal part of what has a gradient, adds it up in rank order (so all hold the same bits), updates it, and the others
 * read the result: reduce-scatter, update and all-gather without copies, with the optimizer's state split for free (ZeRO stage 1: Rajbhandari et al., 2020). Over several hosts the sums
 * of the hosts are added up by one worker each, and every host updates for itself.
 *
 * Two barriers: gradients are written before owners read them (the exchange of who has what), and owners have finished before anybody reads a new value or writes a gradient.
 */
export class WorkerExchange implements GradientExchange {
  readonly distributed: boolean;
  readonly #world: World;
  readonly #placement: Placement;
  readonly #accumulation: Accumulation;
  readonly #wishes: ExchangeOptions["wishes"];
  readonly #onStep: ExchangeOptions["onStep"];
  readonly #treatment = new Treatment();
  #closed = false;
  #presence: Presence | undefined;
  #collected: Collected | undefined;
  /** Of one worker alone: how many gradients had been written when they were last looked at. */
  #writes = 0;

  constructor({ world, placement, accumulation, wishes, onStep }: ExchangeOptions) {
    this.#world = world;
    this.#placement = placement;
    this.#accumulation = accumulation;
    this.#wishes = wishes;
    this.#onStep = onStep;
    this.distributed = world.group.size > 1;
  }

  get holds(): boolean {
    return !this.#accumulation.syncs;
  }
  scales(segment: ArenaSegment): boolean {
    return this.#accumulation.divisor !== 1 || this.#treatment.factor(segment) !== 1;
  }

  async step(update: (gradients: CollectedGradients) => Promise<void>): Promise<void> {
    const options = this.#call("optimizer.step");
    await defaultExecutor().exclusive(async () => {
      const collected = await this.#collect(options);
      // An update takes all gradients of an arena from one place: what is left is reduced too where some are.
      if (this.#world.hosts > 1 || this.#placement.arenas.some(({ arena }) => this.#isReduced(arena, collected))) await this.#reduce(collected, options);
      await update(this.#view(collected));
      if (this.distributed) await publish(this.#world, this.#placement, this.#view(collected), { ...options, purpose: "new parameters of optimizer.step" });
      this.#onStep?.();
    });
  }

  norm(parameters: readonly Parameter[], kind: number, exponent: number): Promise<GradientNorm> {
    const options = this.#call("clipGradNorm");
    return defaultExecutor().exclusive(async () => {
      const collected = await this.#collect(options);
      await this.#reduce(collected, options);
      const view = this.#view(collected);
      const parts: GradientNorm[] = [];
      for (const [scale, arena, own] of this.#scaled(parameters, view)) {
        const { begin, end } = view.share(arena);
        const ranges = own.flatMap((s) => {
          const from = Math.max(begin, s.offset);
          const until = Math.min(end, s.offset + s.length);
          return from < until ? [from, until - from, 0, 1] : [];
        });
        if (ranges.length === 0) continue;
        const part = await kernelsOf(Engine.default()).norm(this.#numbers(arena), Float64Array.from(ranges), kind, exponent);
        parts.push(scaleNorm(part, kind, exponent, scale));
      }
      const own = combineNorms(parts, kind);
      return this.distributed ? normOfAll(this.#world, own, kind, options) : own;
    });
  }

  async scale(parameters: readonly Parameter[], factor: number): Promise<void> {
    await defaultExecutor().exclusive(async () => {
      // Right behind the norm, which the factor was worked out from: nobody has to be asked again.
      for (const s of segmentsOf(parameters)) this.#treatment.scale(s, factor);
    });
  }

  async clamp(parameters: readonly Parameter[], limit: number): Promise<void> {
    const options = this.#call("clipGradValue");
    await defaultExecutor().exclusive(async () => {
      const collected = await this.#collect(options);
      await this.#reduce(collected, options);
      // Others may still be reading what is written here.
      if (this.distributed) await this.#world.local.barrier(options);
      const view = this.#view(collected);
      for (const [scale, arena, own] of this.#scaled(parameters, view)) {
        const ranges = mergedRanges(own.map(rowed), view.share(arena));
        if (ranges.length > 0 && scale > 0) await kernelsOf(Engine.default()).clamp(this.#numbers(arena), ranges, limit / scale);
      }
    });
  }

  read(parameter: Parameter): Promise<Float32Array> {
    const options = this.#call(`gradient of ${parameter.name || "a parameter"}`);
    return defaultExecutor().exclusive(async () => {
      const collected = await this.#collect(options);
      await this.#reduce(collected, options);
      if (this.distributed) await this.#world.local.barrier(options);
      const view = this.#view(collected);
      const segment = parameter.segment()!;
      if (!view.has(segment)) return new Float32Array(segment.length);
      const scale = view.scale(segment);
      const numbers = this.#numbers(segment.arena).slice(segment.offset, segment.offset + segment.length);
      if (scale !== 1) for (let i = 0; i < numbers.length; i++) numbers[i]! *= scale;
      return numbers;
    });
  }

  state(arena: ParameterArena, owner: object): readonly Float32Array[] | undefined {
    const state = this.#placement.state(arena, owner);
    if (state || !this.distributed) return state;
    throw new AccelerateError("ERR_NOT_PREPARED", "the optimizer was not given to accelerator.prepare", {
      hint: "await accelerator.prepare(model, optimizer, loader) on every worker, then step",
    });
  }

  /** No more calls that need the other workers. */
  close(): void {
    this.#closed = true;
  }

  #call(purpose: string): CollectiveOptions {
    if (this.#closed && this.distributed) throw closedError(purpose);
    return this.distributed ? { site: callSite(), purpose } : { purpose };
  }

  /** Segments that have a gradient, by what it is still to be multiplied by, and by arena. */
  #scaled(parameters: readonly Parameter[], view: CollectedGradients): (readonly [scale: number, arena: ParameterArena, own: ArenaSegment[]])[] {
    const groups = new Map<ParameterArena, Map<number, ArenaSegment[]>>();
    for (const s of segmentsOf(parameters)) {
      if (!view.has(s)) continue;
      const scales = groups.get(s.arena) ?? new Map<number, ArenaSegment[]>();
      groups.set(s.arena, scales);
      const scale = view.scale(s);
      const own = scales.get(scale);
      if (own) own.push(s);
      else scales.set(scale, [s]);
    }
    return [...groups].flatMap(([arena, scales]) => [...scales].map(([scale, own]) => [scale, arena, own] as const));
  }

  /** Where the gradients of all workers lie once they are reduced; one worker's lie there from the start. */
  #numbers(arena: ParameterArena): Float32Array {
    return this.distributed ? this.#placed(arena).reduced : arena.grads;
  }
  #placed(arena: ParameterArena): PlacedArena {
    const placed = this.#placement.of(arena);
    if (placed) return placed;
    throw new AccelerateError("ERR_NOT_PREPARED", `${arena.segments[0]?.parameter.name || "a parameter"} was not given to accelerator.prepare`, {
      hint: "prepare the model and the optimizer together, on every worker",
    });
  }

  /**
   * Tells the others which gradients there are here: the first of the two barriers. What was reduced and clipped before stays until a worker has made another backward into it;
   * all decide that alike, whatever else one of them has done meanwhile.
   */
  async #collect(options: CollectiveOptions): Promise<Collected> {
    const { presence, written } = this.distributed ? await this.#tell(options) : await this.#look(options);
    const divisor = written || !this.#collected ? this.#accumulation.divisor : this.#collected.divisor;
    this.#collected = { ...presence, divisor };
    return this.#collected;
  }
  async #tell(options: CollectiveOptions): Promise<Found> {
    const tell = () => {
      const news = { wishes: this.#wishes?.mine() ?? 0, grown: this.#placement.grown };
      return tellPresence(this.#world, this.#placement, { ...news, treatment: this.#treatment, before: this.#presence }, options);
    };
    let all = await tell();
    if (all.news.grown) {
      await this.#placement.place({ late: true }, options);
      all = await tell();
    }
    this.#wishes?.agreed(all.news.wishes);
    this.#presence = all.presence;
    let written = false;
    for (const [arena, bits] of all.written) if (this.#treatment.settle(arena, bits)) written = true;
    return { presence: all.presence, written };
  }
  /** One worker has nobody to ask. */
  async #look(options: CollectiveOptions): Promise<Found> {
    const { grown } = this.#placement;
    if (grown) await this.#placement.place({ late: true }, options);
    this.#wishes?.agreed(this.#wishes.mine());
    let writes = 0;
    for (const { arena } of this.#placement.arenas) for (const s of arena.segments) writes += s.writes;
    const written = grown || writes !== this.#writes;
    this.#writes = writes;
    return { presence: alone, written };
  }
  /** Whether gradients of an arena lie in its reduced one. */
  #isReduced(arena: ParameterArena, { any }: Collected): boolean {
    const has = any.get(arena);
    return this.#treatment.reduced.size > 0 && arena.segments.some((s, i) => has?.[i] === true && this.#treatment.reduced.has(s));
  }

  /** Adds up this worker's part into the reduced arenas, and over the hosts. */
  async #reduce(collected: Collected, options: CollectiveOptions): Promise<void> {
    if (!this.distributed) return;
    const { local, cross, hosts, group } = this.#world;
    const { arenas } = this.#placement;
    const missing = new Map(arenas.map(({ arena }) => [arena, this.#unreduced(arena, collected)]));
    if ([...missing.values()].every((list) => list.length === 0)) return;
    for (const { arena, peers, reduced } of arenas) {
      const ranges = mergedRanges(missing.get(arena)!, collected.shares.get(arena));
      if (ranges.length > 0) await kernelsOf(Engine.default()).sum(reduced, { arrays: peers, factor: 1 / (group.size * collected.divisor) }, ranges);
    }
    if (hosts > 1) {
      await local.barrier(options);
      if (cross) {
        for (const { arena, reduced } of arenas) {
          const whole = mergedRanges(missing.get(arena)!.map((s) => ({ ...s, contributors: 1 })));
          for (let i = 0; i < whole.length; i += 4)
            await cross.allReduce({ dtype: "float32", data: reduced.subarray(whole[i]!, whole[i]! + whole[i + 1]!) }, "sum", options);
        }
      }
      await local.barrier(options);
    }
    for (const list of missing.values()) for (const { segment } of list) this.#treatment.reduced.add(segment);
  }
  #unreduced(arena: ParameterArena, { any, contributors }: Collected): RowedSegment[] {
    const own = arena.segments.filter((s) => any.get(arena)![s.index] === true && !this.#treatment.reduced.has(s));
    return own.map((s) => ({ ...rowed(s), contributors: contributors.get(arena)![s.index]! }));
  }

  #view(collected: Collected): CollectedGradients {
    const factor = this.distributed ? 1 : 1 / collected.divisor;
    const reducedArenas = new Set(this.#placement.arenas.flatMap(({ arena }) => (this.#isReduced(arena, collected) ? [arena] : [])));
    return {
      has: (s) => collected.any.get(s.arena)?.[s.index] ?? s.hasGrad,
      contributors: (s) => (this.distributed && !reducedArenas.has(s.arena) ? (collected.contributors.get(s.arena)?.[s.index] ?? 0) : 1),
      scale: (s) => factor * this.#treatment.factor(s),
      share: (arena): ArenaShare => {
        if (!this.distributed) return { gradients: arena.grads, begin: 0, end: arena.grads.length };
        const { peers, reduced } = this.#placed(arena);
        const gradients = reducedArenas.has(arena) ? reduced : { arrays: peers, factor: 1 / (this.#world.group.size * collected.divisor) };
        return { gradients, ...collected.shares.get(arena)! };
      },
    };
  }
}

const segmentsOf = (parameters: readonly Parameter[]): ArenaSegment[] => parameters.map((p) => p.segment()).filter((s) => s !== undefined);
