// The passes in the order in which they run, and the switches that turn them off.
import type { Graph } from "../graph.js";
import { attentionPass } from "./attention.js";
import { autocastPass, autocastBackwardPass } from "./autocast.js";
import { shareSubexpressions } from "./common-subexpressions.js";
import { removeDeadCode } from "./dead-code.js";
import { foldPass } from "./fold.js";
import { fusePass } from "./fuse.js";
import { type PassName, passNames, type PassSwitches } from "./names.js";
import { gemmPass } from "./gemm.js";
import type { GraphPass, PassContext } from "./pass.js";
import { recompute } from "./recompute/index.js";
import { rowPushdown } from "./row-pushdown/index.js";
import { unpad } from "./unpad/index.js";

export { type PassName, passNames, type PassSwitches };

const shareAndClean = (graph: Graph): number => {
  const before = graph.nodes.length;
  shareSubexpressions(graph);
  removeDeadCode(graph);
  return before - graph.nodes.length;
};

/** One line per pass. */
export const passes: readonly GraphPass[] = [
  foldPass,
  { name: "cse", stage: "forward", says: "equal nodes become one, unused ones go", run: shareAndClean },
  attentionPass,
  rowPushdown,
  unpad,
  fusePass,
  autocastPass,
  autocastBackwardPass,
  { name: "share", stage: "backward", says: "equal nodes of forward and backward become one", run: shareAndClean },
  recompute,
  gemmPass,
  { name: "dead-code", stage: "backward", says: "what no output needs goes", run: removeDeadCode },
];

/** What a pass did to a graph. */
export interface PassReport {
  readonly name: PassName;
  readonly changes: number;
  readonly nodesBefore: number;
  readonly nodesAfter: number;
}

export interface RunPassesOptions {
  readonly switches?: PassSwitches;
  /** Called around each pass that is not turned off. */
  readonly watch?: ((report: PassReport, graph: Graph) => void) | undefined;
}

/**
 * Runs all passes of a stage that are not turned off.
 *
 * @example
 * runPasses(graph, "forward", context, { switches: { unpad: false } });
 */
export function runPasses(graph: Graph, stage: GraphPass["stage"], context: PassContext, options: RunPassesOptions = {}): void {
  const { switches = {}, watch } = options;
  for (const pass of passes) {
    if (pass.stage !== stage || switches[pass.name] === false) continue;
    const nodesBefore = graph.nodes.length;
    const changes = pass.run(graph, context);
    watch?.({ name: pass.name, changes, nodesBefore, nodesAfter: graph.nodes.length }, graph);
  }
}
