// The ops that tensors record: how each becomes nodes of a graph, in one table.
import { ArgumentError, ShapeError } from "../errors.js";
import type { Builder } from "../graph/builder.js";
import type { Dim } from "../graph/dims.js";
import { type DType, isFloat } from "../graph/dtype.js";
import { float, type Value } from "../graph/graph.js";
import { channelOps } from "./channel-ops.js";

/** Static arguments of an op: part of the structure, unlike tensors and numbers, which are fed. Sizes may be symbolic. */
export type OpAttributes = Readonly<Record<string, number | string | boolean | undefined | readonly Dim[]>>;
/** One object for all ops without any, so that it is known by identity. */
export const noAttributes: OpAttributes = {};
type Emit = (b: Builder, inputs: readonly Value[], attributes: OpAttributes) => Value;

const order: readonly DType[] = ["bool", "uint8", "int8", "int32", "int64", "float16", "bfloat16", "float32", "float64"];
const wider = (a: DType, b: DType): DType => (order.indexOf(a) >= order.indexOf(b) ? a : b);

/** Both operands in the wider of their dtypes. */
function promoted(b: Builder, [x, y]: readonly Value[]): [Value, Value] {
  const dtype = wider(x!.dtype, y!.dtype);
  return [b.cast(x!, dtype), b.cast(y!, dtype)];
}

const unary =
  (op: string): Emit =>
  (b, [x]) => {
    if (!isFloat(x!.dtype) && op !== "Neg" && op !== "Abs" && op !== "Sign" && op !== "Not") needFloat(op.toLowerCase(), x!);
    return b.unary(op, x!);
  };
function needFloat(op: string, x: Value): void {
  if (!isFloat(x.dtype)) throw new ArgumentError(`${op} of a tensor of ${x.dtype}`, { code: "ERR_DTYPE", hint: `convert it first: x.to("float32")` });
}

const arithmetic =
  (op: string): Emit =>
  (b, inputs) => {
    const [x, y] = promoted(b, inputs);
    if (x.dtype === "bool") throw new ArgumentError(`${op.toLowerCase()} of tensors of bool`, { code: "ERR_DTYPE", hint: `convert them first: x.to("int64")` });
    if (op === "Div" || op === "Pow") needFloat(op.toLowerCase(), x);
    return b.op(op, [x, y]);
  };
const compare =
  (op: string): Emit =>
  (b, inputs) => {
    const [x, y] = promoted(b, inputs);
    return op === "NotEqual" ? b.unary("Not", b.op("Equal", [x, y])) : b.op(op, [x, y]);
  };

/** A dim counted from the front; errors name the op. */
export function axisOf(op: string, dim: number, rank: number): number {
  if (!Number.isInteger(dim) || dim < -rank || dim >= Math.max(rank, 1))
    throw new ShapeError(`${op}: dim ${dim} of a tensor of rank ${rank}`, { hint: rank === 0 ? "a scalar has no dims" : `dims are ${-rank} to ${rank - 1}` });
  return dim < 0 ? dim + rank : dim;
}
const number = (a: OpAttributes, key: string): number => a[key] as number;

const reduction =
  (op: "ReduceSum" | "ReduceMean" | "ReduceMax" | "ReduceMin"): Emit =>
  (b, [x], a) => {
    if (op === "ReduceMean") needFloat("mean", x!);
    if (x!.dtype === "bool") throw new ArgumentError(`${op} of a tensor of bool`, { code: "ERR_DTYPE", hint: `convert it first: x.to("float32")` });
    const axes = a.dim === undefined ? undefined : [axisOf(op, number(a, "dim"), x!.rank)];
    if (x!.rank === 0) return b.op("Identity", [x!]);
    return b.reduce(op, x!, axes, a.keepDim === true);
  };

