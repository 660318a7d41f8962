// Casts of parameters to a narrow type, and of their gradients back: one node for many, which is one launch.
import { Builder } from "../../builder.js";
import type { DType } from "../../dtype.js";
import type { Graph, Node, Value } from "../../graph.js";
import { customDomain } from "../../ops/custom.js";
import { rewrite } from "../rewrite.js";
import { Uses } from "../uses.js";

const ops: { readonly [D in DType]?: string } = { float16: "CastsToFloat16", bfloat16: "CastsToBfloat16", float32: "CastsToFloat32" };
/** As many as one launch takes: `most_casts` in src/native/cuda/kernels/casts.h. */
const mostValues = 64;
/** And so many numbers of gradients: what is cast together waits for its last one, and so does whoever sends the first one to other ranks. */
const mostGradients = 2 ** 22;
/** And of parameters: without a backward their narrow copies need not be there all at once. */
const mostParameters = 2 ** 24;

/** Whether a kernel casts these numbers. */
function opOf(node: Node, kernels: ReadonlySet<string>): string | undefined {
  if (node.op !== "Cast" || node.domain !== "") return undefined;
  const [from, to] = [node.inputs[0]!.dtype, node.outputs[0]!.dtype];
  const op = from !== to && ops[from] ? ops[to] : undefined;
  return op && (from === "float32" || to === "float32") && kernels.has(op) ? op : undefined;
}

function numbersIn(graph: Graph, value: Value): number {
  return graph.env.resolveShape(value.shape).reduce<number>((count, d) => count * (typeof d === "number" ? d : 1), 1);
}

/** Casts of one kind in the graph's order, cut into what goes together; single ones stay what they are. */
function groupsOf(graph: Graph, casts: readonly Node[], mostNumbers: number): Node[][] {
  const open = new Map<string, { nodes: Node[]; numbers: number }>();
  const groups: Node[][] = [];
  for (const node of casts) {
    const kind = `${node.inputs[0]!.dtype} ${node.outputs[0]!.dtype}`;
    const numbers = numbersIn(graph, node.inputs[0]!);
    let group = open.get(kind);
    if (!group || group.nodes.length === mostValues || group.numbers + numbers > mostNumbers) {
      group = { nodes: [], numbers: 0 };
      open.set(kind, group);
      groups.push(group.nodes);
    }
    group.nodes.push(node);
    group.numbers += numbers;
  }
  return groups.filter((nodes) => nodes.length > 1);
}

const cast = (b: Builder, op: string, values: readonly Value[]): Value[] =>
  b.ops(op, values, { count: values.length }, { domain: customDomain, outputs: values.length });

/** Parameters, which are there from the beginning; returns how many nodes are gone. */
export function mergeParameterCasts(graph: Graph, kernels: ReadonlySet<string>): number {
  const casts = graph.nodes.filter((node) => {
    const x = node.inputs[0];
    return x && !x.producer && !x.constant && opOf(node, kernels) && node.outputs.every((out) => !graph.outputs.includes(out));
  });
  const groups = groupsOf(graph, casts, mostParameters);
  const groupOf = new Map(groups.flatMap((nodes) => nodes.map((node) => [node, nodes] as const)));
  const made = new Map<readonly Node[], Value[]>();
  rewrite(graph, (node, _, b) => {
    const nodes = groupOf.get(node);
    if (!nodes) return undefined;
    const values =
      made.get(nodes) ??
      cast(
        b,
        opOf(node, kernels)!,
        nodes.map(({ inputs }) => inputs[0]!),
      );
    made.set(nodes, values);
    return [values[nodes.indexOf(node)]!];
  });
  return groups.reduce((count, nodes) => count + nodes.length - 1, 0);
}

/** Outputs of the graph that nothing else reads; returns how many nodes are gone. */
export function mergeGradientCasts(graph: Graph, kernels: ReadonlySet<string>): number {
  const uses = new Uses(graph);
  const places = new Map(graph.outputs.map((value, i) => [value, i]));
  const isEnd = (node: Node): boolean => {
    const out = node.outputs[0]!;
    return uses.of(out).length === 0 && graph.outputs.filter((value) => value === out).length === 1;
  };
  const groups = groupsOf(
    graph,
    graph.nodes.filter((node) => opOf(node, kernels) && isEnd(node)),
    mostGradients,
  );
  const gone = new Set(groups.flat());
  const b = new Builder(graph, { scope: "backward" });
  for (const nodes of groups) {
    const values = cast(
      b,
      opOf(nodes[0]!, kernels)!,
      nodes.map(({ inputs }) => inputs[0]!),
    );
    for (const [i, node] of nodes.entries()) {
      const old = node.outputs[0]!;
      values[i]!.name = old.name;
      graph.outputs[places.get(old)!] = values[i]!;
    }
  }
  graph.nodes.splice(0, graph.nodes.length, ...graph.nodes.filter((node) => !gone.has(node)));
  return groups.reduce((count, nodes) => count + nodes.length - 1, 0);
}
