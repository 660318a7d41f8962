// GELU as exporters write it where their opset has none: composed of Erf or Tanh, it becomes Gelu.
import type { Graph, Node, Value } from "../../graph.js";
import { isNumber, made, replaceMatches, scalarOf } from "./match.js";

/** The factors of a product of products, and the product of its constants. */
interface Product {
  readonly factors: readonly Value[];
  readonly constant: number;
}

function product(value: Value, depth = 3): Product {
  const number = scalarOf(value);
  if (number !== undefined) return { factors: [], constant: number };
  const mul = depth > 0 ? made(value, "Mul") : undefined;
  if (mul) {
    const [a, b] = mul.inputs.map((v) => product(v!, depth - 1)) as [Product, Product];
    return { factors: [...a.factors, ...b.factors], constant: a.constant * b.constant };
  }
  const div = depth > 0 ? made(value, "Div") : undefined;
  const divisor = div && scalarOf(div.inputs[1]);
  if (divisor === undefined || divisor === 0) return { factors: [value], constant: 1 };
  const { factors, constant } = product(div!.inputs[0]!, depth - 1);
  return { factors, constant: constant / divisor };
}

const near = (a: number, b: number): boolean => Math.abs(a - b) <= 1e-4 * Math.abs(b);

/** The other operand of an addition of 1. */
function plusOne(value: Value): Value | undefined {
  const add = made(value, "Add");
  if (!add) return undefined;
  const [a, b] = add.inputs as [Value, Value];
  return isNumber(b, 1) ? a : isNumber(a, 1) ? b : undefined;
}

/** Whether u is x / sqrt(2). */
function isScaled(u: Value, x: Value): boolean {
  const { factors, constant } = product(u);
  return factors.length === 1 && factors[0] === x && near(constant, Math.SQRT1_2);
}

/** Whether a value is x^3, times `constant`. */
function isCube(value: Value, x: Value, expected: number): boolean {
  const { factors, constant } = product(value);
  if (!near(constant, expected)) return false;
  const powers = factors.map((f) => {
    const pow = made(f, "Pow");
    return f === x ? 1 : pow && pow.inputs[0] === x ? (scalarOf(pow.inputs[1]) ?? Number.NaN) : Number.NaN;
  });
  return powers.reduce((sum, p) => sum + p, 0) === 3;
}

/** Whether u is sqrt(2 / pi) (x + 0.044715 x^3). */
function isTanhArgument(u: Value, x: Value): boolean {
  const { factors, constant } = product(u);
  if (factors.length !== 1 || !near(constant, Math.sqrt(2 / Math.PI))) return false;
  const add = made(factors[0], "Add");
  const [a, b] = add?.inputs ?? [];
  return (a === x && b !== undefined && isCube(b, x, 0.044715)) || (b === x && a !== undefined && isCube(a, x, 0.044715));
}

/** x and the form of GELU that a product is. */
function geluOf(node: Node): { readonly x: Value; readonly approximate: "none" | "tanh" } | undefined {
  const { factors, constant } = product(node.outputs[0]!);
  if (factors.length !== 2 || !near(constant, 0.5)) return undefined;
  for (const [x, bracket] of [factors, factors.toReversed()] as [Value, Value][]) {
    const inner = plusOne(bracket);
    const [erf, tanh] = [made(inner, "Erf"), made(inner, "Tanh")];
    if (erf && isScaled(erf.inputs[0]!, x)) return { x, approximate: "none" };
    if (tanh && isTanhArgument(tanh.inputs[0]!, x)) return { x, approximate: "tanh" };
  }
  return undefined;
}

/** Returns how many were found. */
export function findGelu(graph: Graph): number {
  return replaceMatches(graph, (node, { b, current }) => {
    if (node.op !== "Mul" || node.domain !== "" || node.outputs[0]!.dtype !== "float32") return undefined;
    const found = geluOf(node);
    const x = found && current(found.x);
    return x && [b.op("Gelu", [x], { approximate: found.approximate })];
  });
}