/** Output size of reshape's -1 is left to ONNX; at most one. */
function reshape(b: Builder, x: Value, dims: readonly Dim[]): Value {
  const env = b.graph.env;
  if (dims.filter((d) => d === -1).length > 1) throw new ShapeError(`reshape to [${dims.join(", ")}]: at most one -1`);
  const total = env.product(x.shape);
  const known = env.product(dims.filter((d) => d !== -1));
  const [ht, hk] = [env.hint(total), env.hint(known)];
  const fits = ht === undefined || hk === undefined || (dims.includes(-1) ? hk !== 0 && ht % hk === 0 : ht === hk);
  if (!fits)
    throw new ShapeError(`reshape of ${env.show(x.shape)} (${ht} elements) to [${dims.map((d) => env.showDim(d)).join(", ")}]`, {
      hint: "the number of elements must stay the same",
    });
  return b.reshape(x, dims);
}

/** `length` positions of a dim from `start` on, all of which must be there. */
function narrow(b: Builder, x: Value, axis: number, start: number, length: Dim): Value {
  const env = b.graph.env;
  const [size, count] = [env.hint(x.shape[axis]!), env.hint(length)];
  const first = start < 0 && size !== undefined ? start + size : start;
  const whole = [start, count ?? 0].every(Number.isSafeInteger) && (count ?? 0) >= 0;
  if (!whole || (size !== undefined && (first < 0 || first + (count ?? 0) > size)))
    throw new ShapeError(`narrow: ${count} positions from ${start} on, of dim ${axis}, which has ${size}`);
  const end = typeof length === "number" ? start + length : env.add(start < 0 ? env.add(x.shape[axis]!, start) : start, length);
  if (typeof end === "number") return b.slice(x, axis, start, start < 0 && end >= 0 ? Number.MAX_SAFE_INTEGER : end);
  return b.op("Slice", [x, b.int64([start]), b.sizes([end], [x]), b.int64([axis]), b.int64([1])]);
}

