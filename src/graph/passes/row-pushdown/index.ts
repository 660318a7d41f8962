// Row pushdown: where a model reads few rows of hidden states, what made these states is computed for those rows only.
import { dtypes } from "../../dtype.js";
import type { Graph, Node, Value } from "../../graph.js";
import { removeDeadCode } from "../dead-code.js";
import type { GraphPass, PassContext } from "../pass.js";
import { type Demand, demandRows } from "../rows/demand.js";
import { replaceValues, sortNodes } from "../rows/edit.js";
import { builderOf, canRead } from "../rows/known-data.js";
import { Packer } from "../rows/packer.js";
import { prepare } from "../rows/prepare.js";
import { type Selection, selections } from "../rows/selections.js";
import { Uses } from "../uses.js";
import { pushLabels } from "./labels.js";

/** Nodes of a demand for which fewer rows pay. */
export const heavyNodes = (demand: Demand): Node[] => [...demand.plans].flatMap(([node, plan]) => (plan.heavy ? [node] : []));

/** Selections of the same rows, by their key. */
function groups(graph: Graph): Map<string, Selection[]> {
  const found = new Map<string, Selection[]>();
  for (const selection of selections(graph, new Uses(graph))) {
    const group = found.get(selection.key);
    if (group) group.push(selection);
    else found.set(selection.key, [selection]);
  }
  return found;
}

/** Moves selections of the same rows up as far as they go. Returns how many heavy nodes have fewer rows now. */
function push(graph: Graph, group: readonly Selection[]): number {
  const { space } = group[0]!;
  if (!canRead(graph, space)) return 0;
  const readers = new Set(group.flatMap(({ nodes }) => nodes));
  const demand = demandRows(graph, space, group, { readers, ordered: group[0]!.ordered });
  const pushed = demand ? heavyNodes(demand).length : 0;
  if (!demand || pushed === 0) return 0;
  const b = builderOf(graph);
  b.scope = "rows";
  const rows = group[0]!.rows(b);
  const packer = new Packer(b, demand, rows);
  const replaced = new Map<Value, Value>(group.map((s) => [s.nodes.at(-1)!.outputs[0]!, s.shaped(b, packer.of(s.value))]));
  replaceValues(graph, replaced);
  sortNodes(graph);
  removeDeadCode(graph);
  return pushed;
}

function run(graph: Graph, context: PassContext): number {
  // Rows at places of their own need the library's kernels: in ONNX's ops, putting them into place and fetching them costs more launches than the rows left out.
  if (context.target && !context.target.kernels.has("Attention")) return 0;
  prepare(graph);
  let pushed = 0;
  const tried = new Set<string>();
  for (;;) {
    const next = [...groups(graph)].find(([key]) => !tried.has(key));
    if (!next) break;
    tried.add(next[0]);
    if (next[1].every(({ value }) => dtypes[value.dtype].kind === "float")) pushed += push(graph, next[1]);
  }
  // Which tokens have a label, only the data tell.
  return context.target ? pushed : pushed + pushLabels(graph, context);
}

export const rowPushdown: GraphPass = {
  name: "row-pushdown",
  stage: "forward",
  says: "where few rows are read (the first token, the last, those with a label), only they are computed",
  run,
};
