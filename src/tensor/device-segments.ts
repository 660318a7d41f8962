// Float32 segments in a device's memory, with a copy on the host that is made when somebody looks at it, and brought back when somebody has written to it.
import { Arena, type ArenaMemory, type Segment } from "../runtime/arena.js";
import type { DeviceArray, DeviceContext } from "../runtime/device-context.js";
import type { ArenaPart } from "./gradient-exchange.js";

/** One segment. */
export interface DeviceSegmentRequest {
  readonly name: string;
  /** Undefined: there is nothing in its place. */
  readonly shape: readonly number[] | undefined;
}

/** What memory is given back when it is gone: arrays, not the segments themselves. */
interface Held {
  readonly context: DeviceContext;
  readonly arrays: Set<DeviceArray>;
}
const release = ({ context, arrays }: Held): void => {
  for (const array of arrays) context.free(array);
  arrays.clear();
};
const abandoned = new FinalizationRegistry<Held>(release);

const lengthOf = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

/** Which copy of a segment holds what the other does not. */
type Newer = "none" | "host" | "device";

/**
 * The same layout on the device and on the host. Where the device has flat memory all segments lie in one array, `flat`, at the places of `segments`; elsewhere each has an array of its own, and what a program
 * cannot write in place it writes to `spare`, which then changes places with it.
 *
 * Memory of either side is taken when it is first asked for: it is zero.
 */
export class DeviceSegments {
  readonly context: DeviceContext;
  /** Places in flat memory and in the host's copy, in elements. */
  readonly segments: readonly Segment[];
  /** Elements of flat memory. */
  readonly length: number;
  readonly #shapes: readonly (readonly number[])[];
  readonly #present: readonly boolean[];
  readonly #memory: ArenaMemory | undefined;
  readonly #requests: readonly { readonly name: string; readonly length: number }[];
  readonly #held: Held;
  readonly #newer: Newer[];
  /** How often the device has written to a segment. */
  readonly #writes: number[];
  readonly #arrays: (DeviceArray | undefined)[] = [];
  readonly #spares: (DeviceArray | undefined)[] = [];
  readonly #ranges = new Map<string, DeviceArray>();
  /** With their places in flat memory; undefined: all of it is there. */
  readonly #parts: readonly (ArenaPart & { readonly at: number })[] | undefined;
  #flat: DeviceArray | undefined;
  #host: Arena | undefined;

