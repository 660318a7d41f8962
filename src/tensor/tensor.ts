// The Tensor: symbolic inside forward, lazy when it was recorded, concrete when its numbers are known.
import { inspect } from "node:util";
import { ShapeError } from "../errors.js";
import { type DType, type DTypeArrays, sizeOf } from "../graph/dtype.js";
import type { Device } from "../runtime/device.js";
import { apply, applyScalar, scalarFor } from "./apply.js";
import { at } from "./at.js";
import { axisOf, noAttributes, type OpAttributes } from "./ops.js";
import { backward } from "./backward.js";
import { compute } from "./compute.js";
import { coerced, nest, numbersOf } from "./numbers.js";
import { detachedState } from "./resident.js";
import { refuseOtherDTypes, shown } from "./show.js";
import { dimOf, type TensorState } from "./state.js";
import type { Dec, Dim, Inc, Index, KeepDim, MatMulFlags, Nested, WaitOptions } from "./types.js";

/**
 * A tensor of rank R and dtype D; `Tensor` alone is any rank, any dtype. Nothing is computed before a value is asked for
 * (`item`, `data`, `toArray`) or `backward` is called; until then methods extend a recording.
 *
 * @example
 * const x = tensor([[1, 2], [3, 4]]);
 * const y = x.mul(2).add(1).sum(0);
 * console.log(await y.toArray()); // [10, 14]
 */
export class Tensor<out R extends number = number, out D extends DType = DType> {
  declare protected readonly __rank: R; // phantom
  readonly dtype: D;
  readonly #state: TensorState;

  /** @internal */
  protected constructor(dtype: D, state: TensorState) {
    this.dtype = dtype;
    this.#state = state;
  }

  /** @internal */
  get state(): TensorState {
    return this.#state;
  }

  /** @internal */
  static make<R extends number, D extends DType>(dtype: D, state: TensorState): Tensor<R, D> {
    return new Tensor<R, D>(dtype, state);
  }

