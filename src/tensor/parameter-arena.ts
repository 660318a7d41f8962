// Where parameters and their gradients lie: flat arenas with a segment per parameter, on the host or on a device.
import { sizeOf } from "../graph/dtype.js";
import { Arena, type ArenaMemory } from "../runtime/arena.js";
import type { DeviceContext } from "../runtime/device-context.js";
import { DeviceSegments } from "./device-segments.js";
import type { GradientExchange, GradientMemory } from "./gradient-exchange.js";
import { GradientRows, layTables, tablesOf } from "./gradient-rows.js";
import type { Parameter } from "./parameter.js";
import { activeDevice } from "./resident.js";

/** The place of one parameter. Offsets and lengths are in elements. */
export interface ArenaSegment {
  readonly parameter: Parameter;
  readonly arena: ParameterArena;
  /** Its number in the arena. */
  readonly index: number;
  readonly offset: number;
  readonly length: number;
  /** Whether a backward has written a gradient since the last zeroGrad. */
  hasGrad: boolean;
  /** How many times a backward has written its gradient. */
  writes: number;
  /** Live on the host. Of a segment on a device it is a copy, brought up to date whenever it is asked for; who writes to it says so (Parameter.changed). */
  readonly value: Float32Array;
  /** The same; who writes to it says so with `gradWritten`. */
  readonly grad: Float32Array;
  gradWritten(): void;
  /** Which rows of the gradient's memory may be other than zero; undefined: it is no table. */
  readonly rows: GradientRows | undefined;
}

/** Where the memory of an arena comes from, and who shares it. */
export interface ArenaPlacement {
  readonly values: ArenaMemory;
  readonly grads: ArenaMemory;
  /** The bits of tables' rows: `rowBytes` of zeros. */
  readonly rowBits?: Uint32Array;
  /** The values are those that lie in the memory already, not the parameters' own. */
  readonly keepsValues?: boolean;
  readonly exchange?: GradientExchange;
  /** Where they are; default: where the programs of the process run. The memory above is then that of the host's copies. */
  readonly device?: DeviceContext;
}

/** The memory of an arena on a device. */
export interface DeviceArena {
  readonly context: DeviceContext;
  readonly values: DeviceSegments;
  readonly grads: DeviceSegments;
  /** Where gradients go that are to be added to what is there. */
  readonly scratch: DeviceSegments;
}

const nothing = (): void => {};

/** A segment whose numbers are on a device. */
class DeviceSegment implements ArenaSegment {
  readonly parameter: Parameter;
  readonly arena: ParameterArena;
  readonly index: number;
  readonly offset: number;
  readonly length: number;
  hasGrad: boolean;
  writes: number;
  readonly rows = undefined;
  readonly #device: DeviceArena;

  constructor(own: Pick<ArenaSegment, "parameter" | "arena" | "index" | "offset" | "length" | "hasGrad" | "writes">, device: DeviceArena) {
    this.parameter = own.parameter;
    this.arena = own.arena;
    this.index = own.index;
    this.offset = own.offset;
    this.length = own.length;
    this.hasGrad = own.hasGrad;
    this.writes = own.writes;
    this.#device = device;
  }
  get value(): Float32Array {
    return this.#device.values.host(this.index);
  }
  get grad(): Float32Array {
    return this.#device.grads.host(this.index);
  }
  gradWritten(): void {
    this.#device.grads.hostWritten(this.index);
  }
}

function onDevice(context: DeviceContext, parameters: readonly Parameter[], { values, grads }: Partial<ArenaPlacement>): DeviceArena {
  const requests = parameters.map(({ name, shape }) => ({ name, shape }));
  const make = (memory?: ArenaMemory) => new DeviceSegments(context, requests, { memory });
  return { context, values: make(values), grads: make(grads), scratch: make() };
}

const layoutOf = (parameters: readonly Parameter[]) => parameters.map((p) => ({ name: p.name, length: sizeOf(p.shape) }));

/**
 * Parameters of one dtype side by side, and their gradients in the same places of a second arena. A third one, made when it
 * is first needed, takes the gradients of a backward that is to be added to what is already there.
 */
export class ParameterArena {
  readonly segments: readonly ArenaSegment[];
  /** Brings the gradients of several workers together; undefined while one process trains alone. */
  readonly exchange: GradientExchange | undefined;
  /** Undefined: it lies on the host. */
  readonly device: DeviceArena | undefined;
  /** Elements. */
  readonly length: number;
  readonly #values: Arena | undefined;
  readonly #grads: Arena | undefined;
  /** The bits of all tables' rows. */
  readonly rowBits: Uint32Array;
  #scratch: Arena | undefined;

