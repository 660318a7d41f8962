// Pass `autocast`: products are computed in a narrow type, as torch.autocast does it; weights, reductions, normalizations, softmax and losses stay float32.
import { Builder } from "../builder.js";
import { dtypes, type DType, typedArray } from "../dtype.js";
import type { Graph, Node, Value } from "../graph.js";
import { customDomain } from "../ops/custom.js";
import { removeDeadCode } from "./dead-code.js";
import { decompose } from "./decompose.js";
import type { GraphPass, PassContext } from "./pass.js";
import { rewrite } from "./rewrite.js";

type Narrow = "float16" | "bfloat16";
const narrowTypes: ReadonlySet<DType> = new Set(["float16", "bfloat16"]);

/** What is computed in the narrow type whatever it is given. torch.amp.autocast_mode's lower_precision_fp list. */
const products = new Set([":MatMul", "com.microsoft:FusedMatMul", ":Gemm", ":Conv", ":ConvTranspose", `${customDomain}:Attention`]);

/**
 * What is computed in the type of its inputs: element by element without a risk to range or sums, or moving numbers about. Of what is not listed here and not a product, inputs are made float32: torch's fp32 list (exp, log, pow,
 * norms, softmax, losses, sums, ...), and whatever nobody has thought of.
 */
const followers = new Set(
  [
    ...["Add", "Sub", "Mul", "Div", "Neg", "Abs", "Max", "Min", "Clip", "Where"],
    ...["Relu", "LeakyRelu", "PRelu", "Elu", "Selu", "Gelu", "Tanh", "Sigmoid", "HardSigmoid", "HardSwish"],
    ...["Transpose", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Expand", "Tile", "Identity", "Concat", "Split", "Slice", "Pad", "Trilu"],
    ...["Gather", "GatherElements", "GatherND", "ScatterND", "ScatterElements", "DepthToSpace", "SpaceToDepth"],
    ...["MaxPool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool"],
  ].map((op) => `:${op}`),
);
const ownFollowers = new Set([`${customDomain}:BiasGelu`, `${customDomain}:Dropout`]);

/** What has the numbers of its first input: it is cast before, so that all readers share one cast. */
const views = new Set([":Reshape", ":Squeeze", ":Unsqueeze", ":Flatten", ":Transpose"]);

const kindOf = (node: Node): string => `${node.domain}:${node.op}`;

/** The greatest finite numbers: a mask of -3.4e38 stays a number. */
const greatest: { readonly [N in Narrow]: number } = { float16: 65504, bfloat16: 3.3895313892515355e38 };

/** A bias: part of the product whose result it is added to, as in torch.nn.functional.linear. */
const isBias = (kind: string, x: Value): boolean =>
  (kind === ":Add" || kind === `${customDomain}:BiasGelu`) && x.producer === undefined && x.constant === undefined && x.rank === 1;
const isNumber = (x: Value): boolean => x.constant?.data.length === 1;

/** The rewriting of one graph. */
class Casting {
  readonly #to: Narrow;
  readonly #narrow = new Map<Value, Value>();
  readonly #wide = new Map<Value, Value>();
  changes = 0;

  constructor(to: Narrow) {
    this.#to = to;
  }

  rule(node: Node, inputs: readonly (Value | undefined)[], b: Builder): readonly Value[] | undefined {
    const floats = inputs.filter((x) => x !== undefined && dtypes[x.dtype].kind === "float") as Value[];
    const kind = kindOf(node);
    const isProduct = products.has(kind);
    if (floats.some((x) => x.dtype !== "float32" && x.dtype !== this.#to)) return undefined;
    const narrow = floats.some((x) => x.dtype === this.#to);
    if (!isProduct && (!narrow || kind === ":Cast")) return undefined;
    const follows = (followers.has(kind) || ownFollowers.has(kind)) && floats.every((x) => x.dtype === this.#to || isNumber(x) || isBias(kind, x));
    const cast = isProduct || follows ? (x: Value) => this.#toNarrow(x, b) : (x: Value) => this.toWide(x, b);
    const given = inputs.map((x) => (x && dtypes[x.dtype].kind === "float" ? cast(x) : x));
    if (given.every((x, i) => x === inputs[i])) return undefined;
    if (isProduct) this.changes++;
    return b.ops(node.op, given, node.attributes, { domain: node.domain, outputs: node.outputs.length, name: node.name.slice(node.name.lastIndexOf("/") + 1) });
  }

  #toNarrow(x: Value, b: Builder): Value {
    if (x.dtype === this.#to) return x;
    const known = this.#narrow.get(x);
    if (known) return known;
    const made = this.#narrowed(x, b);
    this.#narrow.set(x, made);
    return made;
  }
  #narrowed(x: Value, b: Builder): Value {
    const { producer, constant } = x;
    if (constant) {
      const most = greatest[this.#to];
      const values = Float64Array.from(constant.data as Float32Array, (v) => (Number.isFinite(v) ? Math.min(most, Math.max(-most, v)) : v));
      return b.constant({ dtype: this.#to, shape: constant.shape, data: typedArray(this.#to, values) });
    }
    if (producer && kindOf(producer) === ":Cast" && producer.inputs[0]!.dtype === this.#to) return producer.inputs[0]!;
    if (producer && views.has(kindOf(producer)))
      return b.op(producer.op, [this.#toNarrow(producer.inputs[0]!, b), ...producer.inputs.slice(1)], producer.attributes);
    return this.#cast(x, this.#to, b);
  }

  /** A value in float32. */
  toWide(x: Value, b: Builder): Value {
    if (x.dtype !== this.#to) return x;
    const known = this.#wide.get(x);
    if (known) return known;
    const made = this.#cast(x, "float32", b);
    this.#wide.set(x, made);
    return made;
  }

  #cast(x: Value, to: DType, b: Builder): Value {
    return b.op("Cast", [x], { to: dtypes[to].onnx, _autocast: 1 });
  }
}

/** The narrow type that a graph is cast to; undefined: none. In bfloat16 the processor has a way of its own (see gemm). */
function narrowOf({ precision, target }: PassContext): Narrow | undefined {
  if (precision === "fp16") return "float16";
  return precision === "bf16" && target ? "bfloat16" : undefined;
}

function run(graph: Graph, context: PassContext): number {
  const to = narrowOf(context);
  if (!to) return 0;
  // Without a kernel in this type, the products of attention are products like others, and its softmax is float32.
  decompose(graph, (node) => kindOf(node) === `${customDomain}:Attention` && !context.target?.kernels.has(`Attention:${to}`));
  removeDeadCode(graph);
  const casting = new Casting(to);
  const were = graph.outputs.map((value) => value.dtype);
  rewrite(graph, (node, inputs, b) => casting.rule(node, inputs, b));
  // Whoever asked for numbers gets float32, as from Accelerate's convert_outputs_to_fp32.
  const b = new Builder(graph, { scope: "autocast" });
  for (const [i, value] of graph.outputs.entries()) {
    if (value.dtype === were[i]) continue;
    const wide = casting.toWide(value, b);
    graph.outputs[i] = graph.outputs.includes(wide) ? b.op("Identity", [wide]) : wide;
  }
  return casting.changes;
}

export const autocastPass: GraphPass = {
  name: "autocast",
  stage: "forward",
  says: "products are computed in float16, or on devices in bfloat16; reductions, normalizations, softmax and losses stay float32",
  run,
};

/** Whether a cast was made here or by differentiating one that was: a program's own rounding is meant. */
const isOurs = (node: Node): boolean => node.attributes._autocast === 1 || node.name.startsWith("backward/");

/** There and back again: x itself, where nothing was lost, or, if that is wished, where only our own rounding was. */
function unchained(node: Node, x: Value, rounded: boolean): Value | undefined {
  const inner = x.producer;
  if (kindOf(node) !== ":Cast" || !inner || kindOf(inner) !== ":Cast") return undefined;
  const source = inner.inputs[0]!;
  const exact = narrowTypes.has(source.dtype) && x.dtype === "float32";
  return source.dtype === node.outputs[0]!.dtype && (exact || (rounded && isOurs(inner) && narrowTypes.has(x.dtype))) ? source : undefined;
}

/** Takes casts there and back out of a graph; returns how many. `rounded`: also those to a narrow type and back that the pass has made. */
export function dropCastChains(graph: Graph, rounded: boolean): number {
  let changes = 0;
  rewrite(graph, (node, inputs) => {
    const source = inputs[0] && unchained(node, inputs[0], rounded);
    if (source) changes++;
    return source && [source];
  });
  removeDeadCode(graph);
  return changes;
}

/** Sums and means are taken in float32, and no number is cast there and back; returns how many places. */
export function settleCasts(graph: Graph): number {
  let changes = 0;
  const wide = new Map<Value, Value>();
  rewrite(graph, (node, inputs, b) => {
    const x = inputs[0];
    if (!x || !node.op.startsWith("Reduce") || node.domain !== "" || !narrowTypes.has(x.dtype)) return undefined;
    changes++;
    const from = wide.get(x) ?? b.op("Cast", [x], { to: dtypes.float32.onnx, _autocast: 1 });
    wide.set(x, from);
    const sum = b.op(node.op, [from, ...inputs.slice(1)], node.attributes);
    return [b.op("Cast", [sum], { to: dtypes[x.dtype].onnx, _autocast: 1 })];
  });
  return changes + dropCastChains(graph, true);
}

export const autocastBackwardPass: GraphPass = {
  name: "autocast",
  stage: "backward",
  says: "sums of gradients are float32; nothing is cast there and back",
  run: (graph, context) => (narrowOf(context) ? settleCasts(graph) : 0),
};
