// The last step of compiling for a device: what has no kernel there is put into ops that have one.
import type { Graph, Node, Value } from "../../graph.js";
import { customDomain } from "../../ops/custom.js";
import { dropCastChains, settleCasts } from "../autocast.js";
import { shareSubexpressions } from "../common-subexpressions.js";
import { removeDeadCode } from "../dead-code.js";
import { decompose } from "../decompose.js";
import { fold } from "../fold.js";
import { mergeLaunches } from "../merge-launches/index.js";
import { rewrite } from "../rewrite.js";
import { cudaBfloat16, cudaDetours, cudaForms, cudaNoFloat16 } from "./cuda.js";
import { type Detour, takeDetours } from "./detours.js";
import type { Forms } from "./forms.js";
import { type MaskInput, masksFromHost } from "./masks.js";
import { narrowOf, widen } from "./narrow.js";
import { ownForms } from "./own-ops.js";
import { type SizesInput, sizesFromHost } from "./sizes.js";
import { hasKernel, type Target, type TargetType, takesNode } from "./target.js";
import { cpuMoves } from "./cpu.js";
import { webgpuDetours, webgpuForms, webgpuOwnForms } from "./webgpu.js";

export type { MaskInput } from "./masks.js";
export type { SizesInput } from "./sizes.js";
export type { Target, TargetType } from "./target.js";

/** What a device lacks. */
interface Gaps {
  /** Ops in ops that it has. */
  readonly forms: Forms;
  /** The library's own ops without a kernel, by name, where the decomposition that all share is not the best. */
  readonly own: Forms;
  /** Ops that it has for other types of numbers. */
  readonly detours: readonly Detour[];
  /** Ops, by domain and op, that it has in float32, and not in a narrow type. */
  lacks(op: string, narrow: "float16" | "bfloat16"): boolean;
}
const gaps: { readonly [T in TargetType]: Gaps } = {
  cpu: { forms: {}, own: {}, detours: [], lacks: (op) => !cpuMoves.has(op) },
  cuda: {
    forms: cudaForms,
    own: ownForms,
    detours: cudaDetours,
    lacks: (op, narrow) => (narrow === "bfloat16" ? !cudaBfloat16.has(op) : cudaNoFloat16.has(op)),
  },
  webgpu: { forms: webgpuForms, own: webgpuOwnForms, detours: webgpuDetours, lacks: () => false },
};

/** What the host feeds a lowered graph besides its data. */
export interface HostInputs {
  readonly masks: readonly MaskInput[];
  readonly sizes: readonly SizesInput[];
}

/** Forms may be made of what has a form itself; more rounds than any of them needs. */
const maxRounds = 8;

/** Rewrites what a table has forms for, and what these are made of in turn; returns how many nodes. */
function rewriteBy(graph: Graph, formOf: (node: Node) => Forms[string] | undefined): number {
  let changes = 0;
  for (let round = 0, before = -1; round < maxRounds && before < changes; round++) {
    before = changes;
    rewrite(graph, (node, inputs, b) => {
      const made = formOf(node)?.(b, node, inputs as readonly Value[]);
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
 * Lowers a graph in place. Returns what the host has to feed it.
 *
 * @example
 * const { masks, sizes } = lowerFor(graph, { type: "webgpu", kernels: new Set(), half: false });
 */
export function lowerFor(graph: Graph, target: Target): HostInputs {
  const { forms, own, detours, lacks: lacksNarrow } = gaps[target.type];
  const isOwn = (node: Node): boolean => node.domain === customDomain;
  // A kernel for float32 is better than a decomposition in a narrow type.
  widen(graph, (node, narrow) => isOwn(node) && !hasKernel(target, node.op, narrow) && hasKernel(target, node.op, "float32"));
  if (target.type === "cpu") {
    widen(graph, (node, narrow) => lacksNarrow(`${node.domain}:${node.op}`, narrow));
    clean(graph);
    return { masks: [], sizes: [] };
  }
  const lacks = (node: Node): boolean => isOwn(node) && !(hasKernel(target, node.op, narrowOf(node) ?? "float32") && takesNode(target, graph, node));
  const replaceOwn = () => rewriteBy(graph, (node) => (lacks(node) ? own[node.op] : undefined));
  replaceOwn();
  decompose(graph, lacks);
  replaceOwn();
  if (graph.nodes.some(narrowOf)) settleCasts(graph);
  // What was computed again from what is now in plain sight is one value with what was computed before.
  clean(graph);
  const masks = hasKernel(target, "Dropout", "float32") ? [] : masksFromHost(graph);
  rewriteBy(graph, (node) => forms[`${node.domain}:${node.op}`]);
  widen(graph, (node, narrow) => !isOwn(node) && lacksNarrow(`${node.domain}:${node.op}`, narrow));
  // Its rounding is of no use where an op has turned out to be float32.
  dropCastChains(graph, true);
  clean(graph);
  const sizes = sizesFromHost(graph);
  takeDetours(graph, detours);
  clean(graph);
  if (target.type === "cuda") mergeLaunches(graph, target);
  return { masks, sizes };
}