  /** Sizes. In forward, while the model is traced, a size may be symbolic: use size(). */
  get shape(): readonly number[] {
    const s = this.state;
    return s.kind === "symbolic" ? s.value.shape.map((_, i) => dimOf(s, i)) : s.shape;
  }
  get rank(): number {
    return this.state.kind === "symbolic" ? this.state.value.shape.length : this.state.shape.length;
  }
  /** Size of a dim, for functions that take sizes. */
  size(dim: number): Dim {
    return dimOf(this.state, axisOf("size", dim, this.rank));
  }
  #apply<R2 extends number, D2 extends DType>(op: string, attributes: OpAttributes = noAttributes, ...more: readonly Tensor[]): Tensor<R2, D2> {
    return apply(op, [this, ...more], attributes) as Tensor<R2, D2>;
  }
  #binary(op: string, y: number | Tensor): Tensor<never, never> {
    return applyScalar(op, this, y) as Tensor<never, never>;
  }

  // ---- arithmetic, with numpy's broadcasting; of two dtypes the wider one is taken
  add(y: number | Tensor<0>): Tensor<R, D>;
  add(y: Tensor): Tensor<number, D>;
  add(y: number | Tensor): Tensor<number, D> {
    return this.#binary("add", y);
  }
  sub(y: number | Tensor<0>): Tensor<R, D>;
  sub(y: Tensor): Tensor<number, D>;
  sub(y: number | Tensor): Tensor<number, D> {
    return this.#binary("sub", y);
  }
  mul(y: number | Tensor<0>): Tensor<R, D>;
  mul(y: Tensor): Tensor<number, D>;
  mul(y: number | Tensor): Tensor<number, D> {
    return this.#binary("mul", y);
  }
  div(y: number | Tensor<0>): Tensor<R, D>;
  div(y: Tensor): Tensor<number, D>;
  div(y: number | Tensor): Tensor<number, D> {
    return this.#binary("div", y);
  }
  pow(y: number | Tensor<0>): Tensor<R, D>;
  pow(y: Tensor): Tensor<number, D>;
  pow(y: number | Tensor): Tensor<number, D> {
    return this.#binary("pow", y);
  }
  maximum(y: number | Tensor): Tensor<number, D> {
    return this.#binary("maximum", y);
  }
  minimum(y: number | Tensor): Tensor<number, D> {
    return this.#binary("minimum", y);
  }
  neg(): Tensor<R, D> {
    return this.#apply("neg");
  }
  abs(): Tensor<R, D> {
    return this.#apply("abs");
  }
  sign(): Tensor<R, D> {
    return this.#apply("sign");
  }
  exp(): Tensor<R, D> {
    return this.#apply("exp");
  }
  log(): Tensor<R, D> {
    return this.#apply("log");
  }
  sqrt(): Tensor<R, D> {
    return this.#apply("sqrt");
  }
  tanh(): Tensor<R, D> {
    return this.#apply("tanh");
  }
  sigmoid(): Tensor<R, D> {
    return this.#apply("sigmoid");
  }
  relu(): Tensor<R, D> {
    return this.#apply("relu");
  }
  erf(): Tensor<R, D> {
    return this.#apply("erf");
  }
  sin(): Tensor<R, D> {
    return this.#apply("sin");
  }
  cos(): Tensor<R, D> {
    return this.#apply("cos");
  }

  // ---- comparison and logic
  eq(y: number | Tensor): Tensor<number, "bool"> {
    return this.#binary("eq", y);
  }
  ne(y: number | Tensor): Tensor<number, "bool"> {
    return this.#binary("ne", y);
  }
  lt(y: number | Tensor): Tensor<number, "bool"> {
    return this.#binary("lt", y);
  }
  le(y: number | Tensor): Tensor<number, "bool"> {
    return this.#binary("le", y);
  }
  gt(y: number | Tensor): Tensor<number, "bool"> {
    return this.#binary("gt", y);
  }
  ge(y: number | Tensor): Tensor<number, "bool"> {
    return this.#binary("ge", y);
  }
  logicalNot(): Tensor<R, "bool"> {
    return this.#apply("logicalNot");
  }
  logicalAnd(y: Tensor): Tensor<number, "bool"> {
    return this.#apply("logicalAnd", noAttributes, y);
  }
  logicalOr(y: Tensor): Tensor<number, "bool"> {
    return this.#apply("logicalOr", noAttributes, y);
  }
  /** The tensor with a value put wherever the mask is true. */
  maskedFill(mask: Tensor, value: number): Tensor<number, D> {
    return apply("where", [mask, scalarFor(this, value), this]) as Tensor<number, D>;
  }

  // ---- dtype and recording
  /**
   * The numbers as another dtype. A device changes nothing: a tensor is where it is computed with.
   * @throws ArgumentError ERR_DTYPE for a name of something else
   */
  to(device: Device): Tensor<R, D>;
  to<E extends DType>(dtype: E): Tensor<R, E>;
  to(what: DType | Device): Tensor<R> {
    if (typeof what === "object" && what !== null && "type" in what) return this;
    refuseOtherDTypes(what);
    return this.dtype === what ? this : this.#apply("to", { dtype: what });
  }
  /** The same values, cut off from the recording: no gradient flows through. */
  detach(): Tensor<R, D> {
    const own = detachedState(this.state);
    if (!own) return this.#apply("detach");
    return own === this.state ? this : Tensor.make(this.dtype, own);
  }

  // ---- products and shapes
  /** Product over the last two dims, batched over the others. */
  matmul(y: Tensor, flags: MatMulFlags = {}): Tensor<number, D> {
    return this.#apply("matmul", { ...flags }, y);
  }
  /** Exchanges two dims; the last two by default. */
  transpose(a: number = -2, b: number = -1): Tensor<R, D> {
    return this.#apply("transpose", { a, b });
  }
  permute(...dims: readonly number[]): Tensor<R, D> {
    return this.#apply("permute", { dims });
  }
  /** One size may be -1. */
  reshape(dims: readonly Dim[]): Tensor<number, D> {
    return this.#apply("reshape", { dims });
  }
  flatten(start: number = 0, end: number = -1): Tensor<number, D> {
    return this.#apply("flatten", { start, end });
  }
  squeeze(dim: number): Tensor<Dec<R>, D> {
    return this.#apply("squeeze", { dim });
  }
  unsqueeze(dim: number): Tensor<Inc<R>, D> {
    return this.#apply("unsqueeze", { dim });
  }
  /** Broadcasts to sizes; -1 keeps a size. */
  expand(dims: readonly Dim[]): Tensor<number, D> {
    return this.#apply("expand", { dims });
  }
  /** `length` positions of a dim from `start` on, which may count from the end. In forward, the length may be symbolic. */
  narrow(dim: number, start: number, length: Dim): Tensor<R, D> {
    return this.#apply("narrow", { dim, start, dims: [length] });
  }
  /** Entries along a dim at the positions that index holds; index has this tensor's rank (torch.gather). */
  gather(dim: number, index: Tensor): Tensor<R, D> {
    return this.#apply("gather", { dim }, index);
  }
  /** Slices of a dim at a vector of positions (torch.index_select). */
  indexSelect(dim: number, index: Tensor): Tensor<R, D> {
    return this.#apply("indexSelect", { dim }, index);
  }
  /** Positions (`0`, `-1`), ranges (`":"`, `"1:"`, `":-1"`, `"2:5"`) and new dims (`null`), dim by dim. */
  at(...index: readonly Index[]): Tensor<number, D> {
    return at(this, index) as Tensor<number, D>;
  }

  // ---- reductions: over everything, or one dim
  sum(): Tensor<0, D>;
  sum(dim: number): Tensor<Dec<R>, D>;
  sum(dim: number, options: { keepDim: true }): Tensor<R, D>;
  sum(dim?: number, options: KeepDim = {}): Tensor<number, D> {
    return this.#apply("sum", { dim, ...options });
  }
  mean(): Tensor<0, D>;
  mean(dim: number): Tensor<Dec<R>, D>;
  mean(dim: number, options: { keepDim: true }): Tensor<R, D>;
  mean(dim?: number, options: KeepDim = {}): Tensor<number, D> {
    return this.#apply("mean", { dim, ...options });
  }
  max(): Tensor<0, D>;
  max(dim: number): Tensor<Dec<R>, D>;
  max(dim: number, options: { keepDim: true }): Tensor<R, D>;
  max(dim?: number, options: KeepDim = {}): Tensor<number, D> {
    return this.#apply("max", { dim, ...options });
  }
  min(): Tensor<0, D>;
  min(dim: number): Tensor<Dec<R>, D>;
  min(dim: number, options: { keepDim: true }): Tensor<R, D>;
  min(dim?: number, options: KeepDim = {}): Tensor<number, D> {
    return this.#apply("min", { dim, ...options });
  }
  /** Sums of what stands before each entry along a dim, and of itself. */
  cumsum(dim: number): Tensor<R, D> {
    return this.#apply("cumsum", { dim });
  }
  /** Position of the largest entry; the first of several. */
  argmax(dim: number): Tensor<Dec<R>, "int64"> {
    return this.#apply("argmax", { dim });
  }
  argmin(dim: number): Tensor<Dec<R>, "int64"> {
    return this.#apply("argmin", { dim });
  }

  // ---- values
  /** The typed array of the dtype, row-major. Not to be written to. */
  async data(options: WaitOptions = {}): Promise<DTypeArrays[D]> {
    return (await compute(this, options)) as DTypeArrays[D];
  }
  /** Nested plain numbers; bool gives 0 and 1. */
  async toArray(options: WaitOptions = {}): Promise<Nested<R>> {
    const numbers = numbersOf(this.dtype, await compute(this, options));
    return nest(numbers, this.shape) as Nested<R>;
  }
  /** The number of a tensor that has one. */
  async item(options: WaitOptions = {}): Promise<number> {
    if (this.state.kind !== "symbolic" && sizeOf(this.shape) !== 1)
      throw new ShapeError(`item() of a tensor of shape [${this.shape.join(", ")}]`, { hint: "it has more than one value: use toArray() or data()" });
    return numbersOf(this.dtype, await compute(this, options)).next().value as number;
  }
  /** Adds to the gradients of every parameter that this scalar depends on; they add up until `zeroGrad()`. */
  async backward(options: WaitOptions = {}): Promise<void> {
    await backward(this, options);
  }

  [Symbol.toPrimitive](hint: string): never {
    throw coerced(hint === "string" ? "text" : "number");
  }
  toJSON(): never {
    throw coerced("JSON");
  }
  [inspect.custom](): string {
    return shown(this);
  }
}