export const tensorOps: { readonly [name: string]: Emit } = {
  add: arithmetic("Add"),
  sub: arithmetic("Sub"),
  mul: arithmetic("Mul"),
  div: arithmetic("Div"),
  pow: arithmetic("Pow"),
  maximum: arithmetic("Max"),
  minimum: arithmetic("Min"),
  neg: unary("Neg"),
  abs: unary("Abs"),
  sign: unary("Sign"),
  exp: unary("Exp"),
  log: unary("Log"),
  sqrt: unary("Sqrt"),
  tanh: unary("Tanh"),
  sigmoid: unary("Sigmoid"),
  relu: unary("Relu"),
  erf: unary("Erf"),
  sin: unary("Sin"),
  cos: unary("Cos"),
  logicalNot: (b, [x]) => b.unary("Not", b.cast(x!, "bool")),
  logicalAnd: (b, [x, y]) => b.op("And", [b.cast(x!, "bool"), b.cast(y!, "bool")]),
  logicalOr: (b, [x, y]) => b.op("Or", [b.cast(x!, "bool"), b.cast(y!, "bool")]),
  eq: compare("Equal"),
  ne: compare("NotEqual"),
  lt: compare("Less"),
  le: compare("LessOrEqual"),
  gt: compare("Greater"),
  ge: compare("GreaterOrEqual"),
  where: (b, [condition, x, y]) => {
    const [px, py] = promoted(b, [x!, y!]);
    return b.where(b.cast(condition!, "bool"), px, py);
  },
  to: (b, [x], a) => b.cast(x!, a.dtype as DType),
  detach: (b, [x]) => b.op("Identity", [x!], { _detach: 1 }),
  /** A cut point of recomputation. */
  checkpoint: (b, [x]) => b.op("Identity", [x!], { _checkpoint: 1 }),

  sum: reduction("ReduceSum"),
  mean: reduction("ReduceMean"),
  max: reduction("ReduceMax"),
  min: reduction("ReduceMin"),
  argmax: (b, [x], a) => b.op("ArgMax", [x!], { axis: axisOf("argmax", number(a, "dim"), x!.rank), keepdims: Number(a.keepDim === true) }),
  cumsum: (b, [x], a) => {
    if (x!.dtype === "bool") throw new ArgumentError("cumsum of a tensor of bool", { code: "ERR_DTYPE", hint: `convert it first: x.to("int64")` });
    return b.op("CumSum", [x!, b.scalar(axisOf("cumsum", number(a, "dim"), x!.rank), "int64")]);
  },
  argmin: (b, [x], a) => b.op("ArgMin", [x!], { axis: axisOf("argmin", number(a, "dim"), x!.rank), keepdims: Number(a.keepDim === true) }),

  matmul: (b, inputs, a) => {
    const [x, y] = promoted(b, inputs);
    needFloat("matmul", x);
    if (x.rank < 1 || y.rank < 1) throw new ShapeError("matmul of a scalar", { hint: "use mul" });
    return b.matmul(x, y, { transposeA: a.transposeA === true, transposeB: a.transposeB === true, alpha: (a.alpha as number | undefined) ?? 1 });
  },
  /** x [..., in], weight [out, in], bias [out] -> [..., out] */
  linear: (b, [x, weight, bias]) => {
    const y = b.matmul(x!, weight!, { transposeB: true });
    return bias ? b.add(y, bias) : y;
  },

  permute: (b, [x], a) => {
    const perm = (a.dims as readonly number[]).map((d) => axisOf("permute", d, x!.rank));
    if (perm.length !== x!.rank || new Set(perm).size !== perm.length)
      throw new ShapeError(`permute(${perm.join(", ")}) of a tensor of rank ${x!.rank}`, { hint: "name each dim once" });
    return b.transpose(x!, perm);
  },
  transpose: (b, [x], a) => {
    const perm = x!.shape.map((_, i) => i);
    const [i, j] = [axisOf("transpose", number(a, "a"), x!.rank), axisOf("transpose", number(a, "b"), x!.rank)];
    perm[i] = j;
    perm[j] = i;
    return b.transpose(x!, perm);
  },
  /** To the first `copied` sizes of x, then `dims`. */
  reshape: (b, [x], a) => reshape(b, x!, [...x!.shape.slice(0, (a.copied as number | undefined) ?? 0), ...(a.dims as readonly Dim[])]),
  flatten: (b, [x], a) => {
    if (x!.rank === 0) return b.reshape(x!, [1]);
    const [start, end] = [axisOf("flatten", number(a, "start"), x!.rank), axisOf("flatten", number(a, "end"), x!.rank)];
    const dims = b.graph.env.resolveShape(x!.shape);
    return start >= end ? x! : b.reshape(x!, [...dims.slice(0, start), b.graph.env.product(dims.slice(start, end + 1)), ...dims.slice(end + 1)]);
  },
  squeeze: (b, [x], a) => b.squeeze(x!, [axisOf("squeeze", number(a, "dim"), x!.rank)]),
  unsqueeze: (b, [x], a) => b.unsqueeze(x!, [axisOf("unsqueeze", number(a, "dim"), x!.rank + 1)]),
  expand: (b, [x], a) => {
    const dims = a.dims as readonly Dim[];
    const extra = dims.length - x!.rank;
    return b.expand(
      x!,
      dims.map((d, i) => (d === -1 ? (x!.shape[i - extra] ?? 1) : d)),
    );
  },
  narrow: (b, [x], a) => narrow(b, x!, axisOf("narrow", number(a, "dim"), x!.rank), number(a, "start"), (a.dims as readonly Dim[])[0]!),
  /** The part [start, end) of one dim, cut off where the dim ends. */
  range: (b, [x], a) => {
    const axis = axisOf("at", number(a, "dim"), x!.rank);
    return b.slice(x!, axis, number(a, "start"), (a.end as number | undefined) ?? Number.MAX_SAFE_INTEGER);
  },
  /** One position of a dim, which goes away. */
  position: (b, [x], a) => {
    const axis = axisOf("at", number(a, "dim"), x!.rank);
    const at = number(a, "index");
    const size = b.graph.env.hint(x!.shape[axis]!);
    if (size !== undefined && (at >= size || at < -size)) throw new ShapeError(`at: position ${at} of dim ${axis}, which has ${size}`);
    return b.squeeze(b.slice(x!, axis, at, at === -1 ? Number.MAX_SAFE_INTEGER : at + 1), [axis]);
  },
  cat: (b, inputs, a) => b.concat(inputs, axisOf("cat", number(a, "dim"), inputs[0]!.rank)),
  /** Entries of x at index, which has x's rank: torch.gather. */
  gather: (b, [x, index], a) => b.gatherElements(x!, index!, axisOf("gather", number(a, "dim"), x!.rank)),
  /** Whole slices of x at a vector of indices. */
  indexSelect: (b, [x, index], a) => b.gather(x!, index!, axisOf("indexSelect", number(a, "dim"), x!.rank)),
  arange: (b, _, a) => {
    const end = b.graph.env.resolve((a.dims as readonly Dim[])[0]!);
    const stop = b.squeeze(b.sizes([end]), [0]);
    return b.op("Range", [b.scalar(0, "int64"), stop, b.scalar(1, "int64")]);
  },
  full: (b, _, a) => b.fill(a.dims as readonly Dim[], number(a, "value"), a.dtype as DType),

  softmax: (b, [x], a) => b.op("Softmax", [x!], { axis: axisOf("softmax", number(a, "dim"), x!.rank) }),
  logSoftmax: (b, [x], a) => b.op("LogSoftmax", [x!], { axis: axisOf("logSoftmax", number(a, "dim"), x!.rank) }),
  gelu: (b, [x], a) => b.op("Gelu", [x!], { approximate: (a.approximate as string | undefined) ?? "none" }),
  layerNorm: (b, [x, weight, bias], a) =>
    b.op("LayerNormalization", bias ? [x!, weight!, bias] : [x!, weight!], { axis: -1, epsilon: float(number(a, "epsilon")) }),
  /** weight [V, H], ids [...] -> [..., H]; the row paddingIdx gets no gradient. */
  embedding: (b, [weight, ids], a) =>
    b.op("Gather", [weight!, ids!], a.paddingIdx === undefined ? { axis: 0 } : { axis: 0, _padding_idx: number(a, "paddingIdx") }),
  /** logits [..., C], labels [...] -> one loss per row, their sum or their mean over the rows whose label is not `ignoreIndex`. */
  crossEntropy: (b, [logits, labels], a) => {
    const smoothing = number(a, "labelSmoothing");
    const logs = b.op("LogSoftmax", [logits!], { axis: -1 });
    const ignored = b.op("Equal", [labels!, b.scalar(number(a, "ignoreIndex"), labels!.dtype)]);
    // An ignored label reads class 0, whatever that is, and its row is replaced below.
    const classes = b.cast(b.where(ignored, b.scalar(0, labels!.dtype), labels!), "int64");
    const picked = b.squeeze(b.gatherElements(logs, b.unsqueeze(classes, [-1]), -1), [-1]);
    const target = smoothing === 0 ? picked : b.add(b.mulScalar(picked, 1 - smoothing), b.mulScalar(b.reduce("ReduceMean", logs, [-1]), smoothing));
    const rows = b.neg(b.where(ignored, b.scalar(0, target.dtype), target));
    if (a.reduction === "none") return rows;
    const sum = b.reduce("ReduceSum", rows, undefined);
    return a.reduction === "sum" ? sum : b.div(sum, b.reduce("ReduceSum", b.cast(b.unary("Not", ignored), target.dtype), undefined));
  },
  ...channelOps,
  /** x, key int64 [4]; see the custom op accelerate_ts.Dropout. */
  dropout: (b, [x, key], a) => b.op("Dropout", [x!, key!], { ratio: float(number(a, "p")), site: number(a, "site") }, { domain: "accelerate_ts" }),
};
