// Tensors in any nesting of arrays and plain objects.
import { ArgumentError } from "../../errors.js";
import { Tensor } from "../../tensor/index.js";
import type { DType } from "../../tensor/index.js";

/** Tensors in any nesting of arrays and plain objects. */
export type Tensors = Tensor | readonly Tensors[] | { readonly [key: string]: Tensors };
/** The same structure, gathered: a scalar of each worker becomes a vector. */
export type Gathered<T> =
  T extends Tensor<infer R, infer D>
    ? number extends R
      ? Tensor<number, D>
      : R extends 0
        ? Tensor<1, D>
        : Tensor<R, D>
    : { -readonly [K in keyof T]: Gathered<T[K]> };
/** The same structure. */
export type Same<T> = T extends Tensor<number, DType> ? T : { -readonly [K in keyof T]: Same<T[K]> };

const isPlain = (value: object): boolean => {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
};

/** All tensors with their paths, in order. @throws ArgumentError for what is neither a tensor nor holds tensors, naming its path. */
export function tensorsIn(value: unknown, what: string, path = ""): (readonly [path: string, tensor: Tensor])[] {
  if (value instanceof Tensor) return [[path, value]];
  if (Array.isArray(value)) return value.flatMap((v, i) => tensorsIn(v, what, `${path}[${i}]`));
  if (typeof value === "object" && value !== null && isPlain(value)) {
    return Object.entries(value).flatMap(([key, v]) => tensorsIn(v, what, path ? `${path}.${key}` : key));
  }
  throw new ArgumentError(
    `${what}: ${path || "the value"} is ${value === null ? "null" : typeof value === "object" ? value.constructor?.name : typeof value}, not a tensor`,
    {
      hint: "give tensors, or arrays and plain objects of them; other values travel by themselves, in a list",
    },
  );
}

/** The structure with its tensors replaced, in the order of `tensorsIn`. */
export function replaceTensors(value: unknown, next: Iterator<Tensor>): unknown {
  if (value instanceof Tensor) return next.next().value;
  if (Array.isArray(value)) return value.map((v) => replaceTensors(v, next));
  return Object.fromEntries(Object.entries(value as object).map(([key, v]) => [key, replaceTensors(v, next)]));
}
