// Which branch of an If is taken, where the graph tells without data: conditions that are constants, or that compare sizes.
import type { Dim, ShapeEnv } from "../dims.js";
import type { Value } from "../graph.js";

/** Ops that hand a single element on. */
const carriers: ReadonlySet<string> = new Set(["Identity", "Cast", "Squeeze", "Unsqueeze", "Reshape"]);

/** Whether a < b, as the hints say; that they say so becomes a guard. */
function less(env: ShapeEnv, a: Dim, b: Dim): boolean | undefined {
  const [ha, hb] = [env.hint(a), env.hint(b)];
  if (ha === undefined || hb === undefined) return undefined;
  if (ha < hb) env.min(env.add(a, 1), b);
  else env.max(a, b);
  return ha < hb;
}

type Compare = (env: ShapeEnv, a: Dim, b: Dim) => boolean | undefined;
const not = (x: boolean | undefined): boolean | undefined => (x === undefined ? undefined : !x);
const comparisons: Readonly<Record<string, Compare>> = {
  Equal: (env, a, b) => {
    if (env.hint(a) === undefined || env.hint(b) === undefined) return env.resolve(a) === env.resolve(b) || undefined;
    if (env.equal(a, b)) return true;
    // Which is the smaller one is all that can be remembered of their being different.
    less(env, a, b);
    less(env, b, a);
    return false;
  },
  Less: less,
  Greater: (env, a, b) => less(env, b, a),
  LessOrEqual: (env, a, b) => not(less(env, b, a)),
  GreaterOrEqual: (env, a, b) => not(less(env, a, b)),
};

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
    return x.dtype === "bool" ? decide(env, x) : known === undefined ? undefined : not(comparisons.Equal!(env, known, 0));
  }
  if (node.op === "Not") return not(decide(env, inputs[0]!));
  if (node.op === "And" || node.op === "Or") {
    const both = inputs.map((x) => decide(env, x));
    const settles = node.op === "Or";
    if (both.includes(settles)) return settles;
    return both.includes(undefined) ? undefined : !settles;
  }
  const compare = Object.hasOwn(comparisons, node.op) ? comparisons[node.op] : undefined;
  const [a, b] = [inputs[0] && single(inputs[0]), inputs[1] && single(inputs[1])];
  return compare && a !== undefined && b !== undefined ? compare(env, a, b) : undefined;
}
