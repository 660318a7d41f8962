// Layer normalization takes and gives the narrow type of the products around it, and its gradient adds up the gradients of all that read it.
import type { DType } from "../../dtype.js";
import type { Graph, Node, Value } from "../../graph.js";
import { customDomain } from "../../ops/custom.js";
import { replaceMatches, sameShape, type Site } from "../fuse/match.js";
import type { Uses } from "../uses.js";

const isOwn = (node: Node, op: string): boolean => node.op === op && node.domain === customDomain;
const isNarrow = (dtype: DType): boolean => dtype === "float16" || dtype === "bfloat16";
/** How many terms the gradient takes beside dy. */
const mostTerms = 3;

/** The narrow value that a float32 one is cast from. */
function narrowSource(value: Value): Value | undefined {
  const { producer } = value;
  const from = producer?.op === "Cast" && producer.domain === "" ? producer.inputs[0]! : undefined;
  return from && value.dtype === "float32" && isNarrow(from.dtype) ? from : undefined;
}

/** What is added up to a value, as far as nobody reads sums and casts between; narrow terms as they were before they were cast. */
function termsOf(graph: Graph, value: Value, uses: Uses): Value[] {
  const { producer } = value;
  if (producer?.domain !== "" || !uses.sole(value)) return [value];
  if (producer.op === "Add" || producer.op === "Sum") {
    const terms = producer.inputs as readonly Value[];
    return terms.every((term) => sameShape(graph.env, term.shape, value.shape)) ? terms.flatMap((term) => termsOf(graph, term, uses)) : [value];
  }
  const source = narrowSource(value);
  return source ? termsOf(graph, source, uses) : [value];
}

/** Casts of a value to a type. */
const castsOf = (value: Value, dtype: DType, uses: Uses): Node[] =>
  uses.of(value).filter((node) => node.op === "Cast" && node.domain === "" && node.outputs[0]!.dtype === dtype);

export function mergeLayerNorms(graph: Graph, kernels: ReadonlySet<string>): number {
  /** What stands for a cast that a layer normalization, or its gradient, makes. */
  const made = new Map<Node, Value>();
  const give = (casts: readonly Node[], value: Value): void => {
    for (const cast of casts) made.set(cast, value);
  };

  const forward = (node: Node, { b, current }: Site, uses: Uses): readonly Value[] | undefined => {
    const [x, ...others] = node.inputs as [Value, ...(Value | undefined)[]];
    const source = uses.sole(x) ? narrowSource(x) : undefined;
    if (!source) return undefined;
    const outputs = b.ops("LayerNormOfNarrow", [current(source), ...others.map((v) => v && current(v))], node.attributes, { domain: customDomain, outputs: 5 });
    give(castsOf(node.outputs[0]!, source.dtype, uses), outputs[4]!);
    return outputs.slice(0, node.outputs.length);
  };

  const backward = (node: Node, { b, current }: Site, uses: Uses): readonly Value[] | undefined => {
    const [dy, ...others] = node.inputs as [Value, ...(Value | undefined)[]];
    const terms = dy.dtype === "float32" ? termsOf(graph, dy, uses) : [];
    const wide = terms.filter(({ dtype }) => dtype === "float32");
    const narrow = terms.filter(({ dtype }) => isNarrow(dtype));
    const type = narrow[0]?.dtype ?? "float32";
    const dx = node.outputs[0]!;
    const casts = castsOf(dx, type, uses);
    // With dropout nothing else holds the gradient of x in float32.
    const dropped = node.inputs[6] !== undefined;
    const onlyCast = !uses.isOutput(dx) && casts.length === uses.of(dx).length;
    if (terms.length < 2 || narrow.some(({ dtype }) => dtype !== type) || (narrow.length > 0 && dropped && !onlyCast)) return undefined;
    const given = wide.map((v) => current(v)!);
    const more = narrow.map((v) => current(v)!);
    // One float32 term is dy; in float32 alone the first ones stand behind it, as many as there is room for.
    if (narrow.length > 0 && given.length > 1) given.splice(0, given.length, b.sumOf(given));
    if (given.length === 0) given.push(b.cast(more.shift()!, "float32"));
    const room = (values: Value[]): Value[] => (values.length > mostTerms ? [...values.slice(0, mostTerms - 1), b.sumOf(values.slice(mostTerms - 1))] : values);
    const behind = room(narrow.length > 0 ? more : given.splice(1));
    const inputs = [given[0]!, ...Array.from({ length: 7 }, (_, i) => others[i] && current(others[i])), ...behind];
    const outputs = b.ops("LayerNormGradOfSum", inputs, node.attributes, { domain: customDomain, outputs: 5 });
    if (narrow.length === 0) return outputs;
    give(casts, outputs[0]!);
    return [dropped ? outputs[0]! : outputs[1]!, ...outputs.slice(1)];
  };

  return replaceMatches(graph, (node, site, uses) => {
    const cast = made.get(node);
    if (cast) return [cast];
    if (isOwn(node, "DropoutAddLayerNorm") && kernels.has("LayerNormOfNarrow")) return forward(node, site, uses);
    return isOwn(node, "DropoutAddLayerNormGrad") && kernels.has("LayerNormGradOfSum") ? backward(node, site, uses) : undefined;
  });
}
