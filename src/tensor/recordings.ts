// Programs whose launches are recorded on CUDA and replayed as one (CUDA graphs): for each set of sizes a binding of its own, whose memory stays where it is.
import type { Binding } from "../runtime/binding.js";
import type { DeviceArray, DeviceContext } from "../runtime/device-context.js";
import { poolOf } from "./array-pool.js";
import type { Plan } from "./plan.js";
import type { Program } from "./program.js";
import { Resident } from "./resident.js";

/** Runs of the same sizes before they have a binding of their own: what comes once or twice is not worth its memory. */
const runsBefore = 2;
/** Sets of sizes of a program that are recorded; others run launch by launch. */
export const mostRecordings = 4;
/** Sets of sizes that are counted. */
const mostCounted = 256;

/** A binding to memory that stays. Runs copy into it and out of it. */
export class Recording {
  readonly binding: Binding;
  readonly #context: DeviceContext;
  /** Residents: their memory goes back when the program is forgotten. */
  readonly #inputs = new Map<number, Resident>();
  readonly #outputs = new Map<number, Resident>();
  readonly #bound = new Set<number>();

  constructor(binding: Binding, context: DeviceContext) {
    this.binding = binding;
    this.#context = context;
  }

  /** The place of an input in which arrays like this are fed. */
  input(index: number, like: Pick<DeviceArray, "dtype" | "shape">): DeviceArray {
    return this.#at(this.#inputs, index, like);
  }
  /** What only the host reads is part of what is recorded: the same in all runs of these sizes. */
  bindSizes(index: number, data: BigInt64Array, shape: readonly number[]): void {
    if (this.#bound.has(index)) return;
    this.binding.bindInput(index, data, shape);
    this.#bound.add(index);
  }
  /** The place of an output that is copied to arrays like this. */
  output(index: number, like: DeviceArray): DeviceArray {
    return this.#at(this.#outputs, index, like);
  }
  #at(places: Map<number, Resident>, index: number, { dtype, shape }: Pick<DeviceArray, "dtype" | "shape">): DeviceArray {
    const known = places.get(index) ?? new Resident(poolOf(this.#context).take(dtype, shape), this.#context);
    places.set(index, known);
    return known.array!;
  }
}

/** The recordings of one program. */
class ProgramRecordings {
  readonly #recordings = new Map<string, Recording>();
  readonly #runs = new Map<string, number>();
  #told = false;

  of(key: string, program: Program, context: DeviceContext): Recording | undefined {
    const known = this.#recordings.get(key);
    if (known) return known;
    const runs = this.#runs.get(key) ?? 0;
    if (this.#runs.size >= mostCounted) this.#runs.clear();
    this.#runs.set(key, runs + 1);
    if (runs < runsBefore) return undefined;
    if (this.#recordings.size >= mostRecordings) {
      this.#tell(program);
      return undefined;
    }
    const made = new Recording(program.session.createBinding(), context);
    this.#recordings.set(key, made);
    this.#runs.delete(key);
    return made;
  }
  #tell({ session }: Program): void {
    if (this.#told) return;
    this.#told = true;
    console.warn(
      `a ${session.name} program has runs of more than ${mostRecordings} sets of sizes: the first ${mostRecordings} that came again are recorded as CUDA graphs, the others run launch by launch; pad batches to fewer sizes`,
    );
  }
}

/** Of all programs of a device. */
export class Recordings {
  readonly #context: DeviceContext;
  readonly #programs = new WeakMap<Program, ProgramRecordings>();

  constructor(context: DeviceContext) {
    this.#context = context;
  }

  /** Where a run is bound that is recorded or will be; undefined: it runs launch by launch. `adds`: which gradients are added to what is there, for these lie elsewhere. */
  of(plan: Plan, program: Program, adds: string): Recording | undefined {
    if (!program.recorded) return undefined;
    const programs = this.#programs.get(program) ?? new ProgramRecordings();
    this.#programs.set(program, programs);
    const key = `${plan.feeds.map(({ shape }) => shape.join()).join(";")} ${adds}`;
    return programs.of(key, program, this.#context);
  }
}
