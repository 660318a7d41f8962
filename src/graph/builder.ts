// Shorthand for adding nodes: one method per op that autodiff, tensors and passes use, with ONNX's argument forms hidden.
import { ShapeError } from "../errors.js";
import type { Dim, Shape } from "./dims.js";
import { type DType, dtypes, type TensorData, typedArray } from "./dtype.js";
import { type AddOptions, type Attributes, float, type Graph, type Value } from "./graph.js";

/** Flags of com.microsoft.FusedMatMul. */
export interface MatMulOptions {
  readonly transposeA?: boolean;
  readonly transposeB?: boolean;
  readonly alpha?: number;
}

/**
 * Adds nodes to a graph. Axes may be negative. Sizes are Dims: where one is symbolic, the builder emits the nodes that compute it.
 *
 * @example
 * const b = new Builder(graph);
 * const y = b.mul(b.sigmoid(x), b.scalar(2, x.dtype));
 */
export class Builder {
  readonly graph: Graph;
  /** Prefix of the names of the nodes added from now on. */
  scope: string;
  /** Where to find a symbolic dim at run time: the value and axis it was first seen at. */
  readonly #sources = new Map<Dim, Value>();

  constructor(graph: Graph, options: { scope?: string } = {}) {
    this.graph = graph;
    this.scope = options.scope ?? "";
  }

  op(op: string, inputs: readonly (Value | undefined)[], attributes: Attributes = {}, options: AddOptions = {}): Value {
    return this.ops(op, inputs, attributes, options)[0]!;
  }
  ops(op: string, inputs: readonly (Value | undefined)[], attributes: Attributes = {}, options: AddOptions = {}): Value[] {
    return this.graph.add(op, inputs, attributes, this.scope && options.scope === undefined ? { ...options, scope: this.scope } : options);
  }

