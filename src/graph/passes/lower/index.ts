// The last step of compiling for a device: what has no kernel there is put into ops that have one.
import { Builder } from "../../builder.js";
import type { Graph, Node, Value } from "../../graph.js";
import { customDomain } from "../../ops/custom.js";
import { shareSubexpressions } from "../common-subexpressions.js";
import { removeDeadCode } from "../dead-code.js";
import { decompose } from "../decompose.js";
import { fold } from "../fold.js";
import { rewrite } from "../rewrite.js";
import { cudaForms } from "./cuda.js";
import type { Forms } from "./forms.js";
import { type MaskInput, masksFromHost } from "./masks.js";
import { ownForms } from "./own-ops.js";
import type { Target, TargetType } from "./target.js";
import { webgpuForms } from "./webgpu.js";

export type { MaskInput } from "./masks.js";
export type { Target, TargetType } from "./target.js";

/** By device: the forms of ops that it lacks. */
const forms: { readonly [T in TargetType]: Forms } = { cpu: {}, cuda: cudaForms, webgpu: webgpuForms };

/** Forms may be made of what has a form itself; more rounds than any of them needs. */
const maxRounds = 8;

/** Rewrites what a table has forms for, and what these are made of in turn; returns how many nodes. */
function rewriteBy(graph: Graph, formOf: (node: Node) => Forms[string] | undefined): number {
  let changes = 0;
  for (let round = 0, before = -1; round < maxRounds && before < changes; round++) {
    before = changes;
    rewrite(graph, (node, inputs, b) => {
      const made = formOf(node)?.(new Builder(graph, { scope: b.scope }), node, inputs as readonly Value[]);
      if (made) changes++;
      return made;
    });
  }
  return changes;
}

const clean = (graph: Graph): void => {
  fold(graph);
  shareSubexpressions(graph);
  removeDeadCode(graph);
};

/**
 * Lowers a graph in place. Returns the masks that the host has to feed it.
 *
 * @example
 * const masks = lowerFor(graph, { type: "webgpu", kernels: new Set(), half: false });
 */
export function lowerFor(graph: Graph, target: Target): readonly MaskInput[] {
  const lacks = (node: Node): boolean => node.domain === customDomain && !target.kernels.has(node.op);
  rewriteBy(graph, (node) => (lacks(node) ? ownForms[node.op] : undefined));
  decompose(graph, lacks);
  rewriteBy(graph, (node) => (lacks(node) ? ownForms[node.op] : undefined));
  // What was computed again from what is now in plain sight is one value with what was computed before.
  clean(graph);
  const masks = target.kernels.has("Dropout") ? [] : masksFromHost(graph);
  rewriteBy(graph, (node) => forms[target.type][`${node.domain}:${node.op}`]);
  clean(graph);
  return masks;
}
