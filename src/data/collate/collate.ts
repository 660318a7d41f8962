// The default collator: rows of one structure become tensors with a batch dimension in front; texts stay a list.
import { ArgumentError } from "../../errors.js";
import { type DType, dtypes, type TypedArray } from "../../graph/dtype.js";
import type { Inc } from "../../tensor/index.js";
import { fromData, Tensor } from "../../tensor/index.js";
import { writeInt64 } from "../columns/int64.js";
import type { Batch } from "../types.js";
import { type CollateContext, type FloatPaths, noContext } from "./context.js";

/** What the default collator makes of a row: numbers become [B], lists gain a batch dimension, strings stay a list. */
export type Collated<V> = V extends number | bigint | boolean
  ? Tensor<1>
  : V extends Tensor<infer N>
    ? Tensor<Inc<N>>
    : V extends string
      ? string[]
      : V extends readonly number[]
        ? Tensor<2>
        : V extends readonly number[][]
          ? Tensor<3>
          : V extends readonly [unknown, ...unknown[]]
            ? { -readonly [K in keyof V]: Collated<V[K]> }
            : V extends object
              ? string extends keyof V
                ? Batch
                : { -readonly [K in keyof V]: Collated<V[K]> }
              : never;

type Nested = number | bigint | boolean | readonly Nested[];
const isNumber = (value: unknown): value is number | bigint | boolean => typeof value === "number" || typeof value === "bigint" || typeof value === "boolean";
const isList = (value: unknown): value is readonly unknown[] => Array.isArray(value) || (ArrayBuffer.isView(value) && !(value instanceof DataView));
/** Lists of numbers of one depth are tensors; a list of other things is a tuple. */
const isNested = (value: unknown): value is Nested =>
  isNumber(value) ||
  (isList(value) &&
    (value.length === 0 ||
      Array.prototype.every.call(value, isNumber) ||
      (Array.prototype.every.call(value, isList) && Array.prototype.every.call(value, isNested))));

const fault = (path: string, message: string, hint: string): ArgumentError =>
  new ArgumentError(`collate: ${path || "the rows"}: ${message}`, { code: "ERR_COLLATE", hint });

function shapeOf(value: unknown): number[] {
  const shape: number[] = [];
  for (let v = value; isList(v); v = v[0]) shape.push(v.length);
  return shape;
}

function flatten(value: unknown, shape: readonly number[], depth: number, out: number[], where: () => ArgumentError): void {
  if (depth === shape.length) {
    if (!isNumber(value)) throw where();
    out.push(Number(value));
    return;
  }
  if (!isList(value) || value.length !== shape[depth]) throw where();
  for (let i = 0; i < value.length; i++) flatten(value[i], shape, depth + 1, out, where);
}

function misfit(path: string, row: number, value: unknown, shape: readonly number[]): ArgumentError {
  if (!isNested(value)) {
    const what = value === null ? "null" : isList(value) ? "a list of other things than numbers" : typeof value === "string" ? "a string" : typeof value;
    return fault(
      path,
      `row ${row} is ${what}, row 0 ${shape.length > 0 ? "a list of numbers" : "a number"}`,
      "fill, filter or remove such rows, or give a collateFn",
    );
  }
  const found = `[${shapeOf(value)}]`;
  return found === `[${shape}]`
    ? fault(path, `the lists within row ${row} differ in length`, "pad them to one length, or give a collateFn")
    : fault(
        path,
        `row ${row} has shape ${found}, row 0 [${shape}]`,
        "rows of different lengths need padding: collateFn: new DataCollatorWithPadding(tokenizer)",
      );
}

/** Whole numbers make int64, as labels and ids need; any fraction, or a path known to hold them, float32. */
function numbers(values: readonly unknown[], path: string, floats: FloatPaths): Tensor {
  const shape = shapeOf(values[0]);
  const flat: number[] = [];
  values.forEach((value, row) => {
    flatten(value, shape, 0, flat, () => misfit(path, row, value, shape));
  });
  if (!flat.every(Number.isInteger)) floats.add(path);
  if (floats.has(path)) return fromData(Float32Array.from(flat), [values.length, ...shape], "float32");
  const data = new BigInt64Array(flat.length);
  writeInt64(data, 0, flat);
  return fromData(data, [values.length, ...shape], "int64");
}

async function tensors(values: readonly Tensor[], path: string): Promise<Tensor> {
  const [first] = values as readonly [Tensor];
  const other = values.findIndex((t: unknown) => !(t instanceof Tensor));
  if (other >= 0) throw fault(path, `row ${other} is no tensor, row 0 is one`, "give every row the same keys and types");
  const odd = values.findIndex((t) => t.dtype !== first.dtype || String(t.shape) !== String(first.shape));
  if (odd >= 0)
    throw fault(path, `row ${odd} is ${values[odd]!.dtype} [${values[odd]!.shape}], row 0 ${first.dtype} [${first.shape}]`, "pad the tensors to one shape");
  const parts = await Promise.all(values.map((t) => t.data()));
  const size = parts[0]!.length;
  const out: TypedArray = new dtypes[first.dtype as DType].array(size * parts.length);
  parts.forEach((part, i) => {
    out.set(part as never, i * size);
  });
  return fromData(out as never, [values.length, ...first.shape], first.dtype as never);
}

/**
 * Stacks rows: numbers become a tensor [B] (whole numbers int64, others float32), lists of numbers [B, ...], tensors gain a first dimension, strings stay a list;
 * objects and tuples are collated key by key.
 *
 * @throws ArgumentError ERR_COLLATE that names the key when rows differ in shape or kind.
 * @example
 * await defaultCollate([{ x: [1, 2], y: 1, name: "a" }]); // { x: int64 [1, 2], y: int64 [1], name: ["a"] }
 */
export async function defaultCollate<R>(rows: readonly R[], context: Pick<CollateContext, "floats"> = noContext()): Promise<Collated<R>> {
  return (await collate(rows, "", context.floats)) as Collated<R>;
}

async function collate(values: readonly unknown[], path: string, floats: FloatPaths): Promise<unknown> {
  const [first] = values;
  if (typeof first === "string") {
    const odd = values.findIndex((value) => typeof value !== "string");
    if (odd >= 0) throw fault(path, `row ${odd} is ${typeof values[odd]}, row 0 a string`, "give every row the same keys and types");
    return [...values];
  }
  // Module and tensor objects are functions or classes of their own: tell them before plain objects.
  if (first instanceof Tensor) return tensors(values as readonly Tensor[], path);
  if (isNested(first)) return numbers(values, path, floats);
  const inner = path ? `${path}.` : "";
  if (isList(first))
    return Promise.all(
      first.map((_, i) =>
        collate(
          values.map((value) => part(value, i, path)),
          `${inner}${i}`,
          floats,
        ),
      ),
    );
  if (typeof first !== "object" || first === null)
    throw fault(path, `${first === null ? "null" : typeof first} cannot be put into a batch`, "fill or remove the column, or give a collateFn");
  const entries = await Promise.all(
    Object.keys(first).map(
      async (key) =>
        [
          key,
          await collate(
            values.map((value) => part(value, key, path)),
            inner + key,
            floats,
          ),
        ] as const,
    ),
  );
  return Object.fromEntries(entries);
}

function part(value: unknown, key: string | number, path: string): unknown {
  if (typeof value === "object" && value !== null && key in value) return (value as Record<string | number, unknown>)[key];
  throw fault(path, `a row has no ${JSON.stringify(key)}`, "give every row the same keys");
}
