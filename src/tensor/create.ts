// Makes tensors of numbers, and joins tensors.
import { ArgumentError, ShapeError } from "../errors.js";
import { type DType, type DTypeArrays, dtypes, sizeOf, type TypedArray } from "../graph/dtype.js";
import { apply } from "./apply.js";
import { encoders } from "./encode.js";
import { SymbolicSize } from "./size.js";
import { Tensor } from "./tensor.js";
import type { Dim, Inc, NestedNumbers, NumbersIn } from "./types.js";

/** Sizes are whole numbers from 0. */
function checkSizes(who: string, sizes: readonly number[]): void {
  for (const size of sizes)
    if (!Number.isSafeInteger(size) || size < 0) throw new ShapeError(`${who}: ${size} is no size`, { hint: "sizes are whole numbers from 0" });
}

function shapeOf(values: NestedNumbers): number[] {
  const shape: number[] = [];
  for (let v = values; Array.isArray(v); v = v[0] as NestedNumbers) shape.push(v.length);
  return shape;
}

function fill(out: TypedArray, values: NestedNumbers, shape: readonly number[], dim: number, offset: number, encode: (typeof encoders)[DType]): number {
  if (dim === shape.length) {
    if (typeof values !== "number" && typeof values !== "boolean")
      throw new ShapeError(`nested numbers are ragged: an array where dim ${dim} would hold a number`);
    out[offset] = encode(values) as never;
    return offset + 1;
  }
  if (!Array.isArray(values) || values.length !== shape[dim]) {
    throw new ShapeError(`nested numbers are ragged: dim ${dim} has ${Array.isArray(values) ? values.length : "a number"} where ${shape[dim]} were expected`, {
      hint: "pad the rows to one length",
    });
  }
  let at = offset;
  for (const v of values as readonly NestedNumbers[]) at = fill(out, v, shape, dim + 1, at, encode);
  return at;
}

/**
 * A tensor of nested numbers: float32 unless told, never guessed from the values.
 *
 * @example
 * tensor([[1, 2], [3, 4]]);                 // float32 [2, 2]
 * tensor([1, 0, 1], { dtype: "int64" });    // int64 [3]
 */
export function tensor<const T extends NestedNumbers>(values: T): Tensor<NumbersIn<T>, "float32">;
export function tensor<const T extends NestedNumbers, D extends DType>(values: T, options: { dtype: D }): Tensor<NumbersIn<T>, D>;
export function tensor(values: NestedNumbers, options: { dtype?: DType } = {}): Tensor {
  const dtype = options.dtype ?? "float32";
  const shape = shapeOf(values);
  const data = new dtypes[dtype].array(sizeOf(shape));
  fill(data, values, shape, 0, 0, encoders[dtype]);
  return Tensor.make(dtype, { kind: "concrete", shape, data });
}

/**
 * A tensor over a typed array, which is not copied and must not be written to afterwards.
 *
 * @example
 * fromData(new Float32Array([1, 2, 3, 4]), [2, 2]);
 */
export function fromData<R extends number = number, D extends DType = "float32">(data: DTypeArrays[D], shape: readonly number[], dtype?: D): Tensor<R, D> {
  const type = (dtype ?? "float32") as D;
  if (!(data instanceof dtypes[type].array))
    throw new ArgumentError(`fromData: ${type} takes a ${dtypes[type].array.name}, not a ${(data as object).constructor.name}`, {
      code: "ERR_DTYPE",
      hint: "name the dtype as third argument",
    });
  checkSizes("fromData", shape);
  if (sizeOf(shape) !== data.length) throw new ShapeError(`fromData: shape [${shape.join(", ")}] holds ${sizeOf(shape)} numbers, the array ${data.length}`);
  return Tensor.make(type, { kind: "concrete", shape: [...shape], data });
}

const symbolic = (dims: readonly Dim[]): boolean => dims.some((d) => (d as unknown) instanceof SymbolicSize);

/**
 * A tensor of one number. In forward, sizes may be symbolic.
 *
 * @example
 * await full([2], 0.5).toArray(); // [0.5, 0.5]
 */
export function full<D extends DType = "float32">(shape: readonly Dim[], value: number, options: { dtype?: D } = {}): Tensor<number, D> {
  const dtype = (options.dtype ?? "float32") as D;
  if (symbolic(shape)) return apply("full", [], { dims: shape, value, dtype }) as Tensor<number, D>;
  checkSizes("a tensor", shape);
  const data = new dtypes[dtype].array(sizeOf(shape));
  const element = encoders[dtype](value);
  // New memory is zero already, and costs nothing until it is touched.
  if (!Object.is(element, 0) && element !== 0n) data.fill(element as never);
  return Tensor.make(dtype, { kind: "concrete", shape: [...shape], data });
}
/**
 * Zeros. In forward, sizes may be symbolic.
 *
 * @example
 * zeros([2, 3], { dtype: "int64" }).shape; // [2, 3]
 */
export function zeros<D extends DType = "float32">(shape: readonly Dim[], options: { dtype?: D } = {}): Tensor<number, D> {
  return full(shape, 0, options);
}
/**
 * Ones. In forward, sizes may be symbolic.
 *
 * @example
 * await ones([2]).toArray(); // [1, 1]
 */
export function ones<D extends DType = "float32">(shape: readonly Dim[], options: { dtype?: D } = {}): Tensor<number, D> {
  return full(shape, 1, options);
}

/**
 * 0, 1, ..., end - 1 as int64. In forward, end may be symbolic.
 *
 * @example
 * await arange(3).toArray(); // [0, 1, 2]
 */
export function arange(end: Dim): Tensor<1, "int64"> {
  if (symbolic([end])) return apply("arange", [], { dims: [end] }) as Tensor<1, "int64">;
  checkSizes("arange", [end]);
  return Tensor.make("int64", { kind: "concrete", shape: [end], data: BigInt64Array.from({ length: end }, (_, i) => BigInt(i)) });
}

/**
 * Tensors one after the other along a dim.
 *
 * @example
 * await cat([tensor([1]), tensor([2, 3])]).toArray(); // [1, 2, 3]
 */
export function cat<R extends number, D extends DType>(tensors: readonly Tensor<R, D>[], dim: number = 0): Tensor<R, D> {
  if (tensors.length === 0) throw new ArgumentError("cat of no tensors");
  return apply("cat", tensors, { dim }) as Tensor<R, D>;
}
/**
 * Tensors of one shape along a new dim.
 *
 * @example
 * await stack([tensor([1, 2]), tensor([3, 4])]).toArray(); // [[1, 2], [3, 4]]
 */
export function stack<R extends number, D extends DType>(tensors: readonly Tensor<R, D>[], dim: number = 0): Tensor<Inc<R>, D> {
  return cat(
    tensors.map((t) => t.unsqueeze(dim)),
    dim,
  );
}
/**
 * x where the condition is true, else y, with broadcasting.
 *
 * @example
 * await where(tensor([1, 0], { dtype: "bool" }), tensor([1, 2]), tensor([3, 4])).toArray(); // [1, 4]
 */
export function where(condition: Tensor, x: Tensor, y: Tensor): Tensor {
  return apply("where", [condition, x, y]);
}
