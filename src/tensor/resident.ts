// Tensors in a device's memory: what runs leave there, what is fed again without a trip, and memory that is used again.
import { dtypes, type DType, type TypedArray } from "../graph/dtype.js";
import type { DeviceArray, DeviceContext } from "../runtime/device-context.js";
import type { LazyState } from "./state.js";
import type { Tensor } from "./tensor.js";

let active: DeviceContext | undefined;
/** The device that the programs of this process run on; undefined: the host. */
export const activeDevice = (): DeviceContext | undefined => active;
/** @internal The executor says so. */
export function useDevice(context: DeviceContext | undefined): void {
  active = context;
}

/** Arrays that wait for another use take at most this much. */
const maxWaitingBytes = 256 << 20;

/** Memory of a device by dtype and shape: a loop of steps asks for the same again and again. */
class ArrayPool {
  readonly context: DeviceContext;
  /** By what they are asked for with; those that have waited longest come first. */
  readonly #waiting = new Map<string, DeviceArray[]>();
  #bytes = 0;

  constructor(context: DeviceContext) {
    this.context = context;
  }

  take(dtype: DType, shape: readonly number[]): DeviceArray {
    const key = `${dtype}${shape.join()}`;
    const found = this.#waiting.get(key);
    const array = found?.pop();
    if (!array) return this.context.allocate(dtype, shape);
    if (found!.length === 0) this.#waiting.delete(key);
    this.#bytes -= array.bytes;
    return array;
  }
  /** What was queued for it before is done before anybody writes to it again: jobs of a device follow each other. */
  give(array: DeviceArray): void {
    const key = `${array.dtype}${array.shape.join()}`;
    const list = this.#waiting.get(key) ?? [];
    this.#waiting.delete(key);
    this.#waiting.set(key, list);
    list.push(array);
    this.#bytes += array.bytes;
    for (const [oldest, arrays] of this.#waiting) {
      while (this.#bytes > maxWaitingBytes && arrays.length > 0) this.#drop(arrays.pop()!);
      if (arrays.length === 0) this.#waiting.delete(oldest);
      if (this.#bytes <= maxWaitingBytes) break;
    }
  }
  #drop(array: DeviceArray): void {
    this.#bytes -= array.bytes;
    this.context.free(array);
  }
  clear(): void {
    for (const arrays of this.#waiting.values()) for (const array of arrays.splice(0)) this.#drop(array);
    this.#waiting.clear();
  }
}

const pools = new WeakMap<DeviceContext, ArrayPool>();
/** The pool of a device. */
export function poolOf(context: DeviceContext): ArrayPool {
  const pool = pools.get(context) ?? new ArrayPool(context);
  pools.set(context, pool);
  return pool;
}

const abandoned = new FinalizationRegistry<{ readonly pool: ArrayPool; readonly array: DeviceArray }>(({ pool, array }) => pool.give(array));

/** Below this the device's copy of what came down goes to the next use: to feed it again costs next to nothing. */
const smallBytes = 4096;

/** What a run has left on a device. Tensors that stand for the same numbers share it. */
export class Resident {
  readonly #pool: ArrayPool;
  #array: DeviceArray | undefined;
  #data: TypedArray | undefined;

  constructor(array: DeviceArray, context: DeviceContext) {
    this.#array = array;
    this.#pool = poolOf(context);
    abandoned.register(this, { pool: this.#pool, array }, this);
  }

  get context(): DeviceContext {
    return this.#pool.context;
  }
  /** Its place on the device; undefined: it came down, and is fed from the host. */
  get array(): DeviceArray | undefined {
    return this.#array;
  }
  /** The numbers on the host, once they have come down. */
  get data(): TypedArray | undefined {
    return this.#data;
  }
  /** Brings the numbers down, behind all runs so far. */
  async load(): Promise<TypedArray> {
    if (this.#data) return this.#data;
    const array = this.#array!;
    const into = new dtypes[array.dtype].array(array.length);
    if (array.length > 0) await this.context.download([{ from: array, into }]);
    return this.#came(into);
  }
  /** The same, while the program waits. */
  loadNow(): TypedArray {
    if (this.#data) return this.#data;
    const into = new dtypes[this.#array!.dtype].array(this.#array!.length);
    if (into.length > 0) this.context.downloadNow(this.#array!, into);
    return this.#came(into);
  }
  #came(data: TypedArray): TypedArray {
    if (this.#data) return this.#data;
    this.#data = data;
    if (this.#array && this.#array.bytes <= smallBytes) {
      abandoned.unregister(this);
      this.#pool.give(this.#array);
      this.#array = undefined;
    }
    return data;
  }
}

/** The state of a tensor that is nothing but numbers on a device. */
export const detached = (shape: readonly number[], resident: Resident): LazyState => ({
  kind: "lazy",
  shape,
  source: undefined,
  index: 0,
  used: true,
  users: [],
  data: undefined,
  resident,
  expired: false,
});

const bytesOf = ({ buffer, byteOffset, byteLength }: TypedArray): Uint8Array => new Uint8Array(buffer, byteOffset, byteLength);
const equal = (a: TypedArray, b: TypedArray): boolean => Buffer.compare(bytesOf(a), bytesOf(b)) === 0;

/** The part of a tensor's state that a mirror stands behind. */
interface HostState {
  readonly kind: "concrete";
  readonly shape: readonly number[];
  readonly data: TypedArray;
}

/**
 * A tensor of a module, constant or buffer, that lies on a device beside its numbers on the host. Programs may write to these at any time and say nothing, so they are held against what they were when
 * the two were last alike.
 */
class Mirrored {
  readonly #context: DeviceContext;
  readonly #host: TypedArray;
  #known: TypedArray;
  #resident: Resident | undefined;
  #behind = false;

  constructor(state: HostState, context: DeviceContext) {
    this.#context = context;
    this.#host = state.data;
    this.#known = this.#host.slice() as TypedArray;
    // Whoever looks at the numbers finds those of the last run.
    Object.defineProperty(state, "data", { get: () => this.#look(), enumerable: true, configurable: true });
  }

  /** Its numbers on the device; what has to go up for that is added to `uploads`. */
  feed(shape: readonly number[], dtype: DType, uploads: Upload[]): Resident {
    if (this.#resident?.array && equal(this.#host, this.#known)) return this.#resident;
    if (equal(this.#host, this.#known)) this.#look();
    const array = poolOf(this.#context).take(dtype, shape);
    this.#known.set(this.#host as never);
    const resident = new Resident(array, this.#context);
    push(uploads, this.#known, array, () => {
      if (this.#resident === resident) this.#resident = undefined;
    });
    this.#resident = resident;
    this.#behind = false;
    return resident;
  }
  /** What the last run that read it was fed. */
  get resident(): Resident | undefined {
    return this.#resident;
  }
  /** A run has made other numbers of it. */
  replace(resident: Resident): void {
    this.#resident = resident;
    this.#known.set(this.#host as never);
    this.#behind = true;
  }
  #look(): TypedArray {
    if (this.#behind) {
      this.#behind = false;
      this.#host.set(this.#resident!.loadNow() as never);
      this.#known.set(this.#host as never);
    }
    return this.#host;
  }
}

export interface Upload {
  readonly from: TypedArray;
  readonly into: DeviceArray;
  /** It never went up: the next run sends it again. */
  readonly failed?: () => void;
}

function push(uploads: Upload[], from: TypedArray, into: DeviceArray, failed: () => void): void {
  if (from.length > 0) uploads.push({ from, into, failed });
}

/** Runs that a fed tensor stays on the device for. */
const keptRuns = 4;

/** What is fed to the programs of one device. */
export class DeviceFeeds {
  readonly #context: DeviceContext;
  readonly #mirrored = new WeakMap<Tensor, Mirrored>();
  /** Batches and other tensors that were fed of late. */
  readonly #recent = new Map<Tensor, { readonly array: DeviceArray; run: number }>();
  #run = 0;

  constructor(context: DeviceContext) {
    this.#context = context;
  }

  /** Another run begins. Its feeds are asked for with `of`. */
  begin(): void {
    this.#run++;
    const pool = poolOf(this.#context);
    for (const [tensor, { array, run }] of this.#recent) {
      if (run > this.#run - keptRuns) break;
      this.#recent.delete(tensor);
      pool.give(array);
    }
  }

  /** A tensor's place on the device. `own`: it belongs to a module, whose numbers may be written to. */
  of(tensor: Tensor, { own, uploads }: { readonly own: boolean; readonly uploads: Upload[] }): DeviceArray {
    const s = tensor.state;
    if (s.kind === "lazy" && s.resident?.array && s.resident.context === this.#context) return s.resident.array;
    if (own && s.kind === "concrete") return this.#mirror(tensor, s).feed(s.shape, tensor.dtype, uploads).array!;
    const before = this.#recent.get(tensor);
    if (before) {
      this.#recent.delete(tensor);
      this.#recent.set(tensor, { array: before.array, run: this.#run });
      return before.array;
    }
    const data = s.kind === "concrete" ? s.data : s.kind === "lazy" ? (s.data ?? s.resident?.data) : undefined;
    if (!data) throw new Error("a feed has no values");
    const array = poolOf(this.#context).take(tensor.dtype, tensor.shape);
    push(uploads, data, array, () => {
      if (this.#recent.get(tensor)?.array !== array) return;
      this.#recent.delete(tensor);
      poolOf(this.#context).give(array);
    });
    this.#recent.set(tensor, { array, run: this.#run });
    return array;
  }
  #mirror(tensor: Tensor, state: HostState): Mirrored {
    const mirrored = this.#mirrored.get(tensor) ?? new Mirrored(state, this.#context);
    this.#mirrored.set(tensor, mirrored);
    return mirrored;
  }

  /** The numbers of a buffer as they are on the device, for whoever computes again what has read them; nothing goes down or up. */
  residentOf(buffer: Tensor): Resident | undefined {
    const s = buffer.state;
    if (s.kind === "lazy") return s.resident;
    return s.kind === "concrete" ? this.#mirror(buffer, s).resident : undefined;
  }
  /** A run has made other numbers of a buffer. */
  replace(buffer: Tensor, array: DeviceArray): void {
    const resident = new Resident(array, this.#context);
    const s = buffer.state;
    if (s.kind === "concrete") this.#mirror(buffer, s).replace(resident);
    else if (s.kind === "lazy") {
      s.resident = resident;
      s.data = undefined;
    }
  }

  /** Memory of what was fed goes back. */
  clear(): void {
    for (const { array } of this.#recent.values()) this.#context.free(array);
    this.#recent.clear();
    poolOf(this.#context).clear();
  }
}
