// Matrix products by the library's own kernel: where its engine is faster, and in bfloat16 where that is wanted. What is added or activated behind a product is computed with it.
import type { Builder } from "../builder.js";
import type { Dim } from "../dims.js";
import type { AttributeValue, Graph, Node, Value } from "../graph.js";
import { addGemm, type GemmActivation, type GemmOptions } from "../ops/gemm.js";
import type { GraphPass } from "./pass.js";
import { rewrite } from "./rewrite.js";
import { Uses } from "./uses.js";

/** A product. Sizes that change from run to run are `nominal`: whose run it was that compiled a program must not decide which engine computes it, for a resumed training compiles anew. */
export interface GemmShape {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly transposeA: boolean;
  readonly transposeB: boolean;
  /** Whether a bias is added. */
  readonly bias: boolean;
}

/** Decides who multiplies. */
export interface GemmChooser {
  /** Whether the library's own kernel should compute a product of float32. */
  ours(shape: GemmShape): boolean;
}

/** What stands for a size that changes from run to run: rows of a batch, tokens. */
const nominal = 1024;
/** Products of fewer multiplications are left alone: they take no time, and small models compute as ever. In float32 sizes that change count as few. */
const leastWork = 2 ** 21;
const few = 64;
/** Products with a shorter side stay in float32: heads of a few classes. */
const leastSide = 16;

/** One of MatMul, FusedMatMul and Gemm, as far as our kernel computes the same. */
interface Product {
  readonly flags: { readonly transposeA: boolean; readonly transposeB: boolean; readonly alpha: number };
  /** Inputs of the node: its bias, or none. */
  readonly bias: boolean;
}

const number = (value: AttributeValue | undefined, fallback: number): number =>
  typeof value === "number" ? value : typeof value === "object" && "float" in value ? value.float : fallback;

/** A bias that is added to each row: [n], or [1, n]. */
function rowOf(graph: Graph, value: Value | undefined, n: Dim): boolean {
  return (
    value !== undefined && value.rank >= 1 && graph.env.resolve(value.shape.at(-1)!) === graph.env.resolve(n) && value.shape.slice(0, -1).every((d) => d === 1)
  );
}

function productOf(graph: Graph, node: Node): Product | undefined {
  const kind = `${node.domain}:${node.op}`;
  if (kind !== ":MatMul" && kind !== ":Gemm" && kind !== "com.microsoft:FusedMatMul") return undefined;
  const [a, b, c] = node.inputs;
  const { attributes } = node;
  const transposeA = number(attributes.transA, 0) === 1;
  if (a?.dtype !== "float32" || a.rank < 2 || b?.rank !== 2 || (transposeA && a.rank !== 2)) return undefined;
  if (number(attributes.transBatchA, 0) !== 0 || number(attributes.transBatchB, 0) !== 0) return undefined;
  if (c && !(number(attributes.beta, 1) === 1 && rowOf(graph, c, node.outputs[0]!.shape.at(-1)!))) return undefined;
  return { flags: { transposeA, transposeB: number(attributes.transB, 0) === 1, alpha: number(attributes.alpha, 1) }, bias: c !== undefined };
}

/** The product of some dims where all are numbers; else "varies". */
function sizeIn(graph: Graph, dims: readonly Dim[]): number | "varies" {
  let size = 1;
  for (const d of graph.env.resolveShape(dims)) {
    if (typeof d !== "number") return "varies";
    size *= d;
  }
  return size;
}
const sizedAs = (size: number | "varies", varying: number): number => (size === "varies" ? varying : size);

const reshapes = new Set(["Reshape", "Squeeze", "Unsqueeze", "Flatten"]);
const activations: { readonly [op: string]: (node: Node) => GemmActivation } = {
  ":Relu": () => "relu",
  ":Gelu": (node) => (node.attributes.approximate === "tanh" ? "gelu_tanh" : "gelu"),
};

/** The rewriting of one graph. */
class GemmRewrite {
  readonly #graph: Graph;
  readonly #uses: Uses;
  readonly #bf16: boolean;
  readonly #chooser: GemmChooser | undefined;
  /** bfloat16 of a value of the new graph: rounded once, read by forward and backward. */
  readonly #rounded = new Map<Value, Value>();
  /** What our products are made of, and of which value of the old graph they are. */
  readonly #made = new Map<Value, { readonly left: Value; readonly right: Value; readonly options: GemmOptions; readonly old: Value }>();
  changes = 0;

  constructor(graph: Graph, bf16: boolean, chooser: GemmChooser | undefined) {
    this.#graph = graph;
    this.#uses = new Uses(graph);
    this.#bf16 = bf16;
    this.#chooser = chooser;
  }

