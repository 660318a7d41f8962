// Ops in terms of others, by the decompositions of the op table.
import { Builder } from "../builder.js";
import type { Graph, Node } from "../graph.js";
import { rewrite } from "./rewrite.js";

/**
 * Replaces the chosen nodes by their decompositions, and the nodes of these in turn where they are chosen, too. Nodes whose op has none stay. Returns how many were replaced.
 *
 * @example
 * decompose(graph, (node) => node.domain === "accelerate_ts"); // for an engine that has none of the library's kernels
 */
export function decompose(graph: Graph, which: (node: Node) => boolean): number {
  let replaced = 0;
  for (let before = -1; before < replaced; ) {
    before = replaced;
    if (!graph.nodes.some((node) => which(node) && graph.ops.get(node.op, node.domain)?.decompose)) break;
    rewrite(graph, (node, inputs, b) => {
      const rule = which(node) ? graph.ops.get(node.op, node.domain)?.decompose : undefined;
      if (!rule) return undefined;
      replaced++;
      return rule({ b: new Builder(graph, { scope: b.scope ? `${b.scope}/${node.op}` : node.op }), node, inputs });
    });
  }
  return replaced;
}

function isComposite(graph: Graph, node: Node): boolean {
  const composite = graph.ops.get(node.op, node.domain)?.composite;
  return typeof composite === "function" ? composite(node) : composite === true;
}

/** Replaces the ops that the engine has no kernel for, but for those that are to stay a while: ones with a gradient rule of their own, before it was used. */
export function decomposeComposites(graph: Graph, stays: (node: Node) => boolean = () => false): number {
  return decompose(graph, (node) => isComposite(graph, node) && !stays(node));
}
