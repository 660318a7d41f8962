// Values of a program as JSON, with the arrays of numbers in them set apart: what a custom object's state is saved as.
import type { TensorData, TypedArray } from "../graph/dtype.js";
import { dtypes } from "../graph/dtype.js";
import { CheckpointError } from "./errors.js";

export type JsonValue = null | boolean | number | string | readonly JsonValue[] | { readonly [key: string]: JsonValue };

/** A tensor as it is kept beside the JSON, and how it is made again. */
export interface TensorForm {
  /** The tensor's numbers if the value is one of the caller's tensors. */
  encode(value: object): TensorData | undefined;
  decode(tensor: TensorData): unknown;
}

export interface EncodedValue {
  readonly json: JsonValue;
  readonly tensors: ReadonlyMap<string, TensorData>;
}

type ArrayType = new (buffer: ArrayBufferLike, offset?: number, length?: number) => ArrayBufferView & { readonly length: number };
/** Typed arrays by name. Those that files have no type for are kept as bytes. */
const arrays: Readonly<Record<string, { readonly type: ArrayType; readonly dtype: "float32" | "float64" | "int32" | "int64" | "int8" | "uint8" }>> = {
  Float32Array: { type: Float32Array, dtype: "float32" },
  Float64Array: { type: Float64Array, dtype: "float64" },
  Int32Array: { type: Int32Array, dtype: "int32" },
  BigInt64Array: { type: BigInt64Array, dtype: "int64" },
  Int8Array: { type: Int8Array, dtype: "int8" },
  Uint8Array: { type: Uint8Array, dtype: "uint8" },
  Uint8ClampedArray: { type: Uint8ClampedArray, dtype: "uint8" },
  Int16Array: { type: Int16Array, dtype: "uint8" },
  Uint16Array: { type: Uint16Array, dtype: "uint8" },
  Uint32Array: { type: Uint32Array, dtype: "uint8" },
  BigUint64Array: { type: BigUint64Array, dtype: "uint8" },
};
/** Numbers that JSON does not know. */
const oddNumbers: Readonly<Record<string, number>> = { NaN: Number.NaN, Infinity: Number.POSITIVE_INFINITY, "-Infinity": Number.NEGATIVE_INFINITY, "-0": -0 };
const maxDepth = 100;

/** What stands for a value that is no JSON: an object with one key. An object of the program's that has such a key is wrapped itself. */
const marks = ["$array", "$tensor", "$number", "$bigint", "$object"] as const;
const isMarked = (value: object): boolean => marks.some((mark) => Object.hasOwn(value, mark));

/** @throws CheckpointError ERR_CHECKPOINT_OBJECT for a value that cannot be saved, with its path in `what`. */
export function encodeValue(value: unknown, what: string, tensorForm?: TensorForm): EncodedValue {
  const tensors = new Map<string, TensorData>();
  const keep = (path: string, tensor: TensorData): string => {
    let name = path || "value";
    // { "a.b": x } beside { a: { b: y } }
    while (tensors.has(name)) name += "'";
    tensors.set(name, tensor);
    return name;
  };
  const refuse = (path: string, found: string): never => {
    throw new CheckpointError("ERR_CHECKPOINT_OBJECT", `${what}: ${path || "the state"} is ${found}`, {
      hint: "a state is made of plain objects, arrays, strings, numbers, booleans, null, typed arrays and tensors",
    });
  };
  const encodeNumber = (x: number): JsonValue => (Number.isFinite(x) && !Object.is(x, -0) ? x : { $number: Object.is(x, -0) ? "-0" : String(x) });
  const walk = (x: unknown, path: string, depth: number): JsonValue => {
    if (depth > maxDepth) return refuse(path, `nested deeper than ${maxDepth}; perhaps it holds itself`);
    if (x === null || typeof x === "string" || typeof x === "boolean") return x;
    if (typeof x === "number") return encodeNumber(x);
    if (typeof x === "bigint") return { $bigint: String(x) };
    if (typeof x !== "object") return refuse(path, x === undefined ? "undefined" : `a ${typeof x}`);
    const at = (key: string | number): string => (path ? `${path}.${key}` : String(key));
    if (Array.isArray(x)) return x.map((v, i) => walk(v, at(i), depth + 1));
    const tensor = tensorForm?.encode(x);
    if (tensor) return { $tensor: keep(path, tensor), dtype: tensor.dtype };
    if (ArrayBuffer.isView(x)) {
      const name = x.constructor.name;
      const known = Object.hasOwn(arrays, name) ? arrays[name]! : undefined;
      if (!known) return refuse(path, `a ${name}`);
      // Bytes that belong to nobody else, aligned for any type.
      const bytes = new Uint8Array(x.buffer, x.byteOffset, x.byteLength).slice();
      const data = new dtypes[known.dtype].array(bytes.buffer) as TypedArray;
      return { $array: keep(path, { dtype: known.dtype, shape: [data.length], data }), type: name };
    }
    const prototype: unknown = Object.getPrototypeOf(x);
    if (prototype !== Object.prototype && prototype !== null) return refuse(path, `a ${x.constructor?.name ?? "class instance"}`);
    const plain = Object.fromEntries(Object.entries(x).flatMap(([key, v]) => (v === undefined ? [] : [[key, walk(v, at(key), depth + 1)]]))) as JsonValue;
    return isMarked(x) ? { $object: plain } : plain;
  };
  return { json: walk(value, "", 0), tensors };
}

/** The value that `encodeValue` took apart. @throws CheckpointError ERR_CHECKPOINT_DAMAGED when it does not fit together. */
export function decodeValue({ json, tensors }: EncodedValue, what: string, tensorForm?: TensorForm): unknown {
  const damaged = (found: string): never => {
    throw new CheckpointError("ERR_CHECKPOINT_DAMAGED", `${what} ${found}`);
  };
  const tensorOf = (name: unknown): TensorData => tensors.get(name as string) ?? damaged(`lacks the array ${JSON.stringify(name)}`);
  const decoders: { readonly [M in (typeof marks)[number]]: (x: Readonly<Record<string, JsonValue>>) => unknown } = {
    $array: ({ $array, type }) => {
      const known = Object.hasOwn(arrays, type as string) ? arrays[type as string]! : damaged(`has an array of type ${JSON.stringify(type)}`);
      const { data } = tensorOf($array);
      const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength).slice();
      return new known.type(bytes.buffer);
    },
    $tensor: ({ $tensor }) => {
      const tensor = tensorOf($tensor);
      return tensorForm ? tensorForm.decode(tensor) : tensor;
    },
    $number: ({ $number }) => oddNumbers[$number as string] ?? damaged(`has the number ${JSON.stringify($number)}`),
    $bigint: ({ $bigint }) => BigInt($bigint as string),
    $object: ({ $object }) => plain($object as Readonly<Record<string, JsonValue>>),
  };
  const plain = (x: Readonly<Record<string, JsonValue>>): unknown => Object.fromEntries(Object.entries(x).map(([key, v]) => [key, walk(v)]));
  const walk = (x: JsonValue): unknown => {
    if (Array.isArray(x)) return x.map(walk);
    if (typeof x !== "object" || x === null) return x;
    const mark = marks.find((m) => Object.hasOwn(x, m));
    return mark ? decoders[mark](x as Readonly<Record<string, JsonValue>>) : plain(x as Readonly<Record<string, JsonValue>>);
  };
  return walk(json);
}
