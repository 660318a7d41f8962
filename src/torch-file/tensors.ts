// The tensors in a value by name, and their elements in row-major order, whatever their strides are.
import { bfloat16ToNumber, float16ToNumber } from "../graph/half.js";
import type { StorageReader } from "./archive.js";
import type { Fault } from "./error.js";
import type { FileSource } from "./source.js";
import { Dict, kindOf, List, TensorNote, type TorchArray, type TorchDType, torchDtypes, Tuple, type Value } from "./values.js";

/** Containers within each other, and names in all: a file of a few bytes can hold one list many times in itself. */
const maxDepth = 32;
const maxVisited = 1_000_000;
/** Bytes of stored elements that lie in memory at once while they are converted. */
const chunkBytes = 4 << 20;

/** A tensor of a file; nothing of it is in memory before it is read. */
export interface TorchTensor {
  readonly dtype: TorchDType;
  readonly shape: readonly number[];
  /** Its elements, row by row, whatever its strides in the file; float16 and bfloat16 as bits. Into memory of exactly its type and length, or new memory. */
  read(into?: TorchArray): Promise<TorchArray>;
  /** Floating-point elements as float32. */
  readFloat32(into?: Float32Array): Promise<Float32Array>;
}

/** The tensors in dicts and lists within each other, by path: `state_dict.encoder.weight`, `layers.0`. */
export function tensorsIn(value: Value, fault: Fault): Map<string, TensorNote> {
  const found = new Map<string, TensorNote>();
  let visited = 0;
  const visit = (item: Value, path: string, depth: number): void => {
    if (++visited > maxVisited || depth > maxDepth)
      throw fault(
        "ERR_TORCH_FILE_LIMIT",
        depth > maxDepth ? `containers more than ${maxDepth} deep` : `more than ${maxVisited.toLocaleString("en-US")} values`,
      );
    const inner = path === "" ? "" : `${path}.`;
    if (item instanceof TensorNote) {
      if (found.has(path)) throw fault("ERR_TORCH_FILE_FORMAT", `two tensors are called ${JSON.stringify(path)}`);
      found.set(path, item);
    } else if (item instanceof List || item instanceof Tuple) {
      for (const [i, part] of item.items.entries()) visit(part, `${inner}${i}`, depth + 1);
    } else if (item instanceof Dict) {
      for (const [key, part] of item.entries) {
        const named = typeof key === "string" || typeof key === "number" || typeof key === "bigint" || typeof key === "boolean";
        if (!named) throw fault("ERR_TORCH_FILE_FORMAT", `${kindOf(key)} is the key of a dict`);
        visit(part, `${inner}${key}`, depth + 1);
      }
    }
  };
  visit(value, "", 0);
  return found;
}

/** Whether the elements lie one behind the other, row by row. */
function isContiguous({ shape, strides }: TensorNote): boolean {
  let expected = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    if (shape[i] !== 1 && strides[i] !== expected) return false;
    expected *= shape[i]!;
  }
  return true;
}
/** Elements between the first and the last one that a tensor uses. */
const spanOf = ({ shape, strides }: TensorNote): number => shape.reduce((at, n, i) => at + (n - 1) * strides[i]!, 1);

/** Copies strided elements in row-major order. */
function gather(from: TorchArray, into: TorchArray, { shape, strides }: TensorNote): void {
  const rank = shape.length;
  const index = new Array<number>(rank).fill(0);
  const inner = rank - 1;
  const [count, step] = [shape[inner]!, strides[inner]!];
  for (let out = 0, at = 0; out < into.length; ) {
    for (let i = 0; i < count; i++) into[out++] = from[at + i * step]! as never;
    for (let d = inner - 1; d >= 0; d--) {
      at += strides[d]!;
      if (++index[d]! < shape[d]!) break;
      at -= strides[d]! * shape[d]!;
      index[d] = 0;
    }
  }
}

const halves: { readonly [D in TorchDType]?: (bits: number) => number } = { float16: float16ToNumber, bfloat16: bfloat16ToNumber };
const floats: ReadonlySet<TorchDType> = new Set<TorchDType>(["float32", "float64", "float16", "bfloat16"]);

export class StoredTensor implements TorchTensor {
  readonly dtype: TorchDType;
  readonly shape: readonly number[];
  readonly #name: string;
  readonly #note: TensorNote;
  readonly #length: number;
  readonly #source: FileSource;
  readonly #readStorage: StorageReader;

  constructor(name: string, note: TensorNote, source: FileSource, readStorage: StorageReader) {
    this.dtype = note.storage.dtype;
    this.shape = Object.freeze([...note.shape]);
    this.#name = name;
    this.#note = note;
    this.#length = note.shape.reduce((a, b) => a * b, 1);
    this.#source = source;
    this.#readStorage = readStorage;
  }

  #needLength(into: { readonly length: number }): void {
    if (into.length !== this.#length)
      throw this.#source.fault("ERR_TORCH_FILE_TENSOR", `tensor ${this.#name} has ${this.#length} elements, the memory to read it into ${into.length}`);
  }
  /** Elements of the storage from one on, counted from the tensor's first. */
  #fill(into: TorchArray, from: number): Promise<void> {
    const { storage, offset } = this.#note;
    const width = torchDtypes[this.dtype].bytes;
    const bytes = new Uint8Array(into.buffer, into.byteOffset, into.byteLength);
    return this.#source.open((open) => this.#readStorage(open, storage.key, bytes, (storage.begin + offset + from) * width));
  }

  async read(into?: TorchArray): Promise<TorchArray> {
    const { array } = torchDtypes[this.dtype];
    const out: TorchArray = into ?? new array(this.#length);
    if (!(out instanceof array))
      throw this.#source.fault(
        "ERR_TORCH_FILE_DTYPE",
        `tensor ${this.#name} is ${this.dtype}: it takes a ${array.name}, not a ${(out as object).constructor.name}`,
      );
    this.#needLength(out);
    if (this.#length === 0) return out;
    if (isContiguous(this.#note)) await this.#fill(out, 0);
    else {
      const span = new array(spanOf(this.#note));
      await this.#fill(span, 0);
      gather(span, out, this.#note);
    }
    return out;
  }

  async readFloat32(into?: Float32Array): Promise<Float32Array> {
    const out = into ?? new Float32Array(this.#length);
    this.#needLength(out);
    if (!floats.has(this.dtype)) throw this.#source.fault("ERR_TORCH_FILE_DTYPE", `tensor ${this.#name} is ${this.dtype}, floating point is needed`);
    if (this.dtype === "float32") return (await this.read(out as Float32Array<ArrayBuffer>)) as Float32Array;
    const decode = halves[this.dtype] ?? ((x: number) => x);
    const convert = (from: TorchArray, at: number) => {
      for (let i = 0; i < from.length; i++) out[at + i] = decode(from[i] as number);
    };
    if (!isContiguous(this.#note)) convert(await this.read(), 0);
    else {
      const { array, bytes } = torchDtypes[this.dtype];
      const step = chunkBytes / bytes;
      for (let at = 0; at < this.#length; at += step) {
        const chunk = new array(Math.min(step, this.#length - at));
        await this.#fill(chunk, at);
        convert(chunk, at);
      }
    }
    return out;
  }
}
