// Values that hold tensors, taken apart for the way to another thread or worker, and put together again there.
import type { TypedArray } from "../../graph/dtype.js";
import { type DType, Tensor } from "../../tensor/index.js";

export interface TensorPart {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly data: TypedArray;
}
/** In `value` an object with the placeholder's key stands for a tensor: its number in the list. */
export interface Parts {
  readonly value: unknown;
  readonly tensors: readonly TensorPart[];
}
const placeholder = "\u0000tensor";

const isPlain = (value: object): boolean => {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
};
/** Kinds of objects that arrive as what they were. */
const cloned = [Date, RegExp, ArrayBuffer, Error, Boolean, Number, String] as const;

/** Where in a value something lies; made into text only for an error. */
interface Place {
  readonly within: Place | undefined;
  readonly key: string | number;
}
function placeText(place: Place | undefined): string {
  if (!place) return "";
  const before = placeText(place.within);
  if (typeof place.key === "number") return `${before}[${place.key}]`;
  return before ? `${before}.${place.key}` : place.key;
}

/** `cannot` makes the error for what cannot travel, and where it lies. */
export async function takeApart(value: unknown, cannot: (what: string, place: string) => Error): Promise<Parts> {
  const tensors: Tensor[] = [];
  const within = new Set<object>();
  const walk = (part: unknown, place: Place | undefined): unknown => {
    if (typeof part === "function" || typeof part === "symbol") throw cannot(typeof part, placeText(place));
    if (typeof part !== "object" || part === null) return part;
    if (part instanceof Tensor) return { [placeholder]: tensors.push(part) - 1 };
    if (part instanceof Map || part instanceof Set) {
      const before = tensors.length;
      for (const inner of part instanceof Map ? [...part].flat() : part) walk(inner, place);
      if (tensors.length > before) throw cannot(`a tensor in a ${part.constructor.name}`, placeText(place));
      return part;
    }
    if (ArrayBuffer.isView(part) || cloned.some((kind) => part instanceof kind)) return part;
    const list = Array.isArray(part);
    if (!list && !isPlain(part)) throw cannot(`a ${part.constructor?.name}`, placeText(place));
    if (within.has(part)) throw cannot("a structure that holds itself", placeText(place));
    within.add(part);
    const copy = list
      ? part.map((inner: unknown, i) => (typeof inner === "number" || typeof inner === "string" ? inner : walk(inner, { within: place, key: i })))
      : Object.fromEntries(Object.entries(part).map(([key, inner]) => [key, walk(inner, { within: place, key })]));
    within.delete(part);
    return copy;
  };
  const walked = walk(value, undefined);
  return { value: walked, tensors: await Promise.all(tensors.map(async (x) => ({ dtype: x.dtype, shape: x.shape, data: await x.data() }))) };
}

/** Tensors lie over the memory of the parts. */
export function putTogether({ value, tensors }: Parts): unknown {
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
