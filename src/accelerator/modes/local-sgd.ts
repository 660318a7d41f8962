// Local SGD: every worker trains a copy of its own, and the copies are averaged from time to time (Stich, "Local SGD converges fast and communicates little", 2018).
import { type CollectiveOptions, singleWorld, type World } from "../../distributed/index.js";
import { AccelerateError, ArgumentError } from "../../errors.js";
import type { ModuleBase } from "../../nn/index.js";
import type { GradScaler, Optimizer } from "../../optim/index.js";
import { type ArenaSegment, defaultExecutor, type GradientExchange, type Parameter, type ParameterArena } from "../../tensor/index.js";
import { type ParameterSource, Placement } from "../gradients/placement.js";
import { wholeState } from "../gradients/sharded-state.js";

export interface LocalSgdOptions {
  readonly model: ModuleBase;
  /** Optimizer steps between two averages. */
  readonly localSgdSteps: number;
  /** false: the model is trained as without it. Default true. */
  readonly enabled?: boolean;
}

/** What the Accelerator gives. */
export interface LocalSgdContext {
  readonly world: World;
  readonly placement: Placement;
  /** Inside an accumulation window: no step was made. */
  readonly holds: () => boolean;
  /** An exchange of this worker with nobody. */
  readonly exchangeOf: (world: World, placement: Placement) => GradientExchange;
  /** Wishes of this worker go to the others, and what any worker wishes comes back. */
  readonly wishes: { mine(): number; agreed(all: number): void };
  /** Each worker's own follows its own overflows meanwhile. */
  readonly scaler: GradScaler | undefined;
  readonly call: (purpose: string) => CollectiveOptions;
  readonly onEnd: () => void;
}

/** What workers must have in common when they meet. */
interface Meeting {
  readonly what: string;
  readonly steps: number;
}
const tell = ({ what, steps }: Meeting, rank: number): string => `rank ${rank} ${what} after ${steps} steps`;

/**
 * Trains a copy of the model on each worker. Made by `accelerator.localSgd`; ends when it is disposed of.
 *
 * Parameters and optimizer state lie in memory of each worker's own meanwhile; `model.parameters()` stay the same objects. At the end parameters and optimizer state are the mean over the workers.
 */
export class LocalSGD implements AsyncDisposable {
  /** Whether workers train copies: false for one worker, with `enabled: false`, and once it has ended. */
  enabled: boolean;
  readonly #context: LocalSgdContext;
  readonly #every: number;
  readonly #source: ParameterSource;
  /** Where the parameters lay. */
  readonly #homes: readonly ArenaSegment[];
  readonly #optimizers: readonly Optimizer[];
  readonly #own: Placement;
  #steps = 0;

  private constructor(
    context: LocalSgdContext,
    every: number,
    moved: { readonly source: ParameterSource; readonly homes: readonly ArenaSegment[]; readonly optimizers: readonly Optimizer[]; readonly own: Placement },
  ) {
    this.#context = context;
    this.#every = every;
    this.#source = moved.source;
    this.#homes = moved.homes;
    this.#optimizers = moved.optimizers;
    this.#own = moved.own;
    this.enabled = moved.homes.length > 0;
  }

  /** A collective. @throws ArgumentError ERR_LOCAL_SGD for what cannot be trained so; AccelerateError ERR_NOT_PREPARED. */
  static async start({ model, localSgdSteps, enabled = true }: LocalSgdOptions, context: LocalSgdContext): Promise<LocalSGD> {
    if (!Number.isInteger(localSgdSteps) || localSgdSteps < 1)
      throw new ArgumentError(`localSgdSteps is ${localSgdSteps}`, { code: "ERR_LOCAL_SGD", hint: "give a whole number of at least 1" });
    const options = context.call("localSgd");
    const { world, placement } = context;
    const own = new Placement({ world: singleWorld(), localRanks: [world.group.rank], sharesParameters: true });
    const source = (): Iterable<Parameter> => model.parameters();
    const unmoved = { source, homes: [], optimizers: [], own };
    if (!enabled || world.group.size === 1) return new LocalSGD(context, localSgdSteps, unmoved);
    const { device } = defaultExecutor();
    if (!device.hostMemory)
      throw new ArgumentError(`localSgd of workers that train on ${device}`, {
        code: "ERR_LOCAL_SGD",
        hint: "train on the CPU, or together (without localSgd): optimizers' state on a device is not averaged",
      });
    const parameters = [...new Set(model.parameters())];
    const homes = parameters.map((p) => homeOf(p, placement));
    const optimizers = optimizersOf(parameters, placement.optimizers);
    return defaultExecutor().exclusive(async () => {
      await meet(world, { what: `starts localSgd of ${parameters.length} parameters with localSgdSteps ${localSgdSteps}`, steps: 0 }, context, options);
      own.connect(context.exchangeOf(singleWorld(), own));
      placement.lend(source);
      await own.add([source], optimizers, options);
      for (const home of homes) home.hasGrad = false;
      for (const optimizer of optimizers) {
        const whole = await wholeState(world, placement, optimizer, { keeps: true, everywhere: true }, options);
        for (const { arena } of own.arenas) {
          optimizer.places.takeOver(arena, optimizer.places.stepsIn(arena), { copies: whole === undefined });
          for (const [parameter, states] of whole ?? [])
            for (const [name, data] of optimizer.places.arraysOf(parameter)) if (parameter.segment()!.arena === arena) data.set(states.get(name)!);
        }
      }
      return new LocalSGD(context, localSgdSteps, { source, homes, optimizers, own });
    });
  }

