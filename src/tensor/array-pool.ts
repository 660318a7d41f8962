// Memory of a device that is used again: a loop of steps asks for the same again and again.
import { type DType, dtypes, sizeOf } from "../graph/dtype.js";
import type { DeviceArray, DeviceContext } from "../runtime/device-context.js";

/** Arrays that wait for another use take at most this much. */
const maxWaitingBytes = 256 << 20;
/** Where memory is flat, arrays of up to this many bytes are pieces of slabs: results that wait for JavaScript's collector to find them cost no allocation each. */
const largestPiece = 4096;
const slabBytes = 1 << 20;
/** Pieces begin where kernels may read whole vectors. */
const smallestPiece = 256;

/** A place in a slab. */
interface Piece {
  readonly slab: DeviceArray;
  /** In bytes. */
  readonly offset: number;
  readonly bytes: number;
}

/** Small arrays of one dtype out of big ones. */
class Slabs {
  readonly #context: DeviceContext;
  readonly #dtype: DType;
  readonly #free = new Map<number, Piece[]>();
  #open: DeviceArray | undefined;
  #used = 0;
  /** Bytes of all slabs. */
  held = 0;

  constructor(context: DeviceContext, dtype: DType) {
    this.#context = context;
    this.#dtype = dtype;
  }

  take(bytes: number, shape: readonly number[]): { readonly array: DeviceArray; readonly piece: Piece } {
    const piece = this.#piece(Math.max(smallestPiece, 2 ** Math.ceil(Math.log2(bytes))));
    return { piece, array: this.#context.view(piece.slab, piece.offset / dtypes[this.#dtype].bytes, shape) };
  }
  give(piece: Piece): void {
    const list = this.#free.get(piece.bytes) ?? [];
    this.#free.set(piece.bytes, list);
    list.push(piece);
  }
  #piece(bytes: number): Piece {
    const known = this.#free.get(bytes)?.pop();
    if (known) return known;
    if (!this.#open || this.#used + bytes > slabBytes) {
      this.#open = this.#context.allocate(this.#dtype, [slabBytes / dtypes[this.#dtype].bytes]);
      this.held += slabBytes;
      this.#used = 0;
    }
    const offset = this.#used;
    this.#used += bytes;
    return { slab: this.#open, offset, bytes };
  }
}

/** Memory of a device by dtype and shape. */
export class ArrayPool {
  readonly context: DeviceContext;
  /** By what they are asked for with; those that have waited longest come first. */
  readonly #waiting = new Map<string, DeviceArray[]>();
  readonly #slabs = new Map<DType, Slabs>();
  readonly #pieces = new WeakMap<DeviceArray, Piece>();
  #bytes = 0;

  constructor(context: DeviceContext) {
    this.context = context;
  }

  /** Bytes of the slabs that small arrays are pieces of. */
  get slabs(): number {
    return [...this.#slabs.values()].reduce((sum, { held }) => sum + held, 0);
  }

  take(dtype: DType, shape: readonly number[]): DeviceArray {
    const key = `${dtype}${shape.join()}`;
    const found = this.#waiting.get(key);
    const array = found?.pop();
    if (!array) return this.#make(dtype, shape);
    if (found!.length === 0) this.#waiting.delete(key);
    this.#bytes -= array.bytes;
    return array;
  }
  #make(dtype: DType, shape: readonly number[]): DeviceArray {
    const bytes = sizeOf(shape) * dtypes[dtype].bytes;
    if (!this.context.device.flatMemory || bytes > largestPiece || bytes === 0) return this.context.allocate(dtype, shape);
    const slabs = this.#slabs.get(dtype) ?? new Slabs(this.context, dtype);
    this.#slabs.set(dtype, slabs);
    const { array, piece } = slabs.take(bytes, shape);
    this.#pieces.set(array, piece);
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
    const piece = this.#pieces.get(array);
    if (piece) this.#slabs.get(array.dtype)!.give(piece);
    else this.context.free(array);
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