  rule(node: Node, inputs: readonly (Value | undefined)[], b: Builder): readonly Value[] | undefined {
    const product = productOf(this.#graph, node);
    const isSum = node.op === "Sum" && node.domain === "";
    const value = product ? this.#product(node, product, inputs, b) : isSum ? this.#sum(node, inputs as readonly Value[], b) : this.#behind(node, inputs, b);
    return value && [value];
  }

  /** Sizes of a product, and whether it is ours. */
  #product(node: Node, { flags, bias }: Product, inputs: readonly (Value | undefined)[], b: Builder): Value | undefined {
    const [left, right] = [inputs[0]!, inputs[1]!];
    const shape = (x: Value, transposed: boolean) => {
      const [rows, columns] = [sizeIn(this.#graph, x.shape.slice(0, -1)), sizeIn(this.#graph, x.shape.slice(-1))] as const;
      return transposed ? ([columns, rows] as const) : ([rows, columns] as const);
    };
    const [rows, inner] = shape(left, flags.transposeA);
    const sizes = [rows, shape(right, flags.transposeB)[1], inner] as const;
    const varying = this.#bf16 ? nominal : few;
    if (sizes.reduce<number>((work, size) => work * sizedAs(size, varying), 1) < leastWork) return undefined;
    const [m, n, k] = sizes.map((size) => sizedAs(size, nominal)) as [number, number, number];
    const narrow = this.#bf16 && Math.min(m, n, k) >= leastSide;
    if (!narrow) {
      const { transposeA, transposeB } = flags;
      if (!this.#chooser?.ours({ m, n, k, transposeA, transposeB, bias: bias || this.#biasFollows(node) })) return undefined;
    }
    const of = (x: Value) => (narrow ? this.#toBfloat16(x, b) : x);
    const options = { ...flags, ...(bias && { bias: this.#row(inputs[2]!, b) }) };
    return this.#add(of(left), of(right), options, node.outputs[0]!, b);
  }

  #biasFollows(node: Node): boolean {
    const value = node.outputs[0]!;
    const reader = this.#uses.sole(value);
    return reader?.op === "Add" && reader.domain === "" && reader.inputs.some((x) => x !== value && rowOf(this.#graph, x, value.shape.at(-1)!));
  }

  #add(left: Value, right: Value, options: GemmOptions, old: Value, b: Builder): Value {
    const value = addGemm(b, left, right, options);
    this.#made.set(value, { left, right, options, old });
    this.changes++;
    return value;
  }

  /** A value in bfloat16. One that is another with other dims shares its numbers. */
  #toBfloat16(x: Value, b: Builder): Value {
    const known = this.#rounded.get(x);
    if (known) return known;
    const node = x.producer;
    const scope = b.scope;
    const made =
      node && node.domain === "" && reshapes.has(node.op)
        ? b.op(node.op, [this.#toBfloat16(node.inputs[0]!, b), ...node.inputs.slice(1)], node.attributes)
        : b.op("ToBfloat16", [x], {}, { domain: "accelerate_ts" });
    b.scope = scope;
    this.#rounded.set(x, made);
    return made;
  }

  /** [1, n] as [n]. */
  #row(bias: Value, b: Builder): Value {
    return bias.rank === 1 ? bias : b.reshape(bias, bias.shape.slice(-1));
  }

  /** A node that reads one of our products alone, with what it does to it as part of the product. */
  #behind(node: Node, inputs: readonly (Value | undefined)[], b: Builder): Value | undefined {
    for (const [i, x] of inputs.entries()) {
      const made = x && this.#made.get(x);
      if (!made || this.#uses.sole(made.old) !== node || node.outputs.length !== 1) continue;
      const options = this.#extended(node, made.options, x, inputs[1 - i], inputs, b);
      if (!options) continue;
      this.changes--;
      return this.#add(made.left, made.right, options, node.outputs[0]!, b);
    }
    return undefined;
  }

  /** The sum of several values of one shape, products of ours among them: each of these is added to what comes before it. */
  #sum(node: Node, inputs: readonly Value[], b: Builder): Value | undefined {
    const env = this.#graph.env;
    const shape = node.outputs[0]!.shape;
    if (inputs.some((x) => x.dtype !== "float32" || x.rank !== shape.length || x.shape.some((d, axis) => env.resolve(d) !== env.resolve(shape[axis]!))))
      return undefined;
    const products = inputs.filter((x, i) => {
      const made = this.#made.get(x);
      return made && !made.options.residual && this.#uses.sole(made.old) === node && inputs.indexOf(x) === i;
    });
    const others = inputs.filter((x) => !products.includes(x));
    if (products.length === 0 || (others.length === 0 && products.length === 1)) return undefined;
    const [first, ...more] = others.length === 0 ? products : [others.length === 1 ? others[0]! : b.op("Sum", others), ...products];
    let sum = first!;
    for (const x of more) {
      const { left, right, options } = this.#made.get(x)!;
      this.changes--;
      sum = this.#add(left, right, { ...options, residual: sum }, node.outputs[0]!, b);
    }
    return sum;
  }

  /** In the kernel's order: bias, activation, residual. */
  #extended(node: Node, options: GemmOptions, x: Value, other: Value | undefined, inputs: readonly (Value | undefined)[], b: Builder): GemmOptions | undefined {
    const kind = `${node.domain}:${node.op}`;
    const bare = options.activation === undefined && options.residual === undefined;
    if (activations[kind] && bare) return { ...options, activation: activations[kind](node) };
    if (kind === "accelerate_ts:BiasGelu" && inputs[0] === x && bare && !(options.bias && other)) {
      const bias = other ?? options.bias;
      return { ...options, ...(bias && { bias }), activation: node.attributes.approximate === "tanh" ? "gelu_tanh" : "gelu" };
    }
    if (kind !== ":Add" || !other || other === x || other.dtype !== "float32") return undefined;
    if (bare && !options.bias && rowOf(this.#graph, other, x.shape.at(-1)!) && other.rank <= x.rank) return { ...options, bias: this.#row(other, b) };
    const env = this.#graph.env;
    const alike = other.rank === x.rank && other.shape.every((d, axis) => env.resolve(d) === env.resolve(x.shape[axis]!));
    return alike && !options.residual ? { ...options, residual: other } : undefined;
  }
}

export const gemmPass: GraphPass = {
  name: "gemm",
  stage: "backward",
  says: "big matrix products go to the faster engine, or are computed in bfloat16",
  run(graph, { precision, gemm, target }) {
    // Both engines are the processor's.
    if (target || (precision === "no" && !gemm)) return 0;
    const rewriting = new GemmRewrite(graph, precision === "bf16", gemm);
    rewrite(graph, (node, inputs, b) => rewriting.rule(node, inputs, b));
    return rewriting.changes;
  },
};
