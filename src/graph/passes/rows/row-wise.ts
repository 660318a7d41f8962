// Which ops compute each row from the same row of their inputs, and what they are on a list of rows: packed(op(x, y)) = op(packed(x), packed(y)).
import { unaryOps } from "../../ops/elementwise.js";
import type { Builder } from "../../builder.js";
import type { Dim, ShapeEnv } from "../../dims.js";
import type { Node, Value } from "../../graph.js";
import { type BroadcastUse, broadcastUse } from "./broadcast.js";
import type { Lead, RowSet, RowSpace } from "./row-set.js";

/** What a packed node reads in the place of an input: its rows, or the input as it is. */
export type Use = { readonly kind: "rows"; readonly lead: Lead } | { readonly kind: "whole" } | BroadcastUse;

/** How a node is computed on a list of rows. */
export interface RowPlan {
  /** One per input. */
  readonly uses: readonly Use[];
  /** Adds the node on rows; one value per output. */
  build(b: Builder, inputs: readonly (Value | undefined)[], rows: RowSet): readonly Value[];
  /** It costs something: worth computing for fewer rows. */
  readonly heavy?: boolean;
}

/** What a rule sees: a node whose first output is wanted for some rows. */
export interface RowQuestion {
  readonly env: ShapeEnv;
  readonly node: Node;
  readonly lead: Lead;
  readonly space: RowSpace;
  /** Whether no row occurs twice and all stand in the order of batch entries. */
  readonly ordered: boolean;
}
type Rule = (question: RowQuestion) => RowPlan | undefined;

const whole: Use = { kind: "whole" };
const attribute = (node: Node, name: string, fallback: number): number => (typeof node.attributes[name] === "number" ? node.attributes[name] : fallback);
const axisOf = (axis: number, rank: number): number => (axis < 0 ? axis + rank : axis);

/** Whether the first dims of a value are its rows. */
export function hasRows({ env, space }: Pick<RowQuestion, "env" | "space">, x: Value | undefined, lead: Lead): boolean {
  if (!x || x.rank < lead) return false;
  const want: readonly Dim[] = lead === 2 ? [space.batch, space.tokens] : [env.product([space.batch, space.tokens])];
  return want.every((d, i) => env.resolve(d) === env.resolve(x.shape[i]!));
}

/** The same op with the same attributes, or others. */
function same(node: Node, uses: readonly Use[], options: { readonly attributes?: Node["attributes"]; readonly heavy?: boolean } = {}): RowPlan {
  const { attributes = node.attributes, heavy = false } = options;
  return {
    uses,
    heavy,
    build: (b, inputs) => b.ops(node.op, inputs, attributes, { domain: node.domain, outputs: node.outputs.length }),
  };
}
const rest = (node: Node, first: Use): Use[] => node.inputs.map((_, i) => (i === 0 ? first : whole));

const elementwise: Rule = ({ env, node, lead, space }) => {
  const out = node.outputs[0]!;
  const uses = node.inputs.map((x) => (x ? broadcastUse(env, x, out, lead, space) : whole));
  return uses.every((use) => use !== undefined) ? same(node, uses) : undefined;
};

/** x [rows.., m.., k] times a matrix that all rows share. */
const product: Rule = ({ node, lead }) => {
  const [x, w] = node.inputs;
  if (!x || w?.rank !== 2 || x.rank < lead + 1 || attribute(node, "transA", 0) !== 0) return undefined;
  return same(node, rest(node, { kind: "rows", lead }), { heavy: true });
};
/** Gemm's bias broadcasts to the rows: only one that all rows share stays what it is. */
const gemm: Rule = (question) => {
  const c = question.node.inputs[2];
  return c && c.rank > 1 && question.env.resolve(c.shape[0]!) !== 1 ? undefined : product(question);
};

/** Ops along one axis, given by an attribute, behind the rows; those of `inputs` that have rows. */
const along =
  (fallback: number, inputs: "first" | "all" = "first"): Rule =>
  ({ node, lead }) => {
    const rank = node.inputs[0]?.rank ?? 0;
    const axis = axisOf(attribute(node, "axis", fallback), rank);
    if (axis < lead) return undefined;
    const rows: Use = { kind: "rows", lead };
    return same(node, inputs === "all" ? node.inputs.map(() => rows) : rest(node, rows), { attributes: { ...node.attributes, axis: axis - (lead - 1) } });
  };

/** Axes in the second input, all behind the rows. `rank`: of the value that the axes count in. */
const axesInput =
  (at: number, rankOf: (node: Node) => number): Rule =>
  ({ node, lead }) => {
    const given = node.inputs[at]?.content;
    if (!given?.every((a) => typeof a === "number")) return undefined;
    const axes = given.map((a) => axisOf(a, rankOf(node)));
    if (axes.length === 0 || axes.some((a) => a < lead)) return undefined;
    return {
      uses: rest(node, { kind: "rows", lead }),
      build: (b, inputs) => {
        const moved = inputs.map((x, i) => (i === at ? b.int64(axes.map((a) => a - (lead - 1))) : x));
        return b.ops(node.op, moved, node.attributes, { outputs: node.outputs.length });
      },
    };
  };
const firstRank = (node: Node): number => node.inputs[0]?.rank ?? 0;