  // ---- constants and sizes
  constant(data: TensorData): Value {
    return this.graph.constant(data);
  }
  /** A 0-d constant. */
  scalar(value: number, dtype: DType): Value {
    return this.constant({ dtype, shape: [], data: typedArray(dtype, [value]) });
  }
  int64(values: readonly number[]): Value {
    return this.constant({ dtype: "int64", shape: [values.length], data: typedArray("int64", values) });
  }
  /** Tells where a symbolic size can be read from when `sizes` needs it. */
  source(value: Value): void {
    for (const d of this.graph.env.resolveShape(value.shape)) if (typeof d === "string" && !this.#sources.has(d)) this.#sources.set(d, value);
  }
  /** An int64 vector [n] with the given sizes. Symbols are read from `from` (values that have them), or from values given to `source`. */
  sizes(dims: Shape, from: readonly Value[] = []): Value {
    const env = this.graph.env;
    const resolved = env.resolveShape(dims);
    if (resolved.every((d) => typeof d === "number")) return this.int64(resolved as number[]);
    for (const v of from) this.source(v);
    const parts: Value[] = [];
    let literal: number[] = [];
    const flush = () => {
      if (literal.length > 0) parts.push(this.int64(literal));
      literal = [];
    };
    for (const d of resolved) {
      if (typeof d === "number") {
        literal.push(d);
        continue;
      }
      flush();
      parts.push(this.dim(d));
    }
    flush();
    return parts.length === 1 ? parts[0]! : this.concat(parts, 0);
  }
  /** One size as an int64 vector [1]; composite sizes are computed. */
  dim(dim: Dim): Value {
    const env = this.graph.env;
    const d = env.resolve(dim);
    if (typeof d === "number") return this.int64([d]);
    for (const [key, value] of this.#sources) {
      if (env.resolve(key) !== d) continue;
      const axis = value.shape.findIndex((s) => env.resolve(s) === d);
      return this.op("Shape", [value], { start: axis, end: axis + 1 });
    }
    const parts = env.parts(d);
    if (!parts) throw new ShapeError(`no value to read size ${d} from`, { hint: "name a value that has it with source()" });
    const ops = { "+": "Add", "-": "Sub", "*": "Mul", "/": "Div", min: "Min", max: "Max" } as const;
    return this.op(ops[parts.operator], [this.dim(parts.a), this.dim(parts.b)]);
  }
  /** The shape of a value as an int64 vector; a constant when it is known. */
  shapeOf(x: Value): Value {
    const dims = this.graph.env.resolveShape(x.shape);
    return dims.every((d) => typeof d === "number") ? this.int64(dims as number[]) : this.op("Shape", [x]);
  }

  // ---- arithmetic, with broadcasting
  add(a: Value, b: Value): Value {
    return this.op("Add", [a, b]);
  }
  sub(a: Value, b: Value): Value {
    return this.op("Sub", [a, b]);
  }
  mul(a: Value, b: Value): Value {
    return this.op("Mul", [a, b]);
  }
  div(a: Value, b: Value): Value {
    return this.op("Div", [a, b]);
  }
  pow(a: Value, b: Value): Value {
    return this.op("Pow", [a, b]);
  }
  /** x op number, the number being of x's dtype. */
  mulScalar(x: Value, value: number): Value {
    return value === 1 ? x : this.mul(x, this.scalar(value, x.dtype));
  }
  addScalar(x: Value, value: number): Value {
    return value === 0 ? x : this.add(x, this.scalar(value, x.dtype));
  }
  divScalar(x: Value, value: number): Value {
    return value === 1 ? x : this.div(x, this.scalar(value, x.dtype));
  }
  /** Element-wise op of one operand: Neg, Exp, Log, Sqrt, Tanh, Sigmoid, Relu, Erf, Not, ... */
  unary(op: string, x: Value): Value {
    return this.op(op, [x]);
  }
  neg(x: Value): Value {
    return this.op("Neg", [x]);
  }
  where(condition: Value, a: Value, b: Value): Value {
    return this.op("Where", [condition, a, b]);
  }
  cast(x: Value, to: DType): Value {
    return x.dtype === to ? x : this.op("Cast", [x], { to: dtypes[to].onnx });
  }
  /** Sum of one or more values of one shape. */
  sumOf(values: readonly Value[]): Value {
    return values.length === 1 ? values[0]! : values.length === 2 ? this.add(values[0]!, values[1]!) : this.op("Sum", values);
  }

  // ---- linear algebra
  /** Batched product, in com.microsoft.FusedMatMul where a flag is set. */
  matmul(a: Value, b: Value, { transposeA = false, transposeB = false, alpha = 1 }: MatMulOptions = {}): Value {
    if (!transposeA && !transposeB && alpha === 1) return this.op("MatMul", [a, b]);
    return this.op("FusedMatMul", [a, b], { transA: Number(transposeA), transB: Number(transposeB), alpha: float(alpha) }, { domain: "com.microsoft" });
  }
  /** Two-dimensional product with an optional bias. */
  gemm(a: Value, b: Value, c?: Value, { transposeA = false, transposeB = false, alpha = 1, beta = 1 }: MatMulOptions & { readonly beta?: number } = {}): Value {
    return this.op("Gemm", c ? [a, b, c] : [a, b], { transA: Number(transposeA), transB: Number(transposeB), alpha: float(alpha), beta: float(beta) });
  }

  // ---- reductions: axes undefined means all
  reduce(op: "ReduceSum" | "ReduceMean" | "ReduceMax" | "ReduceMin", x: Value, axes: readonly number[] | undefined, keepdims = false): Value {
    return this.op(op, axes === undefined ? [x] : [x, this.int64(axes)], { keepdims: Number(keepdims) });
  }
  /** Sums a value down to a shape that broadcasts to its own: the gradient of broadcasting. */
  reduceTo(x: Value, shape: Shape, like: Value): Value {
    const env = this.graph.env;
    const from = env.resolveShape(x.shape);
    const to = env.resolveShape(shape);
    const extra = from.length - to.length;
    const axes: number[] = [];
    for (let i = 0; i < from.length; i++) if (i < extra || (to[i - extra] === 1 && from[i] !== 1)) axes.push(i);
    if (axes.length === 0) return x;
    if (axes.length === extra) return this.reduce("ReduceSum", x, axes, false);
    const kept = this.reduce("ReduceSum", x, axes, true);
    return extra === 0 ? kept : this.reshapeLike(kept, like);
  }

  // ---- shape
  reshape(x: Value, dims: Shape, from: readonly Value[] = [x]): Value {
    // A size of 0 means "copy" to ONNX unless it is told otherwise.
    const empty = !dims.includes(-1) && dims.some((d) => this.graph.env.hint(d) === 0);
    return this.op("Reshape", [x, this.sizes(dims, from)], empty ? { allowzero: 1 } : {});
  }
  reshapeLike(x: Value, like: Value): Value {
    return this.op("Reshape", [x, this.shapeOf(like)]);
  }
  transpose(x: Value, perm: readonly number[]): Value {
    return perm.every((p, i) => p === i) ? x : this.op("Transpose", [x], { perm });
  }
  squeeze(x: Value, axes: readonly number[]): Value {
    return this.op("Squeeze", [x, this.int64(axes)]);
  }
  unsqueeze(x: Value, axes: readonly number[]): Value {
    return this.op("Unsqueeze", [x, this.int64(axes)]);
  }
  /** Broadcasts to a shape tensor or to sizes. */
  expand(x: Value, shape: Value | Shape, from: readonly Value[] = [x]): Value {
    return this.op("Expand", [x, "dtype" in shape ? shape : this.sizes(shape as Shape, from)]);
  }
  concat(values: readonly Value[], axis: number): Value {
    return this.op("Concat", values, { axis });
  }
  slice(x: Value, axis: number, start: number, end: number, step = 1): Value {
    return this.op("Slice", [x, this.int64([start]), this.int64([end]), this.int64([axis]), this.int64([step])]);
  }
  gather(x: Value, indices: Value, axis = 0): Value {
    return this.op("Gather", [x, indices], { axis });
  }
  gatherElements(x: Value, indices: Value, axis: number): Value {
    return this.op("GatherElements", [x, indices], { axis });
  }
  /** A tensor of a shape, filled with one number. */
  fill(shape: Value | Shape, value: number, dtype: DType, from: readonly Value[] = []): Value {
    return this.expand(this.scalar(value, dtype), shape, from);
  }
}