  private constructor(parameters: readonly Parameter[], placement: Partial<ArenaPlacement> = {}) {
    const { values, grads, rowBits, keepsValues = false, exchange, device = activeDevice() } = placement;
    const layout = layoutOf(parameters);
    this.length = Arena.bytes(layout) / Float32Array.BYTES_PER_ELEMENT;
    this.exchange = exchange;
    if (device) {
      this.rowBits = rowBits ?? new Uint32Array(0);
      this.device = onDevice(device, parameters, placement);
      this.segments = this.#deviceSegments(parameters, this.device, { keepsValues });
      for (const s of this.segments) s.parameter.moveTo(s);
      return;
    }
    const [valueArena, gradArena] = [Arena.allocate(layout, values), Arena.allocate(layout, grads)];
    this.#values = valueArena;
    this.#grads = gradArena;
    const { places, words } = layTables(parameters);
    this.rowBits = rowBits ?? new Uint32Array(words);
    this.segments = parameters.map((parameter, i) => {
      const value = valueArena.view(i);
      if (!keepsValues) value.set(parameter.values());
      const { offset, length } = valueArena.segments[i]!;
      const grad = gradArena.view(i);
      const before = parameter.segment();
      const place = places[i];
      const rows = place && new GradientRows(place, this.rowBits);
      if (before?.hasGrad) {
        rows?.copy(before.rows);
        grad.set(before.grad);
      }
      const [hasGrad, writes] = [before?.hasGrad ?? false, Number(before?.hasGrad ?? false)];
      return { parameter, arena: this, index: i, offset, length, hasGrad, writes, value, grad, rows, gradWritten: nothing };
    });
    for (const s of this.segments) s.parameter.moveTo(s);
  }
  #deviceSegments(parameters: readonly Parameter[], device: DeviceArena, { keepsValues }: { readonly keepsValues: boolean }): ArenaSegment[] {
    const { values, grads } = device;
    return parameters.map((parameter, index) => {
      if (!keepsValues) values.hostTarget(index).set(parameter.values());
      values.hostWritten(index);
      const { offset, length } = values.segments[index]!;
      const before = parameter.segment();
      const hasGrad = before?.hasGrad ?? false;
      if (hasGrad) {
        grads.hostTarget(index).set(before!.grad);
        grads.hostWritten(index);
      }
      return new DeviceSegment({ parameter, arena: this, index, offset, length, hasGrad, writes: Number(hasGrad) }, device);
    });
  }

  /** Moves parameters that lie in no arena yet, or not where the programs of the process run, into a new one, in the given order. */
  static adopt(parameters: readonly Parameter[]): void {
    const device = activeDevice();
    const loose = [...new Set(parameters)].filter((p) => p.segment() === undefined || p.segment()!.arena.device?.context !== device);
    for (const group of ParameterArena.groups(loose)) new ParameterArena(group);
  }
  /**
   * Which of these parameters are to lie together: all, but on devices with flat memory, where an arena's gradients are one array, frozen ones apart. Nobody asks for theirs, so none are made, nor is state
   * of optimizers.
   */
  static groups(parameters: readonly Parameter[]): readonly (readonly Parameter[])[] {
    const groups = activeDevice()?.device.flatMemory ? [parameters.filter((p) => p.requiresGrad), parameters.filter((p) => !p.requiresGrad)] : [parameters];
    return groups.filter((group) => group.length > 0);
  }

  /** Moves parameters, wherever they lie, into a new arena, in given memory or the engine's; gradients come along. */
  static place(parameters: readonly Parameter[], placement: Partial<ArenaPlacement>): ParameterArena {
    return new ParameterArena(parameters, placement);
  }
  /** Bytes that the values of these parameters take in an arena; as many again for their gradients, and for each state. */
  static bytes(parameters: readonly Parameter[]): number {
    return Arena.bytes(layoutOf(parameters));
  }

  /** Bytes of the bits of these parameters' rows. */
  static rowBytes(parameters: readonly Parameter[]): number {
    return layTables(parameters).words * Uint32Array.BYTES_PER_ELEMENT;
  }

  /** All values on the host; of an arena on a device a copy, as of its segments. */
  get values(): Float32Array {
    return this.#values?.data ?? this.device!.values.hostAll();
  }
  get grads(): Float32Array {
    return this.#grads?.data ?? this.device!.grads.hostAll();
  }
  /** The gradients of this worker as kernels take them: where they lie, with what is known of rows, where anything is. */
  ownGradients(): GradientMemory {
    if (this.device) return this.device.grads;
    const known = this.segments.filter((s) => s.hasGrad && s.rows?.whole === false);
    return known.length === 0 ? this.grads : { arrays: [this.grads], factor: 1, rows: { tables: tablesOf(known), bits: [this.rowBits] } };
  }
  /** Where a gradient goes that is to be added to the segment's own. */
  scratch(segment: ArenaSegment): Float32Array {
    this.#scratch ??= Arena.allocate(this.#grads!.segments);
    return this.#scratch.view(segment.index);
  }
}
