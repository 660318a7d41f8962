// A graph as the bytes of an ONNX model.
import { ArgumentError } from "../../errors.js";
import type { Dim, Shape } from "../dims.js";
import { dtypes, type TensorData } from "../dtype.js";
import type { Attributes, AttributeValue, Graph, Node, Value } from "../graph.js";
import { maxVariadic } from "../op-def.js";
import { liveNodes } from "../passes/dead-code.js";
import { equalConstants } from "../passes/equal-constants.js";
import { encode } from "./encode.js";
import { type AttributeProto, attributeType, type GraphProto, type ModelProto, type NodeProto, type TensorProto, type ValueInfoProto } from "./schema.js";

export const irVersion = 10;
export const opset = 21;

export interface ToOnnxOptions {
  /** Name of the graph in the file. */
  readonly name?: string;
  /** Version of ONNX's own ops; the op table is written for 21. */
  readonly opset?: number;
}

/** Names within one file: the value's own where it is free, else with a number. */
class Names {
  readonly #taken = new Set<string>();
  readonly #names = new Map<Value, string>();

  of(value: Value): string {
    const known = this.#names.get(value);
    if (known !== undefined) return known;
    const name = this.fresh(value.name || "value");
    this.#names.set(value, name);
    return name;
  }
  fresh(name: string): string {
    let out = name;
    for (let i = 1; this.#taken.has(out); i++) out = `${name}_${i}`;
    this.#taken.add(out);
    return out;
  }
  /** Makes one value's name stand for another's. */
  alias(value: Value, to: Value): void {
    this.#names.set(value, this.of(to));
  }
}

/** Symbolic sizes as identifiers, different ones staying different. */
class DimNames {
  readonly #names = new Map<string, string>();
  readonly #taken = new Set<string>();

