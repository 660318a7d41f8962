// Where the parameters of a run lie: arenas in memory that the workers of a host share, filled with rank 0's values.
import type { CollectiveOptions, DeviceGroup, World } from "../../distributed/index.js";
import { AccelerateError, ArgumentError } from "../../errors.js";
import { maxSources, type Optimizer } from "../../optim/index.js";
import { Engine } from "../../runtime/index.js";
import {
  activeDevice,
  type ArenaPart,
  type ArenaSegment,
  DeviceSegments,
  type GradientExchange,
  type Parameter,
  ParameterArena,
  parameterChanges,
} from "../../tensor/index.js";
import { compareParameters } from "../collectives/compare.js";
import { type Bucket, bucketsOfArena } from "./buckets.js";
import type { PlacedArena, PlacedRows } from "./placed-arena.js";
import { PlacedStates } from "./placed-states.js";
import { ranksOf } from "./shares.js";
import { hostPart, overlapOf, type Sharding } from "./zero.js";

export interface PlacementOptions {
  readonly world: World;
  /** Job ranks of this host, by local rank. */
  readonly localRanks: readonly number[];
  /** One copy of the parameters per host; false: every worker has its own. */
  readonly sharesParameters: boolean;
  /** By whom the state of optimizers is shared out; default: the workers of a host. */
  readonly sharding?: Sharding;
  /** Of a bucket; default 25 MB. */
  readonly capBytes?: number;
}

/** Anything that has parameters: they may grow (lazy layers). */
export type ParameterSource = () => Iterable<Parameter>;

/** Neighbours as one, in the order of memory. */
function joined(parts: readonly ArenaPart[]): ArenaPart[] {
  const all: { begin: number; end: number }[] = [];
  for (const { begin, end } of parts.filter((part) => part.begin < part.end).sort((a, b) => a.begin - b.begin)) {
    const last = all.at(-1);
    if (last?.end === begin) last.end = end;
    else all.push({ begin, end });
  }
  return all;
}

const floats = (buffer: ArrayBuffer): Float32Array => new Float32Array(buffer);

/** Bytes. */
const line = 64;

/** All arenas of a run, in the order in which their parameters were met; the same on every worker. */
export class Placement {
  readonly arenas: PlacedArena[] = [];
  readonly localRanks: readonly number[];
  readonly #sharding: Sharding;
  readonly #world: World;
  readonly #shares: boolean;
  readonly #capBytes: number;
  #host = 0;
  readonly #sources: ParameterSource[] = [];
  readonly #optimizers: Optimizer[] = [];
  readonly #byArena = new Map<ParameterArena, PlacedArena>();
  readonly #states: PlacedStates;
  readonly #lent = new Set<ParameterSource>();
  #seen = -1;
  #fresh: readonly Parameter[] = [];
  #exchange: GradientExchange | undefined;

  constructor({ world, localRanks, sharesParameters, sharding = "host", capBytes = 25e6 }: PlacementOptions) {
    this.#world = world;
    this.localRanks = localRanks;
    this.#sharding = sharding;
    this.#shares = sharesParameters && sharding !== "none";
    this.#capBytes = capBytes;
    this.#states = new PlacedStates(world, this);
  }
  /** By whom the state of optimizers is shared out. Memory of a device is shared by nobody: there every worker has all. */
  get sharding(): Sharding {
    return this.#world.group.size > 1 && activeDevice() ? "none" : this.#sharding;
  }
  /** Must be called once, before anything is placed. */
  connect(exchange: GradientExchange): void {
    this.#exchange = exchange;
  }

  get exchange(): GradientExchange | undefined {
    return this.#exchange;
  }

  /** Whether arenas are shared out by whole parameters. */
  get wholeParameters(): boolean {
    return this.#optimizers.some((o) => o.wholeParameters);
  }

