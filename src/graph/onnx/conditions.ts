// Which branch of an If is taken, where the graph tells without data: conditions that are constants, or that compare sizes.
import type { Dim, ShapeEnv } from "../dims.js";
import type { Value } from "../graph.js";

/** Ops that hand a single element on. */
const carriers: ReadonlySet<string> = new Set(["Identity", "Cast", "Squeeze", "Unsqueeze", "Reshape"]);

/** -1, 0 or 1 as a is less than, equal to or greater than b, as the hints say; that they say so becomes a guard. */
function order(env: ShapeEnv, a: Dim, b: Dim): number | undefined {
  const [ha, hb] = [env.hint(a), env.hint(b)];
  if (ha === undefined || hb === undefined) return env.resolve(a) === env.resolve(b) ? 0 : undefined;
  if (ha === hb) env.unify(a, b);
  else if (ha < hb) env.min(env.add(a, 1), b);
  else env.min(env.add(b, 1), a);
  return Math.sign(ha - hb);
}

/** What an order of two sizes says of them. */
const comparisons: Readonly<Record<string, (order: number) => boolean>> = {
  Equal: (o) => o === 0,
  Less: (o) => o < 0,
  Greater: (o) => o > 0,
  LessOrEqual: (o) => o <= 0,
  GreaterOrEqual: (o) => o >= 0,
};
function compared(env: ShapeEnv, op: string, a: Dim, b: Dim): boolean | undefined {
  const found = order(env, a, b);
  return found === undefined ? undefined : comparisons[op]!(found);
}

const not = (x: boolean | undefined): boolean | undefined => (x === undefined ? undefined : !x);
const single = (value: Value): Dim | undefined => (value.content?.length === 1 ? value.content[0] : undefined);

/**
 * Whether a bool of one element is true; undefined where only data can tell. Where sizes decide, it is by their hints, and the decision becomes a guard of the graph.
 */
export function decide(env: ShapeEnv, condition: Value): boolean | undefined {
  if (condition.constant) return condition.constant.data.length === 1 ? Boolean(Number(condition.constant.data[0])) : undefined;
  const known = single(condition);
  if (typeof known === "number") return known !== 0;
  const node = condition.producer;
  if (node?.domain !== "") return undefined;
  const inputs = node.inputs as readonly Value[];
  if (carriers.has(node.op)) {
    const x = inputs[0]!;
    return x.dtype === "bool" ? decide(env, x) : known === undefined ? undefined : not(compared(env, "Equal", known, 0));
  }
  if (node.op === "Not") return not(decide(env, inputs[0]!));
  if (node.op === "And" || node.op === "Or") {
    const both = inputs.map((x) => decide(env, x));
    const settles = node.op === "Or";
    if (both.includes(settles)) return settles;
    return both.includes(undefined) ? undefined : !settles;
  }
  const [a, b] = [inputs[0] && single(inputs[0]), inputs[1] && single(inputs[1])];
  return Object.hasOwn(comparisons, node.op) && a !== undefined && b !== undefined ? compared(env, node.op, a, b) : undefined;
}
