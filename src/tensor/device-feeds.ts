// What is fed to the programs of a device: batches go up once, single numbers once for each value, and what lies there is fed without a trip.
import type { DType, TypedArray } from "../graph/dtype.js";
import type { DeviceArray, DeviceContext } from "../runtime/device-context.js";
import { poolOf } from "./array-pool.js";
import { type HostState, Mirrored } from "./mirrored.js";
import { Resident } from "./resident.js";
import type { Tensor } from "./tensor.js";
import { pushUpload, type Upload } from "./uploads.js";

/** Runs that a fed tensor stays on the device for. */
const keptRuns = 4;

/** Single numbers, and vectors of sizes, that are kept. */
const keptNumbers = 1024;

const textOf = ({ buffer, byteOffset, byteLength }: TypedArray): string => Buffer.from(buffer, byteOffset, byteLength).toString("latin1");

/** What is fed to the programs of one device. */
export class DeviceFeeds {
  readonly #context: DeviceContext;
  readonly #mirrored = new WeakMap<Tensor, Mirrored>();
  /** Batches and other tensors that were fed of late. */
  readonly #recent = new Map<Tensor, { readonly array: DeviceArray; run: number }>();
  /** By dtype, shape and bytes: loss scales, factors, sizes. */
  readonly #numbers = new Map<string, DeviceArray>();
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
    for (const [key, array] of this.#numbers) {
      if (this.#numbers.size <= keptNumbers) break;
      this.#numbers.delete(key);
      pool.give(array);
    }
  }

  /** The place of a few numbers that are often the same: each value goes up once. */
  number(data: TypedArray, { dtype, shape, uploads }: { readonly dtype: DType; readonly shape: readonly number[]; readonly uploads: Upload[] }): DeviceArray {
    const key = `${dtype}${shape.join()} ${textOf(data)}`;
    const known = this.#numbers.get(key);
    if (known) {
      this.#numbers.delete(key);
      this.#numbers.set(key, known);
      return known;
    }
    const array = poolOf(this.#context).take(dtype, shape);
    this.#numbers.set(key, array);
    pushUpload(uploads, data.slice() as TypedArray, array, () => {
      if (this.#numbers.get(key) !== array) return;
      this.#numbers.delete(key);
      poolOf(this.#context).give(array);
    });
    return array;
  }

  /** A tensor's place on the device. `own`: it belongs to a module, whose numbers may be written to. */
  of(tensor: Tensor, { own, uploads }: { readonly own: boolean; readonly uploads: Upload[] }): DeviceArray {
    const s = tensor.state;
    if (s.kind === "lazy" && s.resident?.array && s.resident.context === this.#context) return s.resident.array;
    if (s.kind === "concrete" && s.place) return s.place();
    if (own && s.kind === "concrete") return this.#mirror(tensor, s).feed(s.shape, tensor.dtype, uploads).array!;
    if (s.kind === "concrete" && s.data.length === 1) return this.number(s.data, { dtype: tensor.dtype, shape: s.shape, uploads });
    const before = this.#recent.get(tensor);
    if (before) {
      this.#recent.delete(tensor);
      this.#recent.set(tensor, { array: before.array, run: this.#run });
      return before.array;
    }
    const data = s.kind === "concrete" ? s.data : s.kind === "lazy" ? (s.data ?? s.resident?.data) : undefined;
    if (!data) throw new Error("a feed has no values");
    const array = poolOf(this.#context).take(tensor.dtype, tensor.shape);
    pushUpload(uploads, data, array, () => {
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
  /** A run has made other numbers of a buffer. Returns what it was before, where nobody but the recording has that. */
  replace(buffer: Tensor, array: DeviceArray): Resident | undefined {
    const before = buffer.state.kind === "concrete" ? this.#mirror(buffer, buffer.state).resident : undefined;
    const resident = new Resident(array, this.#context);
    const s = buffer.state;
    if (s.kind === "concrete") this.#mirror(buffer, s).replace(resident);
    else if (s.kind === "lazy") {
      s.resident = resident;
      s.data = undefined;
    }
    return before;
  }

  /** Memory of what was fed goes back. */
  clear(): void {
    const pool = poolOf(this.#context);
    for (const { array } of this.#recent.values()) pool.give(array);
    this.#recent.clear();
    for (const array of this.#numbers.values()) pool.give(array);
    this.#numbers.clear();
    pool.clear();
  }
}
