// Reads safetensors files: the header at once, tensors one by one when they are asked for.
import { dtypes, sizeOf, type TensorData, type TypedArray } from "../graph/dtype.js";
import { bfloat16ToFloat32, float16ToFloat32 } from "./half-arrays.js";
import { SafetensorsError } from "./error.js";
import { FileAccess } from "./file-access.js";
import { readFully, readTargets, type Target } from "./file-reads.js";
import { headerLength, lengthBytes, parseHeader, type SafetensorsHeader, type StoredTypeName, storedTypes, type TensorEntry } from "./header.js";

/** Bytes per read of a tensor that is converted on the way, so that the scratch memory stays small. */
const chunkBytes = 4 << 20;

type Converter = (from: Uint8Array, into: Float32Array) => void;
const widen =
  <A extends Uint16Array | Float64Array>(
    array: new (buffer: ArrayBufferLike, offset: number, length: number) => A,
    convert: (from: A, into: Float32Array) => void,
  ): Converter =>
  (from, into) =>
    convert(new array(from.buffer, from.byteOffset, into.length), into);

/** How stored floats become float32; types that are not in the table do not. */
const toFloat32: { readonly [T in StoredTypeName]?: Converter } = {
  F16: widen(Uint16Array, float16ToFloat32),
  BF16: widen(Uint16Array, bfloat16ToFloat32),
  F64: widen(Float64Array, (from, into) => into.set(from)),
};

/**
 * An open safetensors file. Tensors are read with one positioned read each, so a big file costs no memory until its parts are wanted.
 * Format: https://huggingface.co/docs/safetensors (little-endian u64 header length, JSON header, data).
 *
 * @throws SafetensorsError with code ERR_SAFETENSORS_*, the file and the byte offset, when the file breaks a rule of the format
 * @example
 * await using file = await SafetensorsFile.open("model.safetensors");
 * for (const [name, { shape }] of file.tensors) console.log(name, shape);
 * const weight = await file.readFloat32("classifier.weight"); // Float32Array, F16 and BF16 widened
 */
export class SafetensorsFile implements AsyncDisposable {
  readonly file: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly tensors: ReadonlyMap<string, TensorEntry>;
  readonly #access: FileAccess;

  private constructor(access: FileAccess, header: SafetensorsHeader) {
    this.file = access.file;
    this.metadata = header.metadata;
    this.tensors = header.tensors;
    this.#access = access;
  }

  /**
   * Opens a file and checks its whole header against the file's size.
   *
   * @param options.keepOpen false opens the file anew for each read: for programs with more files than handles; default true
   */
  static async open(file: string, options: { readonly keepOpen?: boolean } = {}): Promise<SafetensorsFile> {
    const access = await FileAccess.open(file);
    try {
      const { size } = access;
      const json = await access.use(async (handle) => {
        const prefix = new Uint8Array(Math.min(lengthBytes, size));
        await readFully(handle, prefix, 0, file, "the header length");
        const bytes = new Uint8Array(headerLength(prefix, size, file));
        await readFully(handle, bytes, lengthBytes, file, "the header");
        return bytes;
      });
      const opened = new SafetensorsFile(access, parseHeader(json, size, file));
      if (options.keepOpen === false) await access.release();
      return opened;
    } catch (error) {
      await access.release();
      throw error;
    }
  }

  /** A tensor's entry in the header. */
  entry(name: string): TensorEntry {
    const entry = this.tensors.get(name);
    if (!entry) throw new SafetensorsError("ERR_SAFETENSORS_NAME", `there is no tensor ${name} (${this.tensors.size} others)`, { file: this.file });
    return entry;
  }

  /** A tensor in its stored element type; float16 and bfloat16 come as bits. */
  async read(name: string): Promise<TensorData> {
    const { stored, shape, begin } = this.entry(name);
    const { dtype } = storedTypes[stored];
    if (dtype === undefined)
      throw new SafetensorsError("ERR_SAFETENSORS_DTYPE", `tensor ${name} is stored as ${stored}, which cannot be read here`, {
        file: this.file,
        offset: begin,
      });
    const data: TypedArray = this.#memory(name, () => new dtypes[dtype].array(sizeOf(shape)));
    await this.#read(new Uint8Array(data.buffer), begin, name);
    return { dtype, shape, data };
  }

