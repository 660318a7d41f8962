// How much memory the values between a graph's inputs and outputs take while it runs: which are alive together, in the order in which ONNX Runtime computes them.
import type { Graph, Node, Value } from "./graph.js";

/** Ops whose output is the memory of their first input under another shape. */
const renames: ReadonlySet<string> = new Set(["Reshape", "Squeeze", "Unsqueeze", "Identity", "Flatten"]);
/**
 * The order in which ONNX Runtime's sequential executor computes a graph: from the nodes that nobody uses, the last one first, everything that it needs (the last first again). What is computed late
 * is therefore often not what stands late in the graph: a node that one gradient needs early may be held for long.
 */
export function executionOrder(graph: Graph): Node[] {
  const places = new Map(graph.nodes.map((node, place) => [node, place]));
  const needs = graph.nodes.map(({ inputs }) =>
    [...new Set(inputs.flatMap((value) => (value?.producer ? [places.get(value.producer)!] : [])))].sort((a, b) => a - b),
  );
  const used = new Set(needs.flat());
  const stack = [...needs.keys()].filter((place) => !used.has(place)).map((place) => ({ place, done: false }));
  const seen = new Set<number>();
  const order: Node[] = [];
  for (let top = stack.pop(); top; top = stack.pop()) {
    const { place, done } = top;
    if (done) order.push(graph.nodes[place]!);
    if (done || seen.has(place)) continue;
    seen.add(place);
    stack.push({ place, done: true });
    for (const needed of needs[place]!) if (!seen.has(needed)) stack.push({ place: needed, done: false });
  }
  return order;
}

/** Where values get their memory from. */
export interface ValueMemory<B> {
  allocate(bytes: number): B;
  free(block: B): void;
}
export interface LivePeak {
  /** Greatest sum of what is alive at one time. */
  readonly bytes: number;
  /** While this was computed. */
  readonly node: Node | undefined;
}

/** Memory that one value, or several after each other, lie in. */
interface Block<B> {
  readonly bytes: number;
  readonly memory: B;
  /** Values in it that are still needed. */
  holders: number;
}

/**
 * Runs a graph without computing it: every value between inputs and outputs takes its memory when its node runs, and gives it back after its last use. Inputs, outputs and constants lie elsewhere. That a
 * node may write over an input is left out: ONNX Runtime does it only where it knows both sizes to be the same, and keeps memory for reuse in other places; measured, the two weigh the same.
 *
 * @param bytes of a value, for the sizes of the run
 * @example
 * const { bytes } = liveRun(graph, { bytes: (v) => sizeIn(v) * 4, memory: { allocate: () => undefined, free: () => {} } });
 */
export function liveRun<B>(
  graph: Graph,
  {
    bytes,
    memory,
    order = executionOrder(graph),
  }: { readonly bytes: (value: Value) => number; readonly memory: ValueMemory<B>; readonly order?: readonly Node[] },
): LivePeak {
  const outside = new Set(graph.outputs);
  const uses = new Map<Value, number>();
  for (const { inputs } of order) for (const value of inputs) if (value) uses.set(value, (uses.get(value) ?? 0) + 1);
  /** Of the values that lie in blocks; inputs, outputs and constants are not among them. */
  const blocks = new Map<Value, Block<B>>();
  let live = 0;
  let peak: LivePeak = { bytes: 0, node: undefined };

  const release = (value: Value): void => {
    const block = blocks.get(value);
    if (!block || --block.holders > 0) return;
    live -= block.bytes;
    memory.free(block.memory);
  };
  for (const node of order) {
    for (const output of node.outputs) {
      if (outside.has(output)) continue;
      const renamed = renames.has(node.op) && node.domain === "" ? node.inputs[0] : undefined;
      const known = renamed && blocks.get(renamed);
      if (renamed && !known) continue;
      const block = known ?? { bytes: bytes(output), memory: memory.allocate(bytes(output)), holders: 0 };
      if (!known) live += block.bytes;
      block.holders++;
      blocks.set(output, block);
    }
    if (live > peak.bytes) peak = { bytes: live, node };
    for (const value of node.inputs) {
      if (!value) continue;
      const left = uses.get(value)! - 1;
      uses.set(value, left);
      if (left === 0) release(value);
    }
    for (const output of node.outputs) if (!uses.has(output)) release(output);
  }
  return peak;
}