  of(dim: string): string {
    const known = this.#names.get(dim);
    if (known !== undefined) return known;
    const plain = dim.replace(/[^A-Za-z0-9_]+/g, "_").replace(/^_+|_+$/g, "") || "dim";
    let out = plain;
    for (let i = 1; this.#taken.has(out); i++) out = `${plain}_${i}`;
    this.#taken.add(out);
    this.#names.set(dim, out);
    return out;
  }
}

function tensor(data: TensorData, name?: string): TensorProto {
  const { buffer, byteOffset, byteLength } = data.data;
  const rawData = new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength);
  return { dims: [...data.shape], dataType: dtypes[data.dtype].onnx, ...(name === undefined ? {} : { name }), rawData };
}

const bytes = (text: string): Uint8Array => Buffer.from(text, "utf8");
/** Attributes that ONNX declares as FLOAT wherever they occur, so that a whole number given for one is written as such. */
const floatNames = new Set(["alpha", "beta", "gamma", "epsilon", "ratio", "lambd", "threshold"]);

function attribute(name: string, value: AttributeValue): AttributeProto {
  if (typeof value === "number") {
    const isInt = Number.isInteger(value) && !floatNames.has(name);
    return isInt ? { name, i: value, type: attributeType.int } : { name, f: value, type: attributeType.float };
  }
  if (typeof value === "string") return { name, s: bytes(value), type: attributeType.string };
  if (value instanceof Uint8Array) return { name, s: value, type: attributeType.string };
  if ("float" in value) return { name, f: value.float, type: attributeType.float };
  if ("floats" in value) return { name, floats: [...value.floats], type: attributeType.floats };
  if ("dtype" in value) return { name, t: tensor(value), type: attributeType.tensor };
  if (value.length > 0 && typeof value[0] === "string") return { name, strings: (value as readonly string[]).map(bytes), type: attributeType.strings };
  return { name, ints: [...(value as readonly number[])], type: attributeType.ints };
}
/** Names that begin with `_` stay out of the file. */
function attributes(all: Attributes): AttributeProto[] {
  const out: AttributeProto[] = [];
  for (const name in all) if (!name.startsWith("_")) out.push(attribute(name, all[name]!));
  return out;
}

/** What the outputs of a graph need, as messages; the numbers of constants are views. */
export function modelProto(graph: Graph, options: ToOnnxOptions = {}): ModelProto & { readonly graph: GraphProto } {
  const { env } = graph;
  const live = liveNodes(graph);
  const names = new Names();
  const dims = new DimNames();
  const shape = (dim: readonly Dim[]) => ({
    dim: dim.map((d) => {
      const size = env.resolve(d);
      return typeof size === "number" ? { dimValue: size } : { dimParam: dims.of(size) };
    }),
  });
  const info = (value: Value, name: string): ValueInfoProto => ({
    name,
    type: { tensorType: { elemType: dtypes[value.dtype].onnx, shape: shape(value.shape as Shape) } },
  });

  const input = graph.inputs.map((value) => info(value, names.of(value)));

  // Outputs get their names first, so that theirs are kept; what cannot be an output itself gets a second name.
  const copies: { from: Value; name: string }[] = [];
  const outside = new Set<Value>(graph.inputs);
  const output = graph.outputs.map((value) => {
    if (value.producer && !outside.has(value)) {
      outside.add(value);
      return info(value, names.of(value));
    }
    const name = names.fresh(`${value.name}_out`);
    copies.push({ from: value, name });
    return info(value, name);
  });

  const used = new Set<Value>();
  const constants = new Set<Value>();
  const use = (value: Value) => {
    used.add(value);
    if (value.constant) constants.add(value);
  };
  for (const node of live) for (const value of node.inputs) if (value) use(value);
  for (const { from } of copies) use(from);
  for (const value of graph.outputs) used.add(value);

  const initializer: TensorProto[] = [];
  for (const [value, representative] of equalConstants(constants)) {
    if (value === representative) initializer.push(tensor(value.constant!, names.of(value)));
    else names.alias(value, representative);
  }

  const made = new Set<Value>([...graph.inputs, ...constants]);
  const domains = new Set<string>([""]);
  const node: NodeProto[] = live.map((n) => {
    for (const value of n.inputs) {
      if (value && !made.has(value)) {
        throw new ArgumentError(`node ${n.name} (${n.op}) reads ${value.name}, which nothing before it makes`, {
          code: "ERR_ONNX_VALUE",
          hint: "is the value from another graph?",
        });
      }
    }
    for (const value of n.outputs) made.add(value);
    domains.add(n.domain);
    const proto: NodeProto = {
      input: trimmed(n.inputs.map((value) => (value ? names.of(value) : ""))),
      output: outputNames(graph, n, used, names),
      name: n.name,
      opType: n.op,
      attribute: attributes(n.attributes),
    };
    if (n.domain) proto.domain = n.domain;
    return proto;
  });
  for (const { from, name } of copies) {
    if (!made.has(from)) throw new ArgumentError(`output ${from.name} is made by nothing in the graph`, { code: "ERR_ONNX_VALUE" });
    node.push({ input: [names.of(from)], output: [name], name, opType: "Identity" });
  }

  return {
    irVersion,
    opsetImport: [...domains].map((domain) => ({ domain, version: domain === "" ? (options.opset ?? opset) : 1 })),
    producerName: "accelerate-ts",
    graph: { node, name: options.name ?? "graph", initializer, input, output },
  };
}

/**
 * Writes what the outputs of a graph need as an ONNX model: IR version 10, opset 21, symbolic sizes as dim_param, constants as initializers
 * (equal small ones once). All inputs and outputs are declared, in order. An output that is an input, a constant or given twice comes through an Identity.
 *
 * @example
 * const session = await engine.createSession(toOnnx(graph, { name: "train" }));
 * @throws ArgumentError ERR_ONNX_VALUE where a value comes from neither an input, a constant nor a node of the graph
 */
export function toOnnx(graph: Graph, options: ToOnnxOptions = {}): Uint8Array {
  return encode("ModelProto", modelProto(graph, options));
}

function trimmed(list: string[]): string[] {
  while (list.length > 0 && list.at(-1) === "") list.pop();
  return list;
}

/** Optional outputs that nobody reads are left out, so that they are not computed. */
function outputNames(graph: Graph, node: Node, used: ReadonlySet<Value>, names: Names): string[] {
  const def = graph.ops.get(node.op, node.domain);
  const [min, max] = def?.outputs ?? [1, maxVariadic];
  return trimmed(node.outputs.map((value, i) => (max !== maxVariadic && i >= min && !used.has(value) ? "" : names.of(value))));
}
