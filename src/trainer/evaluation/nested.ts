// Tensors in lists and objects as a model gives them: brought out, put together batch by batch, filled up with -100.
import { ArgumentError, ShapeError } from "../../errors.js";
import { type DType, dtypes, sizeOf, type TypedArray } from "../../graph/dtype.js";
import { fromData, Tensor } from "../../tensor/index.js";
import type { Predictions } from "./eval-prediction.js";

/** What fills a shorter row; no metric counts it. */
const padding = -100;
const isList = (value: Predictions): value is readonly Predictions[] => Array.isArray(value);

/** The tensors of a structure, in order. */
export function tensorsOf(value: Predictions): Tensor[] {
  if (value instanceof Tensor) return [value];
  return (isList(value) ? value : Object.values(value)).flatMap(tensorsOf);
}
/** The structure with others in the tensors' places. */
export function mapTensors(value: Predictions, replace: (tensor: Tensor) => Tensor): Predictions {
  if (value instanceof Tensor) return replace(value);
  if (isList(value)) return value.map((item) => mapTensors(item, replace));
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, mapTensors(item, replace)]));
}
/** The numbers alone, without what they were computed from. All come out with one run. */
export async function broughtOut(value: Predictions): Promise<Predictions> {
  await Promise.all(tensorsOf(value).map((tensor) => tensor.data()));
  return mapTensors(value, (tensor) => tensor.detach());
}

/** Batches of one structure as one: rows behind each other, and where the second sizes differ, shorter ones filled up. @throws ShapeError for other sizes that differ, ArgumentError for other structures */
export function concatenated(batches: readonly Predictions[], path: string): Predictions {
  const [first] = batches as readonly [Predictions];
  if (batches.length === 1) return mapTensors(first, rowsOf);
  if (first instanceof Tensor) {
    if (!batches.every((batch) => batch instanceof Tensor)) throw unlike(path);
    return joined((batches as readonly Tensor[]).map(rowsOf), path);
  }
  const keys = Object.keys(first);
  if (batches.some((batch) => batch instanceof Tensor || isList(batch) !== isList(first) || String(Object.keys(batch)) !== String(keys))) throw unlike(path);
  const parts = keys.map((key) => {
    const inner = isList(first) ? `${path}[${key}]` : `${path}.${key}`;
    return concatenated(
      batches.map((batch) => (batch as Readonly<Record<string, Predictions>>)[key]!),
      inner,
    );
  });
  return isList(first) ? parts : Object.fromEntries(keys.map((key, i) => [key, parts[i]!]));
}
const unlike = (path: string): ArgumentError =>
  new ArgumentError(`${path} of an evaluation have another structure in one batch than in another`, {
    code: "ERR_EVALUATION_OUTPUTS",
    hint: "give the same outputs for every batch, leave some out with ignoreKeys, or set evalDoConcatBatches: false",
  });

const known = (tensor: Tensor): TypedArray => {
  const { state } = tensor;
  if (state.kind === "concrete") return state.data;
  throw new Error("a tensor of an evaluation was not brought out");
};
/** A scalar is a row. */
function rowsOf(tensor: Tensor): Tensor {
  return tensor.shape.length === 0 ? fromData(known(tensor) as never, [1], tensor.dtype as never) : tensor;
}

/** The dtype that holds the numbers of both. */
const wider = (a: DType, b: DType): DType => (a === b ? a : a.startsWith("float") || b.startsWith("float") ? "float32" : "int64");
function converted(data: TypedArray, to: DType): TypedArray {
  const out = new dtypes[to].array(data.length);
  const convert = out instanceof BigInt64Array ? BigInt : Number;
  for (let i = 0; i < data.length; i++) out[i] = convert(data[i]!) as never;
  return out;
}

function joined(parts: readonly Tensor[], path: string): Tensor {
  const [first] = parts as readonly [Tensor];
  const [, ...own] = first.shape;
  const odd = parts.find(({ shape }) => shape.length !== own.length + 1 || shape.some((size, dim) => dim > 1 && size !== own[dim - 1]));
  if (odd)
    throw new ShapeError(`${path} of an evaluation are [${first.shape.join(", ")}] in one batch and [${odd.shape.join(", ")}] in another`, {
      hint: "only the second size may differ: pad all rows to one length, leave the output out with ignoreKeys, or set evalDoConcatBatches: false",
    });
  const dtype = parts.reduce<DType>((type, part) => wider(type, part.dtype), first.dtype);
  const rows = parts.reduce((sum, { shape }) => sum + shape[0]!, 0);
  const width = own.length > 0 ? parts.reduce((most, { shape }) => Math.max(most, shape[1]!), 0) : 1;
  const inner = sizeOf(own.slice(1));
  const out = new dtypes[dtype].array(rows * width * inner);
  if (parts.some(({ shape }) => own.length > 0 && shape[1] !== width)) out.fill((out instanceof BigInt64Array ? BigInt(padding) : padding) as never);
  let at = 0;
  for (const part of parts) {
    const data = part.dtype === dtype ? known(part) : converted(known(part), dtype);
    const length = (own.length > 0 ? part.shape[1]! : 1) * inner;
    if (length === width * inner) out.set(data as never, at);
    else for (let row = 0; row < part.shape[0]!; row++) out.set(data.subarray(row * length, (row + 1) * length) as never, at + row * width * inner);
    at += part.shape[0]! * width * inner;
  }
  return fromData(out as never, own.length > 0 ? [rows, width, ...own.slice(1)] : [rows], dtype as never);
}