  /**
   * To be called behind every optimizer step, equally often on all workers: every `localSgdSteps` calls the parameters become the mean over the workers. Inside an accumulation window that is not full
   * it does nothing and does not count, as the optimizer does nothing there.
   */
  async step(): Promise<void> {
    if (this.#context.holds()) return;
    this.#steps++;
    if (!this.enabled || this.#steps % this.#every !== 0) return;
    const options = this.#context.call("localSgd.step");
    await defaultExecutor().exclusive(() => this.#average("averages", options));
  }

  /** Averages parameters and optimizer state, and goes back to training together. A collective; once more does nothing. */
  async end(): Promise<void> {
    if (!this.enabled) return;
    this.enabled = false;
    const options = this.#context.call("the end of localSgd");
    await defaultExecutor().exclusive(async () => {
      await this.#average("ends", options);
      await this.#return(options);
    });
  }
  [Symbol.asyncDispose](): Promise<void> {
    return this.end();
  }

  async #average(what: string, options: CollectiveOptions): Promise<void> {
    const { world } = this.#context;
    await meet(world, { what, steps: this.#steps }, this.#context, options);
    for (const { arena } of this.#own.arenas) {
      await world.group.allReduce({ dtype: "float32", data: arena.values }, "mean", options);
      for (const { parameter } of arena.segments) parameter.changed();
    }
  }

  /** One worker of each host writes what all hold alike. */
  async #return(options: CollectiveOptions): Promise<void> {
    const { world, placement, scaler } = this.#context;
    scaler?.loadStateDict(await world.group.broadcastObject(scaler.stateDict(), 0, options));
    const first = world.local.rank === 0;
    const arenas = new Map<ParameterArena, boolean>(this.#homes.map(({ arena }) => [arena, placement.of(arena)?.published === undefined]));
    const steps = await this.#together([...arenas.keys()], options);
    for (const optimizer of this.#optimizers)
      for (const { arena } of this.#own.arenas)
        for (const { data } of optimizer.places.in(arena)) await world.group.allReduce({ dtype: "float32", data }, "mean", options);
    for (const home of this.#homes) {
      const { parameter } = home;
      const now = parameter.segment()!;
      if (first || !arenas.get(home.arena)) home.value.set(now.value);
      if (now.hasGrad) {
        home.rows?.copy(now.rows);
        home.grad.set(now.grad);
      }
      home.hasGrad = now.hasGrad;
      home.writes++;
    }
    for (const [a, arena] of [...arenas.keys()].entries())
      for (const [o, optimizer] of this.#optimizers.entries())
        optimizer.places.takeOver(arena, steps[o]![a]!, { copies: first || placement.sharding === "none" });
    // Nobody reads values or state before they are there.
    await world.local.barrier(options);
    for (const home of this.#homes) {
      home.parameter.moveTo(home);
      home.parameter.changed();
    }
    placement.takeBack(this.#source);
    this.#context.onEnd();
  }

  /** How many steps each optimizer has made with each parameter of each arena; where workers differ, the most. */
  async #together(arenas: readonly ParameterArena[], options: CollectiveOptions): Promise<readonly (readonly (readonly number[])[])[]> {
    const own = this.#optimizers.map((optimizer) => arenas.map((arena) => optimizer.places.stepsIn(arena)));
    const all = await this.#context.world.group.allGatherObject(own, options);
    return own.map((_, o) => arenas.map(({ segments }, a) => segments.map((__, s) => Math.max(...all.map((theirs) => theirs[o]![a]![s]!)))));
  }
}

/** All workers come here for the same. @throws AccelerateError ERR_LOCAL_SGD, on all of them. */
async function meet({ group }: World, mine: Meeting, { wishes }: LocalSgdContext, options: CollectiveOptions): Promise<void> {
  const all = await group.allGatherObject({ ...mine, wishes: wishes.mine() }, options);
  const other = all.findIndex(({ what, steps }) => what !== all[0]!.what || steps !== all[0]!.steps);
  if (other >= 0)
    throw new AccelerateError("ERR_LOCAL_SGD", `localSgd: ${tell(all[0]!, 0)}, ${tell(all[other]!, other)}`, {
      hint: "every worker must make as many steps, and start and end with the others; uneven batches end at different times",
    });
  wishes.agreed(all.reduce((sum, theirs) => sum | theirs.wishes, 0));
}

function homeOf(parameter: Parameter, placement: Placement): ArenaSegment {
  const segment = parameter.segment();
  if (segment && placement.of(segment.arena)) return segment;
  throw new AccelerateError("ERR_NOT_PREPARED", `localSgd: ${parameter.name || "a parameter"} is not trained together with the other workers`, {
    hint: "await accelerator.prepare(model, optimizer) first; a model is in one localSgd at a time",
  });
}

function optimizersOf(parameters: readonly Parameter[], optimizers: readonly Optimizer[]): readonly Optimizer[] {
  const own = new Set(parameters);
  return optimizers.filter((optimizer) => {
    const all = optimizer.paramGroups.flatMap(({ params }) => params);
    const others = all.filter((p) => !own.has(p));
    if (others.length === all.length) return false;
    if (others.length > 0)
      throw new ArgumentError(`localSgd: an optimizer of the model also updates ${others[0]!.name || "a parameter"}, which is not in it`, {
        code: "ERR_LOCAL_SGD",
        hint: "give a model that holds all that the optimizer updates, or an optimizer to each",
      });
    return true;
  });
}
