// The arguments of a call: tensors are taken out of whatever holds them, and what is left is the structure of the call.
import { Tensor } from "./tensor.js";

/** Objects, functions and symbols without tensors are told apart by identity. */
const identities = new WeakMap<WeakKey, number>();
let nextIdentity = 1;
function identity(value: WeakKey): number {
  const known = identities.get(value);
  if (known !== undefined) return known;
  identities.set(value, nextIdentity);
  return nextIdentity++;
}

/** Puts a tensor in the place of one that was taken out. `name` is made of the keys that lead to it. */
export type Replace = (x: Tensor, name: string) => Tensor;
interface Part {
  /** The same for all values that one trace can serve, sizes of tensors aside. */
  readonly key: string;
  rebuild(replace: Replace): unknown;
}

const isPlain = (value: object): boolean => {
  const proto: unknown = Object.getPrototypeOf(value);
  return proto === null || proto === Object.prototype;
};
const byIdentity = (value: WeakKey): Part => ({ key: `@${identity(value)}`, rebuild: () => value });

function primitiveKey(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value === "bigint") return `${value}n`;
  return Object.is(value, -0) ? "-0" : String(value);
}

class Flattener {
  readonly tensors: Tensor[] = [];
  /** What is being looked into: an object that holds itself is told apart by identity. */
  readonly #open = new Set<object>();

  part(value: unknown, name: string): Part {
    if (value instanceof Tensor) {
      this.tensors.push(value);
      return { key: `${value.dtype}${value.rank}`, rebuild: (replace) => replace(value, name) };
    }
    if (typeof value === "symbol")
      return Symbol.keyFor(value) === undefined ? byIdentity(value) : { key: `@${JSON.stringify(Symbol.keyFor(value))}`, rebuild: () => value };
    if (typeof value === "function") return byIdentity(value);
    if (typeof value !== "object" || value === null) return { key: primitiveKey(value), rebuild: () => value };
    if (ArrayBuffer.isView(value) || this.#open.has(value)) return byIdentity(value);
    this.#open.add(value);
    try {
      return this.#container(value, name);
    } finally {
      this.#open.delete(value);
    }
  }

  #container(value: object, name: string): Part {
    if (Array.isArray(value)) {
      const items = value.map((v, i) => this.part(v, `${name}_${i}`));
      return { key: `[${items.map((i) => i.key).join()}]`, rebuild: (replace) => items.map((i) => i.rebuild(replace)) };
    }
    const before = this.tensors.length;
    const pairs: Iterable<readonly [unknown, unknown]> = value instanceof Map || value instanceof Set ? value.entries() : Object.entries(value);
    const parts = Array.from(pairs, ([k, v]) => [k, this.part(v, name === "x" ? String(k) : `${name}_${String(k)}`)] as const);
    // Instances that hold no tensor are settings: theirs to interpret.
    if (!isPlain(value) && this.tensors.length === before) return byIdentity(value);
    const kind = isPlain(value) ? "" : `@${identity(Object.getPrototypeOf(value) as object)}`;
    const key = `${kind}{${parts.map(([k, v]) => `${typeof k === "object" && k !== null ? `@${identity(k)}` : primitiveKey(k)}:${v.key}`).join()}}`;
    return {
      key,
      rebuild: (replace) =>
        rebuilt(
          value,
          parts.map(([k, v]) => [k, v.rebuild(replace)] as const),
        ),
    };
  }
}

/** An object of the same class with other values. */
function rebuilt(value: object, entries: readonly (readonly [unknown, unknown])[]): object {
  if (value instanceof Map) return new Map(entries);
  if (value instanceof Set) return new Set(entries.map(([, v]) => v));
  const copy = Object.create(Object.getPrototypeOf(value) as object | null) as object;
  for (const [key, v] of entries) Object.defineProperty(copy, key as string, { value: v, enumerable: true, writable: true, configurable: true });
  return copy;
}

export interface FlatArguments {
  readonly key: string;
  readonly tensors: readonly Tensor[];
  /** The same arguments with other tensors in place. */
  rebuild(replace: Replace): unknown[];
}

/**
 * Takes the tensors out of arrays, objects, maps, sets and instances of classes, nested. An instance with tensors in its fields is given to
 * forward as a copy of the same class; one without any is given as it is.
 */
export function flattenArguments(args: readonly unknown[]): FlatArguments {
  const flattener = new Flattener();
  const parts = args.map((arg, i) => flattener.part(arg, args.length === 1 ? "x" : `x_${i}`));
  return { key: `(${parts.map((p) => p.key).join()})`, tensors: flattener.tensors, rebuild: (replace) => parts.map((p) => p.rebuild(replace)) };
}
