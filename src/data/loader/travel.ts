// Rows and batches as bytes, from rank 0 to the others: what structured cloning carries, and tensors.
import { deserialize, serialize } from "node:v8";
import { ArgumentError } from "../../errors.js";
import type { TypedArray } from "../../graph/dtype.js";
import { type DType, Tensor } from "../../tensor/index.js";

interface Packed {
  readonly value: unknown;
  readonly tensors: readonly { readonly dtype: DType; readonly shape: readonly number[]; readonly data: TypedArray }[];
}
/** Stands for a tensor: its number in the list. */
const placeholder = "\u0000tensor";

const isPlain = (value: object): boolean => {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
};
/** Kinds of objects that arrive as what they were. */
const cloned = [Date, RegExp, Map, Set, ArrayBuffer, Error, Boolean, Number, String] as const;

/** @throws ArgumentError ERR_DISPATCH_VALUE naming the place of what cannot travel. */
export async function pack(value: unknown): Promise<Uint8Array> {
  const tensors: Tensor[] = [];
  const within = new Set<object>();
  const walk = (part: unknown, path: string): unknown => {
    if (typeof part === "function" || typeof part === "symbol") throw cannot(typeof part, path);
    if (typeof part !== "object" || part === null) return part;
    if (part instanceof Tensor) return { [placeholder]: tensors.push(part) - 1 };
    if (ArrayBuffer.isView(part) || cloned.some((kind) => part instanceof kind)) return part;
    if (!Array.isArray(part) && !isPlain(part)) throw cannot(`a ${part.constructor?.name}`, path);
    if (within.has(part)) throw cannot("a structure that holds itself", path);
    within.add(part);
    const copy = Array.isArray(part)
      ? part.map((inner: unknown, i) => walk(inner, `${path}[${i}]`))
      : Object.fromEntries(Object.entries(part).map(([key, inner]) => [key, walk(inner, path ? `${path}.${key}` : key)]));
    within.delete(part);
    return copy;
  };
  const walked = walk(value, "");
  const known = await Promise.all(tensors.map(async (x) => ({ dtype: x.dtype, shape: x.shape, data: await x.data() })));
  const packed: Packed = { value: walked, tensors: known };
  try {
    return serialize(packed);
  } catch (cause) {
    throw new ArgumentError(`dispatchBatches: a row cannot travel to another worker (${(cause as Error).message})`, { code: "ERR_DISPATCH_VALUE", cause });
  }
}

const cannot = (what: string, path: string): ArgumentError =>
  new ArgumentError(`dispatchBatches: ${what} cannot travel to another worker${path ? ` (${path})` : ""}`, {
    code: "ERR_DISPATCH_VALUE",
    hint: "rows of numbers, texts, lists, plain objects and tensors travel; or leave dispatchBatches out, then every worker reads for itself",
  });

export function unpack(bytes: Uint8Array): unknown {
  const { value, tensors } = deserialize(bytes) as Packed;
  const walk = (part: unknown): unknown => {
    if (typeof part !== "object" || part === null) return part;
    if (Array.isArray(part)) return part.map(walk);
    if (!isPlain(part)) return part;
    if (placeholder in part) {
      const { dtype, shape, data } = tensors[part[placeholder] as number]!;
      return Tensor.make<number, DType>(dtype, { kind: "concrete", shape, data });
    }
    return Object.fromEntries(Object.entries(part).map(([key, inner]) => [key, walk(inner)]));
  };
  return walk(value);
}
