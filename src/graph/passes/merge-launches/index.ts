// The last rewriting for GPUs with kernels of the library's: what takes several launches, and one of these kernels does at once.
import type { Graph } from "../../graph.js";
import { shareSubexpressions } from "../common-subexpressions.js";
import { removeDeadCode } from "../dead-code.js";
import type { Target } from "../lower/target.js";
import { mergeAttentionBiases } from "./attention-biases.js";
import { mergeGradientCasts, mergeParameterCasts } from "./casts.js";
import { mergeLayerNorms } from "./layer-norms.js";

/**
 * Biases and their gradients go into attention, sums of gradients and casts into layer normalization, casts of weights and of their gradients into as few nodes as hold them. Numbers stay what they
 * were, but for roundings to a narrow type that are gone. Returns how many places.
 *
 * @example
 * mergeLaunches(graph, { type: "cuda", kernels: new Set(["BiasAttention", "BiasAttentionGrad"]), half: true });
 */
export function mergeLaunches(graph: Graph, { kernels }: Target): number {
  const steps = [mergeAttentionBiases, mergeLayerNorms, mergeParameterCasts, mergeGradientCasts];
  let changes = 0;
  for (const step of steps) {
    const made = step(graph, kernels);
    if (made === 0) continue;
    changes += made;
    shareSubexpressions(graph);
    removeDeadCode(graph);
  }
  return changes;
}