  /**
   * `memory`: where the host's copy comes from; default: the engine. `parts`: what of flat memory there is on this device, in the order of memory; the rest is kept by others, and the host's copy has no
   * numbers in its place.
   */
  constructor(
    context: DeviceContext,
    requests: readonly DeviceSegmentRequest[],
    { memory, parts }: { readonly memory?: ArenaMemory | undefined; readonly parts?: readonly ArenaPart[] | undefined } = {},
  ) {
    this.context = context;
    this.#shapes = requests.map(({ shape }) => shape ?? [0]);
    this.#present = requests.map(({ shape }) => shape !== undefined);
    this.#requests = requests.map(({ name, shape }) => ({ name, length: shape ? lengthOf(shape) : 0 }));
    this.segments = Arena.lay(this.#requests);
    this.length = Arena.bytes(this.#requests) / Float32Array.BYTES_PER_ELEMENT;
    this.#memory = memory;
    let at = 0;
    this.#parts = parts?.map(({ begin, end }) => {
      const part = { begin, end, at };
      at += end - begin;
      return part;
    });
    this.#newer = requests.map(() => "none");
    this.#writes = requests.map(() => 0);
    this.#held = { context, arrays: new Set() };
    abandoned.register(this, this.#held, this);
  }

  /** What of flat memory there is; undefined: all. */
  get parts(): readonly ArenaPart[] | undefined {
    return this.#parts;
  }
  shapeOf(index: number): readonly number[] {
    return this.#shapes[index]!;
  }
  /** Whether a segment is there: states may lack some. */
  has(index: number): boolean {
    return this.#present[index]!;
  }

  /** All segments in one array, up to date; only where the device has flat memory. */
  get flat(): DeviceArray {
    for (let i = 0; i < this.segments.length; i++) this.#upload(i);
    return this.#flatMemory();
  }
  #flatMemory(): DeviceArray {
    this.#flat ??= this.#hold(this.context.allocate("float32", [this.#parts?.reduce((sum, { begin, end }) => sum + end - begin, 0) ?? this.length]));
    return this.#flat;
  }
  /** Where a range lies in flat memory. */
  #placeOf(offset: number, length: number): number {
    if (!this.#parts) return offset;
    const part = this.#parts.find(({ begin, end }) => begin <= offset && offset + length <= end);
    if (!part) throw new RangeError(`elements ${offset} to ${offset + length} are not on this device`);
    return part.at + offset - part.begin;
  }
  /** What of a segment is on this device: places in the segment, and the numbers there. */
  #pieces(index: number): { readonly begin: number; readonly end: number; readonly array: DeviceArray }[] {
    const { offset, length } = this.segments[index]!;
    if (!this.#parts) return length > 0 ? [{ begin: 0, end: length, array: this.#memoryOf(index) }] : [];
    return this.#parts.flatMap((part) => {
      const [begin, end] = [Math.max(part.begin, offset), Math.min(part.end, offset + length)];
      if (begin >= end) return [];
      return [{ begin: begin - offset, end: end - offset, array: this.#rangeOf(begin, end - begin) }];
    });
  }
  /** What was written on the host goes up; JS waits. */
  sendUp(): void {
    for (let i = 0; i < this.segments.length; i++) this.#upload(i);
  }
  /** A part of flat memory, up to date. */
  range(offset: number, length: number): DeviceArray {
    for (let i = 0; i < this.segments.length; i++) this.#upload(i);
    return this.#rangeOf(offset, length);
  }
  #rangeOf(offset: number, length: number): DeviceArray {
    const key = `${offset} ${length}`;
    const known = this.#ranges.get(key);
    const range = known ?? this.context.view(this.#flatMemory(), this.#placeOf(offset, length), [length]);
    if (!known) this.#ranges.set(key, range);
    return range;
  }
  /** Flat ranges of some segments, neighbours as one: what lies between them is zero. */
  merged(indices: readonly number[]): { readonly offset: number; readonly length: number }[] {
    const ranges: { offset: number; length: number }[] = [];
    let last: number | undefined;
    for (const index of [...indices].sort((a, b) => a - b)) {
      const { offset, length } = this.segments[index]!;
      const open = ranges.at(-1);
      if (open && last === index - 1) open.length = offset + length - open.offset;
      else ranges.push({ offset, length });
      last = index;
    }
    return ranges;
  }
  #hold(array: DeviceArray): DeviceArray {
    this.#held.arrays.add(array);
    return array;
  }

  /** A segment on the device, up to date, in its own shape. */
  at(index: number): DeviceArray {
    this.#upload(index);
    return this.#memoryOf(index);
  }
  /** A segment's memory that is about to be written as a whole: what the host has is not looked at. */
  target(index: number): DeviceArray {
    return this.#memoryOf(index);
  }
  #memoryOf(index: number): DeviceArray {
    let array = this.#arrays[index];
    if (!array) {
      array = this.context.device.flatMemory
        ? this.context.view(this.#flatMemory(), this.#placeOf(this.segments[index]!.offset, this.segments[index]!.length), this.#shapes[index]!)
        : this.#hold(this.context.allocate("float32", this.#shapes[index]!));
      this.#arrays[index] = array;
    }
    return array;
  }
  /** Where a program writes a segment that it reads: the segment itself where the device writes in place, else a second array; `swap` makes that the segment. */
  spare(index: number): DeviceArray {
    if (this.context.device.writesInPlace) return this.at(index);
    this.#spares[index] ??= this.#hold(this.context.allocate("float32", this.#shapes[index]!));
    return this.#spares[index]!;
  }
  /** What was written to `spare` is the segment from now on. */
  swap(index: number): void {
    if (!this.context.device.writesInPlace) [this.#arrays[index], this.#spares[index]] = [this.#spares[index], this.#arrays[index]];
    this.written(index);
  }
  /** A job that was queued writes to a segment on the device. */
  written(index: number): void {
    this.#newer[index] = "device";
    this.#writes[index]!++;
  }

  /** A segment on the host, up to date. Who writes to it says so with `hostWritten`. */
  host(index: number): Float32Array {
    const view = this.#hostMemory().view(index);
    if (this.#newer[index] === "device") {
      for (const { begin, end, array } of this.#pieces(index)) this.context.downloadNow(array, view.subarray(begin, end));
      this.#newer[index] = "none";
    }
    return view;
  }
  /** All segments on the host, up to date, with the gaps between them. */
  hostAll(): Float32Array {
    for (let i = 0; i < this.segments.length; i++) this.host(i);
    return this.#hostMemory().data;
  }
  /** A segment's memory on the host that is about to be written as a whole, with `hostWritten` behind it: nothing comes down. */
  hostTarget(index: number): Float32Array {
    return this.#hostMemory().view(index);
  }
  #hostMemory(): Arena {
    this.#host ??= Arena.allocate(this.#requests, this.#memory);
    return this.#host;
  }
  /** The host's numbers of a segment count: they go up before the device next reads them. */
  hostWritten(index: number): void {
    this.#newer[index] = "host";
  }
  /** Whether the device has numbers of a segment that the host has not. */
  behind(index: number): boolean {
    return this.#newer[index] === "device";
  }

  /** Brings the host's copies of some segments up to date, without holding up JS. */
  async bringDown(indices: Iterable<number>): Promise<void> {
    const late = [...indices].filter((i) => this.#newer[i] === "device").map((i) => ({ i, writes: this.#writes[i] }));
    const pairs = late.flatMap(({ i }) =>
      this.#pieces(i).map(({ begin, end, array }) => ({ from: array, into: this.#hostMemory().view(i).subarray(begin, end) })),
    );
    if (pairs.length > 0) await this.context.download(pairs);
    for (const { i, writes } of late) if (this.#newer[i] === "device" && this.#writes[i] === writes) this.#newer[i] = "none";
  }
  /** The other way: what was written on the host goes up. */
  async bringUp(indices: Iterable<number>): Promise<void> {
    const late = [...indices].filter((i) => this.#newer[i] === "host");
    for (const i of late) this.#newer[i] = "none";
    const pairs = late.flatMap((i) => this.#pieces(i).map(({ begin, end, array }) => ({ from: this.#hostMemory().view(i).subarray(begin, end), into: array })));
    if (pairs.length > 0) await this.context.upload(pairs);
  }

  #upload(index: number): void {
    if (this.#newer[index] !== "host") return;
    const view = this.#hostMemory().view(index);
    for (const { begin, end, array } of this.#pieces(index)) this.context.uploadNow(view.subarray(begin, end), array);
    this.#newer[index] = "none";
  }

  /** Gives the device's memory back. */
  free(): void {
    abandoned.unregister(this);
    release(this.#held);
    this.#flat = undefined;
    this.#arrays.length = 0;
    this.#ranges.clear();
    this.#spares.length = 0;
  }
}
