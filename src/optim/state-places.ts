// Where an optimizer's state lies: beside the arenas of its parameters, with a step counter for each parameter.
import { Arena } from "../runtime/arena.js";
import type { ArenaSegment, Parameter, ParameterArena } from "../tensor/index.js";

/** Parameters may be moved from one arena to another: their state follows at the next step, or with `takeOver`. */
export class StatePlaces {
  readonly #owner: object;
  readonly #names: () => readonly string[];
  readonly #steps = new Map<Parameter, number>();
  readonly #states = new Map<ParameterArena, readonly Float32Array[]>();
  readonly #homes = new Map<Parameter, ArenaSegment>();
  #moved = false;

  /** `owner`: the optimizer, by which an exchange knows the memory. */
  constructor(owner: object, names: () => readonly string[]) {
    this.#owner = owner;
    this.#names = names;
  }

  /** Names of the per-element state. */
  get names(): readonly string[] {
    return this.#names();
  }
  /** State memory for an arena's parameters, live: one array per name, laid out as they are; of this process, or shared by those who share the arena. */
  in(arena: ParameterArena): readonly Float32Array[] {
    let states = this.#states.get(arena);
    if (!states) {
      const layout = arena.segments.map((s) => ({ name: s.parameter.name, length: s.length }));
      states = arena.exchange?.state(arena, this.#owner) ?? this.names.map(() => Arena.allocate(layout).data);
      this.#states.set(arena, states);
    }
    return states;
  }
  /** The state of one parameter, live, by name; nothing where it has none. */
  arraysOf(parameter: Parameter): Float32Array[] {
    const segment = this.#homes.get(parameter);
    return segment ? this.in(segment.arena).map((data) => data.subarray(segment.offset, segment.offset + segment.length)) : [];
  }
  /** Steps that a parameter has made; undefined: none, and it has no state. */
  stepOf(parameter: Parameter): number | undefined {
    return this.#homes.has(parameter) ? this.#steps.get(parameter) : undefined;
  }

  /** A parameter makes a step: its number, from 1. */
  advance(segment: ArenaSegment): number {
    const { parameter } = segment;
    const step = (this.#steps.get(parameter) ?? 0) + 1;
    this.#steps.set(parameter, step);
    if (this.#homes.get(parameter) !== segment) this.#settle(segment);
    return step;
  }
  /** Lets go of state beside arenas that hold none of the parameters any more. */
  dropUnused(): void {
    if (!this.#moved) return;
    this.#moved = false;
    const used = new Set([...this.#homes.values()].map((s) => s.arena));
    for (const left of this.#states.keys()) if (!used.has(left)) this.#states.delete(left);
  }

  /** How many steps the parameters of an arena have made here, in their order; 0: none, and no state. */
  stepsIn(arena: ParameterArena): readonly number[] {
    return arena.segments.map(({ parameter }) => this.stepOf(parameter) ?? 0);
  }
  /** Parameters were moved into an arena that several workers share: one of them copies their state there, the others find it; all count on from `steps`. */
  takeOver(arena: ParameterArena, steps: readonly number[], options: { readonly copies: boolean }): void {
    for (const [i, segment] of arena.segments.entries()) {
      const { parameter } = segment;
      if (steps[i] === 0) {
        this.#steps.delete(parameter);
        this.#homes.delete(parameter);
      } else {
        if (options.copies) this.#settle(segment);
        this.#homes.set(parameter, segment);
        this.#steps.set(parameter, steps[i]!);
      }
    }
    this.#moved = true;
    this.dropUnused();
  }
  /** Steps as they were saved, of parameters where they are; others have made none. */
  restore(steps: Iterable<readonly [parameter: Parameter, step: number]>): void {
    this.#steps.clear();
    for (const [parameter, step] of steps) {
      this.#steps.set(parameter, step);
      this.#homes.set(parameter, parameter.segment()!);
    }
  }

  /** Notes where a parameter lies; state that lay elsewhere comes along. */
  #settle(segment: ArenaSegment): void {
    const before = this.arraysOf(segment.parameter);
    this.#homes.set(segment.parameter, segment);
    if (before.length === 0) return;
    for (const [i, array] of this.arraysOf(segment.parameter).entries()) array.set(before[i]!);
    this.#moved = true;
  }
}