  /** The number of this worker's host; known once something was placed. */
  get host(): number {
    return this.#host;
  }
  /** Whether each host has a part of the state. What has to update whole parameters has little of it: there every host has all. */
  get shardedOverHosts(): boolean {
    return this.sharding === "world" && this.#world.hosts > 1 && !this.wholeParameters;
  }
  /** Whether gradients are brought together by devices that reach each other. */
  get onDevices(): boolean {
    return this.#world.device !== undefined && activeDevice() !== undefined;
  }
  /** Whether each worker keeps the state of a part, on its device. */
  get shardedOverDevices(): boolean {
    return this.onDevices && this.#sharding !== "none" && !this.wholeParameters;
  }
  /** What this worker updates of an arena on a device; undefined: all. */
  updated(arena: ParameterArena): readonly ArenaPart[] | undefined {
    return this.shardedOverDevices ? this.#byArena.get(arena)?.own : undefined;
  }
  /** What of a parameter's state lies on this host, in elements of the parameter; undefined: all. */
  owned({ arena, offset, length }: ArenaSegment): readonly ArenaPart[] | undefined {
    const parts = this.updated(arena)?.flatMap((part) => overlapOf(part, { begin: offset, end: offset + length }) ?? []);
    if (parts) return parts.map(({ begin, end }) => ({ begin: begin - offset, end: end - offset }));
    const placed = this.shardedOverHosts ? this.#byArena.get(arena) : undefined;
    const bucket = placed?.buckets.find(({ begin, end }) => begin <= offset && offset + length <= end);
    if (!bucket) return undefined;
    const own = overlapOf(hostPart(bucket, { host: this.#host, hosts: this.#world.hosts }), { begin: offset, end: offset + length });
    return own ? [{ begin: own.begin - offset, end: own.end - offset }] : [];
  }

  /** Those that were prepared, in that order. */
  get optimizers(): readonly Optimizer[] {
    return this.#optimizers;
  }

  of(arena: ParameterArena): PlacedArena | undefined {
    return this.#byArena.get(arena);
  }
  state(arena: ParameterArena, owner: object): readonly Float32Array[] | undefined {
    return this.#states.of(arena, owner);
  }

  /** Parameters, also those that are yet to come, lie elsewhere until they are taken back; places that they have here stay. */
  lend(source: ParameterSource): void {
    this.#lent.add(source);
    this.#seen = -1;
  }
  takeBack(source: ParameterSource): void {
    this.#lent.delete(source);
    this.#seen = -1;
  }
  /** Lets go of all memory and of who uses it. Parameters stay where they are until they are placed again. */
  clear(): void {
    this.arenas.length = 0;
    for (const known of [this.#byArena, this.#states, this.#lent]) known.clear();
    this.#sources.length = 0;
    this.#optimizers.length = 0;
    this.#fresh = [];
    this.#seen = -1;
  }

  /** Takes in parameters that are trained, and an optimizer's state. A collective. */
  async add(sources: readonly ParameterSource[], optimizers: readonly Optimizer[], options: CollectiveOptions): Promise<void> {
    this.#sources.push(...sources);
    this.#seen = -1;
    const fresh = [...new Set(optimizers)].filter((o) => !this.#optimizers.includes(o));
    if ((this.shardedOverHosts || this.shardedOverDevices) && this.#optimizers.length > 0 && fresh.some((o) => o.wholeParameters))
      throw new ArgumentError("zero: an optimizer that updates whole parameters was prepared after others whose state is shared out", {
        code: "ERR_ZERO",
        hint: "prepare all optimizers together",
      });
    for (const { arena } of this.arenas) await this.#states.allocate(arena, fresh, options);
    this.#optimizers.push(...fresh);
    await this.place({ late: false }, options);
  }

  /** Whether there are parameters here that have no place yet: made since the last time (lazy layers). */
  get grown(): boolean {
    const made = parameterChanges("made");
    if (made !== this.#seen) {
      const all = new Set<Parameter>();
      for (const source of this.#sources) for (const p of source()) all.add(p);
      for (const source of this.#lent) for (const p of source()) all.delete(p);
      this.#fresh = [...all].filter((p) => !this.#byArena.has(p.segment()?.arena as ParameterArena));
      this.#seen = made;
    }
    return this.#fresh.length > 0;
  }

  /** Places parameters that have no place yet. A collective. @throws AccelerateError ERR_PARAMETERS_DIFFER where they are not the same everywhere. */
  async place({ late }: { readonly late: boolean }, options: CollectiveOptions): Promise<void> {
    const { size } = this.#world.group;
    const fresh = this.grown ? this.#fresh : [];
    if (size > 1) await compareParameters(this.#world.group, fresh, { late }, options);
    if (fresh.length === 0) return;
    const groups: PlacedArena[] = [];
    for (const group of ParameterArena.groups(fresh)) groups.push(await (size > 1 ? this.#shared(group, options) : this.#alone(group)));
    this.#fresh = [];
    for (const placed of groups) {
      this.arenas.push(placed);
      this.#byArena.set(placed.arena, placed);
      await this.#states.allocate(placed.arena, this.#optimizers, options);
    }
  }

  #alone(parameters: readonly Parameter[]): PlacedArena {
    const memory = Engine.default();
    const arena = ParameterArena.place(parameters, { values: memory, grads: memory, ...(this.#exchange && { exchange: this.#exchange }) });
    const rows = { peers: [arena.rowBits], reduced: arena.rowBits, told: arena.rowBits };
    // One worker's gradients are looked at where they lie; those of an arena on a device come down only for who asks.
    return {
      arena,
      get peers() {
        return [arena.grads];
      },
      get reduced() {
        return arena.grads;
      },
      rows,
      published: undefined,
      buckets: [],
    };
  }

  async #shared(parameters: readonly Parameter[], options: CollectiveOptions): Promise<PlacedArena> {
    const { group, local, cross } = this.#world;
    if (local.size > maxSources)
      throw new AccelerateError("ERR_TOO_MANY_WORKERS", `${local.size} workers of one host cannot add up their gradients, ${maxSources} can`, {
        hint: `launch at most ${maxSources} workers per host, with more threads each`,
      });
    if (this.#world.hosts > 1) this.#host = await local.broadcastObject(cross?.rank, 0, options);
    if (this.#world.device && activeDevice()) return this.#onDevices(this.#world.device, parameters, options);
    const bytes = ParameterArena.bytes(parameters);
    const bucketsOf = (arena: ParameterArena): Bucket[] => bucketsOfArena(arena.segments, { capBytes: this.#capBytes });
    // What is never touched (gradients of frozen parameters) costs nothing.
    const allocate = (reserve = false) => local.allocate(bytes, { ...options, reserve });
    const grads: ArrayBuffer[] = [];
    for (let rank = 0; rank < local.size; rank++) grads.push(await allocate());
    const reduced = floats(await allocate());
    const rows = await this.#sharedRows(parameters, options);
    const rowBits = rows.peers[local.rank]!;
    const placement = { rowBits, grads: { allocate: () => grads[local.rank]! }, ...(this.#exchange && { exchange: this.#exchange }) };
    const peers = grads.map(floats);
    const device = activeDevice();
    if (device) {
      const arena = ParameterArena.place(parameters, { ...placement, values: Engine.default(), device });
      await group.broadcast({ dtype: "float32", data: arena.values }, 0, options);
      for (const p of parameters) p.changed();
      const requests = parameters.map(({ name, shape }) => ({ name, shape }));
      const mean = new DeviceSegments(device, requests, { memory: { allocate: () => reduced.buffer as ArrayBuffer } });
      return { arena, peers, reduced, rows, published: undefined, buckets: bucketsOf(arena), mean };
    }
    if (!this.#shares) {
      const published = floats(await allocate());
      const arena = ParameterArena.place(parameters, { ...placement, values: Engine.default() });
      await group.broadcast({ dtype: "float32", data: arena.values }, 0, options);
      for (const p of parameters) p.changed();
      return { arena, peers, reduced, rows, published, buckets: bucketsOf(arena) };
    }
    const buffer = await allocate(true);
    const values = { allocate: () => buffer };
    let arena: ParameterArena | undefined;
    if (group.rank === 0) arena = ParameterArena.place(parameters, { ...placement, values });
    if (cross) await cross.broadcast({ dtype: "float32", data: floats(buffer) }, 0, options);
    await local.barrier(options);
    arena ??= ParameterArena.place(parameters, { ...placement, values, keepsValues: true });
    for (const p of parameters) p.changed();
    return { arena, peers, reduced, rows, published: undefined, buckets: bucketsOf(arena) };
  }

  /** On devices that reach each other: nothing lies on the host but what somebody asks for. */
  async #onDevices({ rank, size }: DeviceGroup, parameters: readonly Parameter[], options: CollectiveOptions): Promise<PlacedArena> {
    const memory = Engine.default();
    const arena = ParameterArena.place(parameters, { values: memory, grads: memory, ...(this.#exchange && { exchange: this.#exchange }) });
    await this.#world.group.broadcast({ dtype: "float32", data: arena.values }, 0, options);
    for (const p of parameters) p.changed();
    const buckets = bucketsOfArena(arena.segments, { capBytes: this.#capBytes });
    const own = joined(buckets.map((bucket) => hostPart(bucket, { host: rank, hosts: size })));
    const nothing = new Float32Array(0);
    const none = new Uint32Array(0);
    // Gradients that are to be added to others are done with when gradients are brought together: the mean takes their place.
    const { scratch: mean } = arena.device!;
    return { arena, peers: [], reduced: nothing, rows: { peers: [], reduced: none, told: none }, published: undefined, buckets, mean, own };
  }

  async #sharedRows(parameters: readonly Parameter[], options: CollectiveOptions): Promise<PlacedRows> {
    const { local } = this.#world;
    // On a device tables are like any other parameters.
    const bytes = activeDevice() ? 0 : ParameterArena.rowBytes(parameters);
    const words = bytes / Uint32Array.BYTES_PER_ELEMENT;
    const none = new Uint32Array(words);
    if (bytes === 0) return { peers: ranksOf(local.size).map(() => none), reduced: none, told: none };
    /** Whole cache lines: each part is written by another worker. */
    const step = Math.ceil(bytes / line) * line;
    const shared = await local.allocate(step * (local.size + 1), { ...options, reserve: true });
    const part = (i: number) => new Uint32Array(shared, i * step, words);
    return { peers: ranksOf(local.size).map(part), reduced: none, told: part(local.size) };
  }
}
