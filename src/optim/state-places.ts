// Where an optimizer's state lies: beside the arenas of its parameters, with a step counter for each parameter.
import { AccelerateError } from "../errors.js";
import { Arena, type SegmentRequest } from "../runtime/arena.js";
import { type ArenaSegment, DeviceSegments, type Parameter, type ParameterArena } from "../tensor/index.js";

/** What state there is. */
export interface StateKinds {
  readonly names: readonly string[];
  /** The shape of a parameter's state of that name; undefined: it has none. */
  shape(name: string, parameter: Parameter): readonly number[] | undefined;
}

const lengthOf = (shape: readonly number[] | undefined): number => (shape ? shape.reduce((a, b) => a * b, 1) : 0);

/** Parameters may be moved from one arena to another: their state follows at the next step, or with `takeOver`. */
export class StatePlaces {
  readonly #owner: object;
  readonly #kinds: () => StateKinds;
  readonly #steps = new Map<Parameter, number>();
  readonly #states = new Map<ParameterArena, readonly Arena[]>();
  readonly #onDevice = new Map<ParameterArena, readonly DeviceSegments[]>();
  readonly #homes = new Map<Parameter, ArenaSegment>();
  #moved = false;
  /** Goes up whenever state was written by other ways than steps. */
  written = 0;

  /** `owner`: the optimizer, by which an exchange knows the memory. */
  constructor(owner: object, kinds: () => StateKinds) {
    this.#owner = owner;
    this.#kinds = kinds;
  }