const transpose: Rule = ({ node, lead }) => {
  const perm = node.attributes.perm as readonly number[] | undefined;
  if (!perm || perm.slice(0, lead).some((p, i) => p !== i)) return undefined;
  return same(node, rest(node, { kind: "rows", lead }), { attributes: { perm: perm.slice(lead - 1).map((p, i) => (i === 0 ? 0 : p - (lead - 1))) } });
};

/** Dims behind the rows are joined or split; rows may be flattened, or unflattened. */
const reshape: Rule = (question) => {
  const { env, node, lead } = question;
  const [x] = node.inputs;
  const out = node.outputs[0]!;
  const from = ([2, 1] as const).find((l) => hasRows(question, x, l));
  if (!x || !from) return undefined;
  const [before, after] = [env.resolveShape(x.shape.slice(from)), env.resolveShape(out.shape.slice(lead))];
  const equal = before.length === after.length && before.every((d, i) => d === after[i]);
  if (!equal && (!after.every((d) => typeof d === "number") || env.product(before) !== env.product(after))) return undefined;
  const uses: Use[] = [{ kind: "rows", lead: from }, whole];
  return { uses, build: (b, [rows]) => [equal ? rows! : b.op("Reshape", [rows!, b.int64([-1, ...(after as number[])])])] };
};

/** Rows of a table at indices that have rows; or elements behind the rows, at indices that all rows share. */
const gather: Rule = (question) => {
  const { node, lead } = question;
  const [data, indices] = node.inputs;
  const axis = axisOf(attribute(node, "axis", 0), data?.rank ?? 0);
  if (axis === 0) return hasRows(question, indices, lead) ? same(node, [whole, { kind: "rows", lead }]) : undefined;
  return axis < lead ? undefined : same(node, [{ kind: "rows", lead }, whole], { attributes: { ...node.attributes, axis: axis - (lead - 1) } });
};

/** The mask that a row would have drawn at its place. */
const dropout: Rule = ({ node, lead }) => {
  const [x, , places] = node.inputs;
  if (places || x?.rank !== lead + 1) return undefined;
  return {
    uses: [{ kind: "rows", lead }, whole],
    build: (b, [rows, key], set) => [b.op("Dropout", [rows!, key, lead === 2 ? set.places : set.flatPlaces], node.attributes, { domain: node.domain })],
  };
};

/** Queries of the rows alone; keys and values stay those of all tokens. */
const attention: Rule = ({ node, lead, ordered }) => {
  const qPlaces = node.inputs[5];
  if (qPlaces || lead !== 2 || !ordered) return undefined;
  return {
    uses: node.inputs.map((_, i): Use => (i === 0 ? { kind: "rows", lead } : whole)),
    heavy: true,
    build: (b, [q, k, v, keyBias, key, , kPlaces], set) =>
      b.ops("Attention", [q, k, v, keyBias, key, set.places, kPlaces], node.attributes, { domain: node.domain, outputs: 2 }),
  };
};

const table = (rule: Rule, ops: readonly string[]): [string, Rule][] => ops.map((op) => [`:${op}`, rule]);
/** By domain and op. */
const rules: ReadonlyMap<string, Rule> = new Map<string, Rule>([
  ...table(elementwise, unaryOps),
  ...table(elementwise, ["Add", "Sub", "Mul", "Div", "Pow", "Mod", "Sum", "Mean", "Max", "Min", "PRelu", "Where", "Cast", "Clip", "Gelu", "Swish"]),
  ...table(elementwise, ["And", "Or", "Xor", "Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "IsNaN", "IsInf"]),
  ["com.microsoft:QuickGelu", elementwise],
  ...table(product, ["MatMul"]),
  ["com.microsoft:FusedMatMul", product],
  ...table(gemm, ["Gemm"]),
  ...table(along(-1), ["Softmax", "LogSoftmax", "Hardmax", "LayerNormalization", "RMSNormalization", "SimplifiedLayerNormalization", "TopK"]),
  ...table(along(0), ["ArgMax", "ArgMin", "Split"]),
  ...table(along(0, "all"), ["Concat", "GatherElements"]),
  ...table(
    axesInput(1, firstRank),
    ["Sum", "Mean", "Max", "Min", "Prod", "L1", "L2", "SumSquare", "LogSum", "LogSumExp"].map((name) => `Reduce${name}`),
  ),
  ...table(axesInput(1, firstRank), ["Squeeze"]),
  ...table(
    axesInput(1, (node) => node.outputs[0]!.rank),
    ["Unsqueeze"],
  ),
  ...table(axesInput(3, firstRank), ["Slice"]),
  [":Transpose", transpose],
  [":Reshape", reshape],
  [":Gather", gather],
  ["accelerate_ts:Dropout", dropout],
  ["accelerate_ts:Attention", attention],
]);

/** How a node whose output has rows is computed on a list of them; undefined when a row of it is not a function of that row alone. */
export function rowPlan(question: RowQuestion): RowPlan | undefined {
  const { node, lead } = question;
  const plan = rules.get(`${node.domain}:${node.op}`)?.(question);
  if (!plan) return undefined;
  // All outputs count their rows in the same way, and every input of which rows are read has them.
  if (!node.outputs.every((out) => hasRows(question, out, lead))) return undefined;
  return plan.uses.every((use, i) => use.kind !== "rows" || hasRows(question, node.inputs[i], use.lead)) ? plan : undefined;
}
