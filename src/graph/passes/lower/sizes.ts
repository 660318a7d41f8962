// Sizes that change from run to run: the host knows them before a run, so a device need not compute them, nor wait for a host that does.
import type { Dim } from "../../dims.js";
import { sizeOf } from "../../dtype.js";
import type { Graph, Node, Value } from "../../graph.js";
import { removeDeadCode } from "../dead-code.js";
import { rewrite } from "../rewrite.js";

/** An input of sizes: an int64 vector, or a scalar. */
export interface SizesInput {
  readonly value: Value;
  /** One for each element. */
  readonly dims: readonly Dim[];
}

/** The sizes that a node makes, where the sizes of inputs decide them and none of them is known while the graph is built. */
function sizesOf(graph: Graph, node: Node): readonly Dim[] | undefined {
  const [out, ...more] = node.outputs;
  if (!out || more.length > 0 || out.dtype !== "int64" || out.rank > 1 || graph.outputs.includes(out)) return undefined;
  const dims = out.content?.map((d) => graph.env.resolve(d));
  if (!dims || dims.length !== sizeOf(out.shape as number[]) || dims.every((d) => typeof d === "number")) return undefined;
  return dims.some((d) => typeof d === "string" && graph.env.isUnknown(d)) ? undefined : dims;
}

/** Replaces all nodes that compute sizes by inputs of the graph. */
export function sizesFromHost(graph: Graph): SizesInput[] {
  const made = new Map<string, SizesInput>();
  rewrite(graph, (node) => {
    const dims = sizesOf(graph, node);
    if (!dims) return undefined;
    const { shape } = node.outputs[0]!;
    const key = `${shape.length} ${dims.join()}`;
    const known = made.get(key) ?? { value: graph.input(`sizes${made.size}`, "int64", shape, dims), dims };
    made.set(key, known);
    return [known.value];
  });
  removeDeadCode(graph);
  const read = new Set(graph.nodes.flatMap((node) => node.inputs));
  const unread = new Set([...made.values()].filter(({ value }) => !read.has(value)).map(({ value }) => value));
  graph.inputs.splice(0, graph.inputs.length, ...graph.inputs.filter((value) => !unread.has(value)));
  return [...made.values()].filter(({ value }) => !unread.has(value));
}
