// Small questions about values: their number, whether shapes are the same, what only their layout hides.
import type { Shape, ShapeEnv } from "../../dims.js";
import type { Value } from "../../graph.js";

/** The number of a float or integer value of one element, if it is a constant. */
export function knownNumber(value: Value): number | undefined {
  if (value.dtype === "float16" || value.dtype === "bfloat16") return undefined;
  if (value.constant) return value.constant.data.length === 1 ? Number(value.constant.data[0]) : undefined;
  const content = value.content;
  return content?.length === 1 && typeof content[0] === "number" ? content[0] : undefined;
}

export const sameDims = (env: ShapeEnv, a: Shape, b: Shape): boolean => a.length === b.length && a.every((d, i) => env.resolve(d) === env.resolve(b[i]!));

/** The value whose elements, in the same order, a value has: through Reshape, Squeeze, Unsqueeze, Flatten and Identity. */
export function sourceOfLayout(value: Value): Value {
  let source = value;
  while (source.producer?.domain === "" && ["Reshape", "Unsqueeze", "Squeeze", "Flatten", "Identity"].includes(source.producer.op))
    source = source.producer.inputs[0]!;
  return source;
}

/** A factor that is taken off a value: x = rest * factor, by a Mul or Div with a constant number. */
export function withoutFactor(value: Value): { readonly rest: Value; readonly factor: number } | undefined {
  const node = value.producer;
  if (node?.domain !== "" || (node.op !== "Mul" && node.op !== "Div")) return undefined;
  const [a, b] = node.inputs as [Value, Value];
  const right = knownNumber(b);
  if (right !== undefined && right !== 0 && b.rank <= a.rank) return { rest: a, factor: node.op === "Mul" ? right : 1 / right };
  const left = knownNumber(a);
  return node.op === "Mul" && left !== undefined && left !== 0 && a.rank <= b.rank ? { rest: b, factor: left } : undefined;
}
