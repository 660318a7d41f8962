// Element-wise ops on constants.
import { type DType, dtypeFromOnnx, isFloat, type TensorData } from "../../dtype.js";
import type { Node } from "../../graph.js";
import { broadcastPlaces, broadcastShape, type Element, type Elements } from "./elements.js";

/** What an op makes of constants; undefined where that is left to the engine. */
export type Evaluate = (inputs: readonly TensorData[], node: Node) => Elements | undefined;

/** One function for floats and small integers, one for int64. */
interface Binary {
  readonly number: (a: number, b: number, float: boolean) => number | undefined;
  readonly bigint?: (a: bigint, b: bigint) => bigint | undefined;
}

function zip(inputs: readonly TensorData[], dtype: DType, f: (values: readonly Element[]) => Element | undefined): Elements | undefined {
  const shape = broadcastShape(inputs.map((x) => x.shape));
  if (!shape) return undefined;
  const places = inputs.map((x) => broadcastPlaces(x.shape, shape));
  const data: Element[] = [];
  for (let i = 0; i < places[0]!.length; i++) {
    const value = f(inputs.map((x, k) => x.data[places[k]![i]!]!));
    if (value === undefined) return undefined;
    data.push(value);
  }
  return { dtype, shape, data };
}

const binary =
  ({ number, bigint }: Binary): Evaluate =>
  (inputs) => {
    const { dtype } = inputs[0]!;
    if (inputs.length !== 2 || dtype === "bool") return undefined;
    return zip(inputs, dtype, ([a, b]) => (typeof a === "bigint" ? bigint?.(a, b as bigint) : number(a as number, b as number, isFloat(dtype))));
  };

const compare =
  (f: (a: Element, b: Element) => boolean): Evaluate =>
  (inputs) =>
    zip(inputs, "bool", ([a, b]) => Number(f(a!, b!)));

const logic =
  (f: (a: boolean, b: boolean) => boolean): Evaluate =>
  (inputs) =>
    zip(inputs, "bool", ([a, b]) => Number(f(Boolean(a), Boolean(b))));

/** A function of one number, for floats; for integers where there is one. */
const unary =
  (float: (x: number) => number, whole?: (x: Element) => Element): Evaluate =>
  ([x]) => {
    if (isFloat(x!.dtype)) return { dtype: x!.dtype, shape: x!.shape, data: Array.from(x!.data as ArrayLike<number>, float) };
    return whole && x!.dtype !== "bool" ? { dtype: x!.dtype, shape: x!.shape, data: Array.from(x!.data as ArrayLike<Element>, whole) } : undefined;
  };

/** Towards the even number where two are as near. */
const roundEven = (x: number): number => {
  const down = Math.floor(x);
  const rest = x - down;
  const nearest = rest < 0.5 || (rest === 0.5 && down % 2 === 0) ? down : down + 1;
  return nearest === 0 && x < 0 ? -0 : nearest;
};

/** To another dtype; numbers that it does not hold are left to the engine. */
const cast: Evaluate = ([x], node) => {
  const to = dtypeFromOnnx(Number(node.attributes.to));
  if (!to || to === "float16" || to === "bfloat16") return undefined;
  const data: Element[] = [];
  for (const value of x!.data as Iterable<Element>) {
    if (isFloat(to)) data.push(Number(value));
    else if (to === "bool") data.push(Number(Boolean(value)));
    else {
      const whole = Math.trunc(Number(value));
      if (!(Math.abs(whole) <= (to === "int64" ? Number.MAX_SAFE_INTEGER : 2 ** 31 - 1)) || to === "uint8" || to === "int8") return undefined;
      data.push(typeof value === "bigint" && to === "int64" ? value : whole);
    }
  }
  return { dtype: to, shape: x!.shape, data };
};

const where: Evaluate = (inputs) => zip(inputs, inputs[1]!.dtype, ([condition, a, b]) => (condition ? a! : b!));

/** The exponent may be of another dtype. */
const pow: Evaluate = (inputs) => {
  const { dtype } = inputs[0]!;
  return isFloat(dtype) ? zip(inputs, dtype, ([a, b]) => (a as number) ** Number(b)) : undefined;
};

const divide: Binary = {
  number: (a, b, float) => (float ? a / b : b === 0 ? undefined : Math.trunc(a / b)),
  bigint: (a, b) => (b === 0n ? undefined : a / b),
};
/** Mod with fmod 0: the sign is the divisor's. */
const modulo: Evaluate = (inputs, node) =>
  node.attributes.fmod === 1
    ? undefined
    : binary({
        number: (a, b, float) => (float || b === 0 ? undefined : ((a % b) + b) % b),
        bigint: (a, b) => (b === 0n ? undefined : ((a % b) + b) % b),
      })(inputs, node);

export const arithmetic: Readonly<Record<string, Evaluate>> = {
  Add: binary({ number: (a, b) => a + b, bigint: (a, b) => a + b }),
  Sub: binary({ number: (a, b) => a - b, bigint: (a, b) => a - b }),
  Mul: binary({ number: (a, b, float) => (float ? a * b : Math.imul(a, b)), bigint: (a, b) => a * b }),
  Div: binary(divide),
  Mod: modulo,
  Pow: pow,
  Min: binary({ number: (a, b) => Math.min(a, b), bigint: (a, b) => (a < b ? a : b) }),
  Max: binary({ number: (a, b) => Math.max(a, b), bigint: (a, b) => (a > b ? a : b) }),
  Equal: compare((a, b) => a === b),
  Less: compare((a, b) => a < b),
  LessOrEqual: compare((a, b) => a <= b),
  Greater: compare((a, b) => a > b),
  GreaterOrEqual: compare((a, b) => a >= b),
  And: logic((a, b) => a && b),
  Or: logic((a, b) => a || b),
  Xor: logic((a, b) => a !== b),
  Not: ([x]) => ({ dtype: "bool", shape: x!.shape, data: Array.from(x!.data as Uint8Array, (v) => Number(!v)) }),
  Neg: unary(
    (x) => -x,
    (x) => -x,
  ),
  Abs: unary(Math.abs, (x) => (x < 0 ? -x : x)),
  Sqrt: unary(Math.sqrt),
  Floor: unary(Math.floor),
  Ceil: unary(Math.ceil),
  Round: unary(roundEven),
  Reciprocal: unary((x) => 1 / x),
  Where: where,
  Cast: cast,
  Identity: ([x]) => ({ dtype: x!.dtype, shape: x!.shape, data: x!.data as ArrayLike<Element> }),
};
