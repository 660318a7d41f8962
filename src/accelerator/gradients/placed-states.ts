// State of optimizers beside placed arenas: in memory that the workers of a host share, or on their devices.
import type { CollectiveOptions, World } from "../../distributed/index.js";
import type { Optimizer } from "../../optim/index.js";
import { Engine } from "../../runtime/index.js";
import type { ParameterArena } from "../../tensor/index.js";
import type { Placement } from "./placement.js";
import { takeParts } from "./sharded-state.js";

const floats = (buffer: ArrayBuffer): Float32Array => new Float32Array(buffer);

/** Of one placement. */
export class PlacedStates {
  readonly #world: World;
  readonly #placement: Pick<Placement, "sharding" | "shardedOverHosts" | "owned">;
  readonly #states = new Map<ParameterArena, Map<object, readonly Float32Array[]>>();

  constructor(world: World, placement: Pick<Placement, "sharding" | "shardedOverHosts" | "owned">) {
    this.#world = world;
    this.#placement = placement;
  }

  of(arena: ParameterArena, owner: object): readonly Float32Array[] | undefined {
    return this.#states.get(arena)?.get(owner);
  }
  clear(): void {
    this.#states.clear();
  }

  /** A collective. */
  async allocate(arena: ParameterArena, optimizers: readonly Optimizer[], options: CollectiveOptions): Promise<void> {
    if (this.#world.group.size === 1) return; // an optimizer allocates its own
    const states = this.#states.get(arena) ?? new Map<object, readonly Float32Array[]>();
    this.#states.set(arena, states);
    for (const optimizer of optimizers) {
      if (arena.device) {
        await this.#takeStateOnDevice(arena, optimizer, options);
        continue;
      }
      const arrays: Float32Array[] = [];
      // What is never touched costs nothing: of what other hosts keep there are addresses only.
      const allocate = async (bytes: number): Promise<ArrayBuffer> =>
        this.#placement.sharding === "none" ? Engine.default().allocate(bytes) : this.#world.local.allocate(bytes, { ...options, reserve: false });
      for (const bytes of optimizer.places.bytes(arena)) arrays.push(floats(await allocate(bytes)));
      states.set(optimizer, arrays);
      await this.#takeState(arena, optimizer, arrays, options);
    }
  }

  /** The same on devices, each of which takes what it keeps. */
  async #takeStateOnDevice(arena: ParameterArena, optimizer: Optimizer, options: CollectiveOptions): Promise<void> {
    const { group } = this.#world;
    const { places } = optimizer;
    const first = group.rank === 0;
    const steps = await group.broadcastObject(first ? places.stepsIn(arena) : undefined, 0, options);
    const before = new Map(arena.segments.map(({ parameter }) => [parameter, new Map(places.arraysOf(parameter))] as const));
    places.takeOver(arena, steps, { copies: first });
    for (const { parameter, index } of arena.segments) {
      if (steps[index] === 0) continue;
      for (const [name, into] of places.arraysOf(parameter, { writes: true })) {
        const data = (first && before.get(parameter)!.get(name)) || new Float32Array(into.length);
        await group.broadcast({ dtype: "float32", data }, 0, options);
        places.write(parameter, into, data);
      }
    }
  }
  /** An optimizer that has made steps before (or was loaded) brings its state along: rank 0's counts, as its parameters do. */
  async #takeState(arena: ParameterArena, optimizer: Optimizer, arrays: readonly Float32Array[], options: CollectiveOptions): Promise<void> {
    const { group, local, cross } = this.#world;
    const first = group.rank === 0;
    const steps = await group.broadcastObject(first ? optimizer.places.stepsIn(arena) : undefined, 0, options);
    const before = new Map(arena.segments.map(({ parameter }) => [parameter, optimizer.places.arraysOf(parameter)] as const));
    optimizer.places.takeOver(arena, steps, { copies: first });
    if (steps.every((n) => n === 0)) return;
    if (this.#placement.sharding === "none") {
      for (const data of arrays) await group.broadcast({ dtype: "float32", data }, 0, options);
      return;
    }
    if (this.#placement.shardedOverHosts) {
      if (cross) await takeParts(cross, { arena, optimizer, before, owned: (s) => this.#placement.owned(s) }, options);
    } else if (cross) for (const data of arrays) await cross.broadcast({ dtype: "float32", data }, 0, options);
    await local.barrier(options);
  }
}
