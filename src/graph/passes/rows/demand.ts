// Which nodes have to be computed for some rows only: what is wanted, followed back through ops that work row by row.
import { dtypes } from "../../dtype.js";
import type { Graph, Node, Value } from "../../graph.js";
import type { Lead, RowSpace } from "./row-set.js";
import { hasRows, type RowPlan, rowPlan } from "./row-wise.js";

/** A value of which rows are wanted, and how many of its dims they take. */
export interface Wanted {
  readonly value: Value;
  readonly lead: Lead;
}
export interface Demand {
  readonly space: RowSpace;
  /** How the nodes that are computed on rows are; in the graph's order. */
  readonly plans: ReadonlyMap<Node, RowPlan>;
  /** Everything of which rows are read; what none of the nodes above makes has its rows gathered. */
  readonly wanted: ReadonlyMap<Value, Lead>;
}

/** Labels, masks and the like: computing them twice costs nothing. */
const isSmall = (node: Node): boolean => node.outputs.every((v) => dtypes[v.dtype].kind !== "float" || v.rank < 2);

/**
 * Follows wanted rows back to where they have to be gathered.
 *
 * @param options.readers the nodes that read the wanted values so. Then only nodes are followed through of which nobody wants all rows: none is computed twice
 * @param options.ordered whether the rows will be ordered: only then they may be queries of attention
 */
export function demandRows(
  graph: Graph,
  space: RowSpace,
  wants: readonly Wanted[],
  options: { readonly readers?: ReadonlySet<Node>; readonly ordered: boolean },
): Demand | undefined {
  const { readers, ordered } = options;
  const { env } = graph;
  const wanted = new Map<Value, Lead>();
  /** Of these somebody needs all rows. */
  const entire = new Set<Value>(graph.outputs);
  const want = (value: Value, lead: Lead): boolean => {
    const known = wanted.get(value);
    wanted.set(value, lead);
    return known === undefined || known === lead;
  };
  if (!wants.every(({ value, lead }) => hasRows({ env, space }, value, lead) && want(value, lead))) return undefined;
  const plans = new Map<Node, RowPlan>();
  for (const node of graph.nodes.toReversed()) {
    const lead = node.outputs.map((out) => wanted.get(out)).find((l) => l !== undefined);
    const free = !readers || isSmall(node) || !node.outputs.some((out) => entire.has(out));
    const plan = lead !== undefined && free ? rowPlan({ env, node, lead, space, ordered }) : undefined;
    if (!plan) {
      if (!readers?.has(node)) for (const input of node.inputs) if (input) entire.add(input);
      continue;
    }
    plans.set(node, plan);
    const twice = node.outputs.some((out) => entire.has(out));
    for (const [i, use] of plan.uses.entries()) {
      const input = node.inputs[i];
      if (!input) continue;
      if (use.kind !== "rows" || (readers && twice)) entire.add(input);
      if (use.kind !== "rows") continue;
      if (!want(input, use.lead)) return undefined;
    }
  }
  return { space, plans: new Map([...plans].reverse()), wanted };
}