  get names(): readonly string[] {
    return this.#kinds().names;
  }
  /** Bytes of the state of an arena's parameters, by name. */
  bytes(arena: ParameterArena): readonly number[] {
    return this.#kinds().names.map((name) => Arena.bytes(this.#layout(name, arena)));
  }
  /** Shapes of a parameter's state, also where there is none yet. */
  shapesOf(parameter: Parameter): ReadonlyMap<string, readonly number[]> {
    const { names } = this.#kinds();
    return new Map(
      names
        .map((name) => [name, this.#kinds().shape(name, parameter)] as const)
        .filter((entry): entry is [string, readonly number[]] => entry[1] !== undefined),
    );
  }
  /** State of an arena's parameters, live: one arena per name with a segment per parameter (empty where it has none), in their order; of this process, or shared by those who share the arena. */
  in(arena: ParameterArena): readonly Arena[] {
    if (arena.device)
      throw new AccelerateError(
        "ERR_DEVICE_STATE",
        `the state of ${this.#owner.constructor.name} lies on ${arena.device.context.device}, where workers do not share it`,
        {
          hint: "train on the CPU, or without what needs the state in memory that workers share (localSgd)",
        },
      );
    let states = this.#states.get(arena);
    if (!states) {
      const shared = arena.exchange?.state(arena, this.#owner);
      states = this.#kinds().names.map((name, i) => Arena.allocate(this.#layout(name, arena), shared && { allocate: () => shared[i]!.buffer as ArrayBuffer }));
      this.#states.set(arena, states);
    }
    return states;
  }
  /** The same for an arena on a device. */
  on(arena: ParameterArena): readonly DeviceSegments[] {
    let states = this.#onDevice.get(arena);
    if (!states) {
      const { context } = arena.device!;
      const parts = arena.exchange?.updated(arena);
      states = this.#kinds().names.map((name) => {
        const requests = arena.segments.map(({ parameter }) => ({ name: parameter.name, shape: this.#kinds().shape(name, parameter) }));
        // Parts are those of the parameters.
        const alike = requests.every(({ shape }, i) => shape !== undefined && lengthOf(shape) === arena.segments[i]!.length);
        return new DeviceSegments(context, requests, alike ? { parts } : {});
      });
      this.#onDevice.set(arena, states);
    }
    return states;
  }
  #layout(name: string, { segments }: ParameterArena): SegmentRequest[] {
    return segments.map(({ parameter }) => ({ name: parameter.name, length: lengthOf(this.#kinds().shape(name, parameter)) }));
  }
  /** The state of one parameter, live, by name; nothing where it has none. Of state on a device it is a copy; with `writes` the copy is what counts, once all of it is written. */
  arraysOf(parameter: Parameter, { writes = false }: { readonly writes?: boolean } = {}): (readonly [name: string, data: Float32Array])[] {
    const segment = this.#homes.get(parameter);
    if (!segment) return [];
    const { arena, index } = segment;
    if (arena.device) {
      const states = this.on(arena);
      return this.#kinds().names.flatMap((name, i) => {
        const state = states[i]!;
        if (!state.has(index)) return [];
        if (!writes) return [[name, state.host(index)] as const];
        state.hostWritten(index);
        return [[name, state.hostTarget(index)] as const];
      });
    }
    const arenas = this.in(arena);
    return this.#kinds().names.flatMap((name, i) => (this.#kinds().shape(name, parameter) ? [[name, arenas[i]!.view(segment.index)] as const] : []));
  }
  /** Whether parts of the state are with other hosts. */
  get sharedOut(): boolean {
    for (const segment of this.#homes.values()) if (segment.arena.exchange?.owned(segment)) return true;
    return false;
  }
  /** Writes what is kept here of a parameter's state. */
  write(parameter: Parameter, into: Float32Array, data: ArrayLike<number>): void {
    const segment = this.#homes.get(parameter);
    const parts = segment?.arena.exchange?.owned(segment);
    if (!parts) into.set(data);
    else for (const { begin, end } of parts) for (let i = begin; i < end; i++) into[i] = data[i]!;
  }
  /** Steps that a parameter has made; undefined: none, and it has no state. */
  stepOf(parameter: Parameter): number | undefined {
    return this.#homes.has(parameter) ? this.#steps.get(parameter) : undefined;
  }

  /** The number of the step that a parameter makes next, from 1. */
  nextOf(parameter: Parameter): number {
    return (this.#steps.get(parameter) ?? 0) + 1;
  }
  /** Parameters make a step, or it is taken back. */
  count(segments: Iterable<{ readonly segment: ArenaSegment }>, by: 1 | -1): void {
    for (const {
      segment: { parameter },
    } of segments) {
      const steps = (this.#steps.get(parameter) ?? 0) + by;
      if (steps > 0) this.#steps.set(parameter, steps);
      else this.#steps.delete(parameter);
    }
  }
  /** Lets go of state beside arenas that hold none of the parameters any more. */
  dropUnused(): void {
    if (!this.#moved) return;
    this.#moved = false;
    const used = new Set([...this.#homes.values()].map((s) => s.arena));
    for (const left of this.#states.keys()) if (!used.has(left)) this.#states.delete(left);
    for (const [left, states] of this.#onDevice)
      if (!used.has(left)) {
        for (const state of states) state.free();
        this.#onDevice.delete(left);
      }
  }

  /** How many steps the parameters of an arena have made here, in their order; 0: none, and no state. */
  stepsIn(arena: ParameterArena): readonly number[] {
    return arena.segments.map(({ parameter }) => this.stepOf(parameter) ?? 0);
  }
  /** Parameters were moved into an arena that several workers share: one of them copies their state there, the others find it; all count on from `steps`. */
  takeOver(arena: ParameterArena, steps: readonly number[], options: { readonly copies: boolean }): void {
    this.written++;
    for (const [i, segment] of arena.segments.entries()) {
      const { parameter } = segment;
      if (steps[i] === 0) {
        this.#steps.delete(parameter);
        this.#homes.delete(parameter);
      } else {
        if (options.copies) this.settle(segment);
        this.#homes.set(parameter, segment);
        this.#steps.set(parameter, steps[i]!);
      }
    }
    this.#moved = true;
    this.dropUnused();
  }
  /** Steps as they were saved, of parameters where they are; others have made none. */
  restore(steps: Iterable<readonly [parameter: Parameter, step: number]>): void {
    this.written++;
    this.#steps.clear();
    for (const [parameter, step] of steps) {
      this.#steps.set(parameter, step);
      this.#homes.set(parameter, parameter.segment()!);
    }
  }

  /** Notes where a parameter lies, before it makes a step; state that lay elsewhere comes along. */
  settle(segment: ArenaSegment): void {
    const { parameter } = segment;
    const home = this.#homes.get(parameter);
    if (home === segment) return;
    const before = this.arraysOf(parameter);
    this.#homes.set(parameter, segment);
    if (before.length === 0) return;
    try {
      this.written++;
      for (const [i, [, array]] of this.arraysOf(parameter, { writes: true }).entries()) this.write(parameter, array, before[i]![1]);
      this.#moved = true;
    } catch (error) {
      this.#homes.set(parameter, home!);
      throw error;
    }
  }
}