  /**
   * A tensor of floats as float32, straight into `into` when it is given (of exactly the tensor's length).
   * F16, BF16 and F64 are converted.
   */
  async readFloat32(name: string, into?: Float32Array): Promise<Float32Array> {
    const { stored, shape, begin } = this.entry(name);
    const length = sizeOf(shape);
    const out = into ?? this.#memory(name, () => new Float32Array(length));
    if (out.length !== length)
      throw new SafetensorsError("ERR_SAFETENSORS_SIZE", `tensor ${name} has ${length} elements, the memory to read it into ${out.length}`, {
        file: this.file,
        offset: begin,
      });
    if (stored === "F32") {
      await this.#read(new Uint8Array(out.buffer, out.byteOffset, out.byteLength), begin, name);
      return out;
    }
    const convert = toFloat32[stored];
    if (!convert)
      throw new SafetensorsError("ERR_SAFETENSORS_DTYPE", `tensor ${name} is stored as ${stored}, floating point is needed`, {
        file: this.file,
        offset: begin,
      });
    const width = storedTypes[stored].bytes;
    const step = chunkBytes / width;
    const chunk = new Uint8Array(Math.min(length * width, chunkBytes));
    for (let done = 0; done < length; done += step) {
      const count = Math.min(step, length - done);
      await this.#read(chunk.subarray(0, count * width), begin + done * width, name);
      convert(chunk, out.subarray(done, done + count));
    }
    return out;
  }

  /**
   * Tensors of floats as float32, each into memory of exactly its length. Neighbours in the file are read with one call, and several calls are under way at once: nearly
   * as fast as reading the file into one piece of memory.
   */
  async readFloat32Into(wanted: Iterable<readonly [name: string, into: Float32Array]>): Promise<void> {
    const plain: Target[] = [];
    for (const [name, into] of wanted) {
      const { stored, shape, begin } = this.entry(name);
      if (stored === "F32" && into.length === sizeOf(shape)) plain.push({ name, begin, bytes: new Uint8Array(into.buffer, into.byteOffset, into.byteLength) });
      else await this.readFloat32(name, into);
    }
    if (plain.length > 0) await this.#access.use((handle) => readTargets(handle, this.file, plain));
  }

  /** A tensor's bytes as they are stored, piece by piece; a piece is good until the next one is asked for. */
  async *chunks(name: string): AsyncGenerator<Uint8Array> {
    const { begin, end } = this.entry(name);
    const chunk = new Uint8Array(Math.min(end - begin, chunkBytes));
    for (let at = begin; at < end; at += chunk.length) {
      const piece = chunk.subarray(0, Math.min(chunk.length, end - at));
      await this.#read(piece, at, name);
      yield piece;
    }
  }

  #read(into: Uint8Array, position: number, name: string): Promise<void> {
    return into.length === 0 ? Promise.resolve() : this.#access.use((handle) => readFully(handle, into, position, this.file, `tensor ${name}`));
  }
  /** Memory for a tensor; files may truly have more numbers than an array can hold. */
  #memory<A>(name: string, make: () => A): A {
    try {
      return make();
    } catch (cause) {
      throw new SafetensorsError("ERR_SAFETENSORS_SIZE", `there is no memory for tensor ${name} of shape [${this.entry(name).shape}]`, {
        file: this.file,
        cause,
      });
    }
  }

  /** Gives the file back. */
  async close(): Promise<void> {
    await this.#access.release();
  }
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/**
 * All tensors of a safetensors file, by name, in their stored element types.
 *
 * @example
 * const tensors = await loadSafetensors("model.safetensors");
 * console.log(tensors.get("classifier.weight")?.shape);
 */
export async function loadSafetensors(file: string): Promise<Map<string, TensorData>> {
  await using opened = await SafetensorsFile.open(file);
  const tensors = new Map<string, TensorData>();
  for (const name of opened.tensors.keys()) tensors.set(name, await opened.read(name));
  return tensors;
}
