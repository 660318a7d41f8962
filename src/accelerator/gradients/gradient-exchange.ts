// Brings the gradients of all workers together: what optimizers, clipping and reads ask for, and who tells whom what beforehand.
import { callSite } from "../../distributed/call-site.js";
import type { CollectiveOptions, World } from "../../distributed/index.js";
import { AccelerateError } from "../../errors.js";
import { normKinds, type StepSettings } from "../../optim/index.js";
import {
  type ArenaPart,
  type ArenaSegment,
  type CollectedGradients,
  defaultExecutor,
  type GradientExchange,
  type GradientNorm,
  type Parameter,
  type ParameterArena,
} from "../../tensor/index.js";
import { Collecting } from "./collecting.js";
import type { EarlyGradients } from "./early.js";
import type { ExchangeOptions } from "./exchange-options.js";
import { GradientView, scaledCopy, segmentsOf } from "./gradient-view.js";
import { LossScaling } from "./loss-scaling.js";
import { normOfAll } from "./norms.js";
import type { Placement } from "./placement.js";
import { HostSums } from "../comm-hooks/index.js";
import { DeviceReduction } from "./device-reduction.js";
import { type ExchangeOperation, type Places, placesOf } from "./operations.js";
import type { Collected, GradientSums } from "./reduction.js";
import { StagedReduction } from "./staged-reduction.js";
import { StepPipeline } from "./step-pipeline.js";
import { closedError } from "../stopping.js";
import { Treatment } from "./treatment.js";

/**
 * Gradients lie in memory that the workers of a host share. Each worker owns an equal part of what has a gradient, adds it up in rank order (so all hold the same bits), updates it, and the others
 * read the result: reduce-scatter, update and all-gather without copies, with the optimizer's state split for free (ZeRO stage 1: Rajbhandari et al., 2020). Over several hosts the sums
 * of the hosts are added up by one worker each, and every host updates for itself.
 *
 * Two barriers: gradients are written before owners read them (the exchange of who has what), and owners have finished before anybody reads a new value or writes a gradient.
 */
export class WorkerExchange implements GradientExchange {
  readonly distributed: boolean;
  readonly scaling: LossScaling;
  readonly overHosts: HostSums;
  readonly #options: ExchangeOptions;
  readonly #treatment: Treatment;
  readonly #reduction: GradientSums | undefined;
  readonly #collecting: Collecting;
  #closed = false;

