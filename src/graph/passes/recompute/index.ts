// Recomputation: between cut points, forward values that backward needs are not kept but computed again when backward gets there.
import { Builder } from "../../builder.js";
import type { Graph, Node, Value } from "../../graph.js";
import type { GraphPass } from "../pass.js";
import { sortNodes } from "../rows/edit.js";
import { endsInOrder } from "./ends.js";

/** The attribute of an Identity that is a cut point: its value is kept, and what follows up to the next one is computed from it again. */
export const cutAttribute = "_checkpoint";

const isCut = (node: Node | undefined): boolean => node?.op === "Identity" && node.domain === "" && node.attributes[cutAttribute] === 1;
/** Nodes that differentiation added. */
const isBackward = (node: Node): boolean => node.name.startsWith("backward/");
const computed = new Set(["float32", "float64"]);

/** Forward values by the last cut point that they depend on: 1 for the first, 0 for those in front of it. Cut points belong to what follows them. */
function forwardLevels(nodes: readonly Node[]): { readonly levels: ReadonlyMap<Value, number>; readonly last: number } {
  const levels = new Map<Value, number>();
  let last = 0;
  for (const node of nodes) {
    const level = isCut(node) ? ++last : node.inputs.reduce((most, v) => Math.max(most, (v && levels.get(v)) ?? 0), 0);
    if (level > 0) for (const out of node.outputs) levels.set(out, level);
  }
  return { levels, last };
}

/** Backward nodes by the earliest part of forward of which they need something, themselves or through gradients. */
function backwardLevels(nodes: readonly Node[], forward: ReadonlyMap<Value, number>): Map<Node, number> {
  const levels = new Map<Node, number>();
  for (const node of nodes) {
    let level = Number.POSITIVE_INFINITY;
    for (const v of node.inputs) if (v) level = Math.min(level, forward.get(v) ?? (v.producer && levels.get(v.producer)) ?? Number.POSITIVE_INFINITY);
    levels.set(node, level);
  }
  return levels;
}

/** The gradient with which backward enters a part: made by later parts alone, read by the first node that needs something of this one. */
function entrance(backward: ReadonlyMap<Node, number>, part: number, dtype: string): Value | undefined {
  for (const [node, level] of backward) {
    if (level !== part) continue;
    const later = node.inputs.find((v) => {
      const from = v?.producer && backward.get(v.producer);
      return v?.dtype === dtype && from !== undefined && from > part && from < Number.POSITIVE_INFINITY;
    });
    if (later) return later;
  }
  return undefined;
}

/** Copies of the nodes of one part, computed from its cut points once backward has reached it. */
class Part {
  readonly #graph: Graph;
  readonly #levels: ReadonlyMap<Value, number>;
  readonly #part: number;
  readonly #token: Value;
  readonly #copies = new Map<Value, Value>();

  constructor(graph: Graph, levels: ReadonlyMap<Value, number>, part: number, token: Value) {
    this.#graph = graph;
    this.#levels = levels;
    this.#part = part;
    this.#token = token;
  }

  /** A forward value as backward is to read it; values of other parts, and cut points, are kept. */
  of(value: Value): Value {
    if (this.#levels.get(value) !== this.#part || isCut(value.producer)) return value;
    // A stack of its own: parts may be long.
    const open = [value.producer!];
    for (let node = open.at(-1); node; node = open.at(-1)) {
      const missing = node.inputs.flatMap((v) => (v && this.#toCopy(v) ? [v.producer!] : []));
      if (missing.length > 0) open.push(...missing);
      else {
        open.pop();
        if (!this.#copies.has(node.outputs[0]!)) this.#copy(node);
      }
    }
    return this.#copies.get(value)!;
  }

  #toCopy(value: Value): boolean {
    return this.#levels.get(value) === this.#part && !isCut(value.producer) && !this.#copies.has(value);
  }

  #copy(node: Node): void {
    const inputs = node.inputs.map((v) => v && (this.#copies.get(v) ?? (this.#levels.get(v) === this.#part && isCut(v.producer) ? this.#late(v) : v)));
    const outputs = this.#graph.add(node.op, inputs, node.attributes, { domain: node.domain, outputs: node.outputs.length, scope: `backward/${node.name}` });
    for (const [i, out] of node.outputs.entries()) this.#copies.set(out, outputs[i]!);
  }

  #late(cut: Value): Value {
    const known = this.#copies.get(cut);
    if (known) return known;
    const late = new Builder(this.#graph, { scope: `backward/${cut.producer!.name}` }).op("After", [cut, this.#token], {}, { domain: "accelerate_ts" });
    this.#copies.set(cut, late);
    return late;
  }
}

function run(graph: Graph): number {
  const before = [...graph.nodes];
  const forward = before.filter((node) => !isBackward(node));
  const { levels, last } = forwardLevels(forward);
  if (last < 2) return 0;
  const backwardNodes = before.filter(isBackward);
  const backward = backwardLevels(backwardNodes, levels);
  let changed = 0;
  // Backward begins with the last part: what it needs is there already.
  for (let part = 1; part < last; part++) {
    const cut = forward.filter(isCut)[part - 1]!.outputs[0]!;
    const token = computed.has(cut.dtype) ? entrance(backward, part, cut.dtype) : undefined;
    if (!token) continue;
    const copies = new Part(graph, levels, part, token);
    for (const node of backwardNodes) for (const [i, v] of node.inputs.entries()) if (v && levels.get(v) === part) node.inputs[i] = copies.of(v);
    changed++;
  }
  if (changed > 0) {
    sortNodes(graph);
    endsInOrder(graph);
  }
  return changed;
}

export const recompute: GraphPass = {
  name: "recompute",
  stage: "backward",
  says: "between cut points, forward values are computed again rather than kept",
  run,
};