  constructor(options: ExchangeOptions) {
    const { world, placement, overHosts = new HostSums(world.cross), scaling = new LossScaling() } = options;
    this.#options = options;
    this.scaling = scaling;
    this.overHosts = overHosts;
    this.distributed = world.group.size > 1;
    this.#treatment = new Treatment({ raw: world.device !== undefined || (world.hosts > 1 && !overHosts.hook) });
    options.early?.connect(this.#treatment);
    this.#reduction = this.distributed ? reductionOf(world, placement, { treatment: this.#treatment, overHosts }) : undefined;
    this.#collecting = new Collecting(options, { treatment: this.#treatment, scaling, reduction: this.#reduction });
  }

  get holds(): boolean {
    return this.#options.accumulation.holds;
  }
  keeps(parameters: readonly Parameter[]): ReadonlySet<ArenaSegment> {
    const [segments, { keeps, continues }] = [segmentsOf(parameters), this.#options.accumulation];
    return new Set(keeps || (continues && this.#treatment.untouched(segments)) ? segments.filter((s) => this.#treatment.pending(s)) : []);
  }
  /** A body that is not the first of its window makes its first backward. */
  readonly goesOn = (): void => this.#treatment.mark(this.#options.placement.arenas.map(({ arena }) => arena));
  get clips(): boolean {
    return this.#options.accumulation.syncs;
  }
  get own(): boolean {
    return this.#options.accumulation.readsOwn;
  }
  loads(segment: ArenaSegment): boolean {
    if (this.own) return segment.hasGrad && (this.scaling.used || 1) !== 1;
    if (this.distributed) return true;
    return (
      segment.hasGrad &&
      ((this.#treatment.mean(segment) ?? 1 / (this.#options.accumulation.weight * (this.scaling.used || 1))) !== 1 || this.#treatment.factor(segment) !== 1)
    );
  }
  /** Gradients of this worker that wait for a step: of an open window, for a checkpoint. */
  get waiting(): ArenaSegment[] {
    return this.#options.placement.arenas.flatMap(({ arena }) => arena.segments.filter((s) => this.#treatment.pending(s)));
  }
  /** There are such. */
  get pending(): boolean {
    return this.#options.placement.arenas.some(({ arena }) => arena.segments.some((s) => this.#treatment.pending(s)));
  }
  /** Whether there are parameters whose gradients it divides by weights and scale. */
  get divides(): boolean {
    return this.#options.placement.arenas.length > 0;
  }
  /** Gradients that travel while they are made. */
  get early(): EarlyGradients | undefined {
    return this.#options.early;
  }
  /** See GradientExchange. */
  readonly writing = (): Promise<() => void> | undefined => this.#options.early?.writing?.();
  /** A backward was made with the scale. */
  told(): void {
    this.#collecting.told();
  }

  async step(parameters: readonly Parameter[], update: (gradients: CollectedGradients) => Promise<void>, settings: () => StepSettings): Promise<boolean> {
    const { accumulation, onStep } = this.#options;
    accumulation.refuseUnsynced("optimizer.step");
    const options = this.#call("optimizer.step");
    const operation = (): ExchangeOperation => ({ op: "step", parameters: this.#places(parameters), settings: settings() });
    return this.#together(operation, async () => {
      const pipelined = this.#pipelined;
      const collected = await this.#collecting.collect(options, { waits: !pipelined });
      const view = this.#view(parameters, collected);
      view.requirePlaced();
      const counts = collected.factor > 0;
      const made = counts && (await this.#finite(view, collected, options));
      if (made) {
        await view.ready(options);
        const { world, placement, early } = this.#options;
        if (pipelined) view.pipeline = new StepPipeline({ world, placement, arrival: (bucket) => early!.arrival(bucket) }, view);
        const updating = update(view);
        await Promise.all([updating, view.pipeline?.run({ ...options, purpose: "gradients and new parameters of optimizer.step" })]);
        if (!pipelined) await this.#reduction?.publish(view, { ...options, purpose: "new parameters of optimizer.step" });
      }
      // Also gradients of others, which must not be written while they are being sent.
      if (pipelined) await this.#options.early!.arrived(options);
      if (collected.factor === 0) this.#options.onWarning?.("a step was skipped: the weights of all its micro-batches, on all workers, are 0");
      if (counts && this.scaling.enabled) this.scaling.update({ overflow: !made });
      for (const s of segmentsOf(parameters)) this.#treatment.use(s);
      this.overHosts.stepped();
      await onStep?.({ made });
      return made;
    });
  }

  /** Whether steps are made bucket by bucket: their gradients may still be on their way, and nobody looks at all of them before. The same on all workers. */
  get #pipelined(): boolean {
    const { early, placement } = this.#options;
    return (
      early !== undefined &&
      !this.scaling.enabled &&
      !placement.wholeParameters &&
      placement.arenas.every(({ arena, published }) => !arena.device && !published)
    );
  }

  norm(parameters: readonly Parameter[], kind: number, exponent: number): Promise<GradientNorm> {
    const options = this.#call("clipGradNorm");
    const operation = (): ExchangeOperation => ({ op: "norm", parameters: this.#places(parameters), kind, exponent });
    return this.#together(operation, async () => {
      // Collecting gives new parameters their place.
      const collected = await this.#collecting.collect(options);
      return this.#norm(this.#view(parameters, collected), { kind, exponent }, options);
    });
  }

  async scale(parameters: readonly Parameter[], factor: number): Promise<void> {
    const operation = (): ExchangeOperation => ({ op: "scale", parameters: this.#places(parameters), factor });
    await this.#together(operation, async () => {
      // Right behind the norm, which the factor was worked out from: nobody has to be asked again.
      for (const s of segmentsOf(parameters)) this.#treatment.scale(s, factor);
    });
  }

  async clamp(parameters: readonly Parameter[], limit: number): Promise<void> {
    const options = this.#call("clipGradValue");
    const operation = (): ExchangeOperation => ({ op: "clamp", parameters: this.#places(parameters), limit });
    await this.#together(operation, async () => {
      const collected = await this.#collecting.collect(options);
      const view = this.#view(parameters, collected);
      // A limited infinity would not be seen any more.
      if (this.scaling.enabled) await this.#norm(view, looking, options);
      await view.reduce(options);
      // Others may still be reading what is written here.
      if (this.distributed) await this.#options.world.local.barrier(options);
      await view.clamp(limit);
      // Clipped, by nothing more on the way into the update.
      for (const s of view.segments) this.#treatment.scale(s, 1);
    });
  }

  async read(parameter: Parameter, { own }: { readonly own: boolean }): Promise<Float32Array> {
    const segment = parameter.segment()!;
    if (own) return scaledCopy(segment.grad, 1 / (this.scaling.used || 1));
    const options = this.#call(`gradient of ${parameter.name || "a parameter"}`);
    const operation = (): ExchangeOperation => ({ op: "read", parameters: this.#places([parameter]) });
    return this.#together(operation, async () => {
      const collected = await this.#collecting.collect(options);
      const view = this.#view([parameter], collected);
      await view.reduce(options);
      await view.complete(options);
      if (this.distributed) await this.#options.world.local.barrier(options);
      return view.copy(segment);
    });
  }

  state(arena: ParameterArena, owner: object): readonly Float32Array[] | undefined {
    const state = this.#options.placement.state(arena, owner);
    if (state || !this.distributed) return state;
    throw new AccelerateError("ERR_NOT_PREPARED", "the optimizer was not given to accelerator.prepare", {
      hint: "await accelerator.prepare(model, optimizer, loader) on every worker, then step",
    });
  }

  owned(segment: ArenaSegment): readonly ArenaPart[] | undefined {
    return this.#options.placement.owned(segment);
  }
  updated(arena: ParameterArena): readonly ArenaPart[] | undefined {
    return this.#options.placement.updated(arena);
  }

  /** Gradients that an optimizer has used count no more, also where the program has not said so yet. */
  forgetUsed(): void {
    for (const { arena } of this.#options.placement.arenas) for (const s of arena.segments) if (!this.#treatment.pending(s)) s.hasGrad = false;
  }
  /** No more calls that need the other workers. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#options.early?.leave();
  }
  /** Knows nothing of any parameter any more. */
  release(): void {
    this.#treatment.clear();
    this.#collecting.forget();
  }

  /** What all workers do at once. Inside joinUnevenInputs those that are done hear of it first. */
  #together<V>(operation: () => ExchangeOperation, body: () => Promise<V>): Promise<V> {
    return defaultExecutor().exclusive(async () => {
      await this.#options.joining?.announce(operation);
      return body();
    });
  }
  #places(parameters: readonly Parameter[]): Places {
    return placesOf(parameters, this.#options.placement);
  }

  #call(purpose: string): CollectiveOptions {
    if (this.#closed && this.distributed) throw closedError(purpose);
    return this.distributed ? { site: callSite(), purpose } : { purpose };
  }
  #view(parameters: readonly Parameter[], collected: Collected): GradientView {
    const { placement } = this.#options;
    return new GradientView({ placement, treatment: this.#treatment, reduction: this.#reduction }, parameters, collected);
  }
  /** The norm over all workers; what was seen on the way is noted. */
  async #norm(view: GradientView, { kind, exponent }: { readonly kind: number; readonly exponent: number }, options: CollectiveOptions): Promise<GradientNorm> {
    await view.reduce(options);
    const own = await view.norm(kind, exponent);
    const { placement } = this.#options;
    // Where every device has all sums, and the same, each looks at all of them.
    const alone = !this.distributed || (placement.onDevices && !placement.shardedOverDevices);
    const norm = !alone
      ? await normOfAll(this.#options.world, own, { kind, sharding: placement.shardedOverHosts || placement.shardedOverDevices ? "world" : "host" }, options)
      : own;
    if (this.scaling.enabled) this.#treatment.looked(view.segments, norm.nonFinite === 0);
    return norm;
  }
  /** Whether the gradients of a step have not overflowed. Without a loss scale nobody looks. */
  async #finite({ segments }: GradientView, collected: Collected, options: CollectiveOptions): Promise<boolean> {
    if (!this.scaling.enabled) return true;
    const unseen = segments.filter((s) => this.#treatment.finite(s) === undefined).map((s) => s.parameter);
    if (unseen.length > 0) await this.#norm(this.#view(unseen, collected), looking, options);
    return segments.every((s) => this.#treatment.finite(s) !== false);
  }
}

function reductionOf(world: World, placement: Placement, parts: { readonly treatment: Treatment; readonly overHosts: HostSums }): GradientSums {
  return world.device ? new DeviceReduction(world.device, placement, parts.treatment) : new StagedReduction(world, placement, parts);
}

/** The cheapest norm: what counts is how many elements are not finite. */
const looking = { kind: normKinds.maximum, exponent: 0 };
