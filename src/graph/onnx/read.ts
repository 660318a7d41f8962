// An ONNX model's bytes as a graph.
import { AccelerateError } from "../../errors.js";
import type { Dim, ShapeEnv } from "../dims.js";
import { dtypeFromOnnx, dtypes, type TensorData, typedArray } from "../dtype.js";
import { type Attributes, type AttributeValue, float, Graph, type Value } from "../graph.js";
import { maxRank } from "../op-def.js";
import { type OpTable, standardOps } from "../op-table.js";
import { type Decoded, decode } from "./decode.js";
import { OnnxError } from "./errors.js";
import { type AttributeProto, attributeType, type GraphProto, type ModelProto, type NodeProto, type ValueInfoProto } from "./schema.js";
import { type ExternalData, readTensor } from "./tensors.js";
import { opsets, upgrade } from "./upgrade.js";

export interface FromOnnxOptions {
  /** Initializers for which this says yes become inputs of the graph (weights that will be trained); the others are constants. */
  readonly parameter?: (name: string, data: TensorData) => boolean;
  /** Where to find numbers that the model keeps in other files. */
  readonly externalData?: ExternalData;
  readonly ops?: OpTable;
}
export interface ImportedParameter {
  readonly name: string;
  /** Its input of the graph; these follow the model's own inputs. */
  readonly value: Value;
  readonly data: TensorData;
}
export interface ImportedModel {
  readonly graph: Graph;
  /** Name of the graph in the file. */
  readonly name: string;
  readonly producer: string;
  readonly irVersion: number;
  /** Version of ONNX's own ops in the file; the graph has the nodes as opset 21 has them. */
  readonly opset: number;
  readonly parameters: readonly ImportedParameter[];
}

const irVersions = { oldest: 3, newest: 13 } as const;
const text = (bytes: Uint8Array): string => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8");
/** "ai.onnx" is another name of ONNX's own domain. */
const domainOf = (domain: string | undefined): string => (domain === undefined || domain === "ai.onnx" ? "" : domain);

type Convert = (a: AttributeProto, at: number) => AttributeValue;
const converters: Readonly<Record<number, Convert>> = {
  [attributeType.float]: (a) => float(a.f ?? 0),
  [attributeType.int]: (a) => a.i ?? 0,
  [attributeType.string]: (a) => text(a.s ?? new Uint8Array()),
  [attributeType.tensor]: (a, at) => readTensor(a.t ?? {}, at),
  [attributeType.floats]: (a) => ({ floats: a.floats ?? [] }),
  [attributeType.ints]: (a) => a.ints ?? [],
  [attributeType.strings]: (a) => (a.strings ?? []).map(text),
};
/** Old files leave the type out: it is that of the field which is there. */
function typeOf(a: AttributeProto): number {
  if (a.type !== undefined && a.type !== 0) return a.type;
  const present: readonly [unknown, number][] = [
    [a.f, attributeType.float],
    [a.i, attributeType.int],
    [a.s, attributeType.string],
    [a.t, attributeType.tensor],
    [a.floats, attributeType.floats],
    [a.ints, attributeType.ints],
    [a.strings, attributeType.strings],
  ];
  return present.find(([value]) => value !== undefined)?.[1] ?? 0;
}

/** Symbols of the graph for the dim_params of the file, which may hold any characters. */
class Symbols {
  readonly #env: ShapeEnv;
  readonly #symbols = new Map<string, string>();
  readonly #taken = new Set<string>();

  constructor(env: ShapeEnv) {
    this.#env = env;
  }
  of(param: string): string {
    const known = this.#symbols.get(param);
    if (known !== undefined) return known;
    const plain = param.replace(/[^A-Za-z0-9_.]/g, "_");
    let name = plain;
    for (let i = 1; this.#taken.has(name); i++) name = `${plain}_${i}`;
    this.#taken.add(name);
    const symbol = this.#env.symbol(undefined, name);
    this.#symbols.set(param, symbol);
    return symbol;
  }
}

class Importer {
  readonly #decoded: Decoded<ModelProto>;
  readonly #options: FromOnnxOptions;
  readonly #graph: Graph;
  readonly #symbols: Symbols;
  readonly #values = new Map<string, Value>();
  readonly #parameters: ImportedParameter[] = [];
  #opset = 0;

  constructor(decoded: Decoded<ModelProto>, options: FromOnnxOptions) {
    this.#decoded = decoded;
    this.#options = options;
    this.#graph = new Graph(options.ops ? { ops: options.ops } : {});
    this.#symbols = new Symbols(this.#graph.env);
  }

  #at(message: object): number {
    return this.#decoded.offsetOf(message);
  }

  #define(name: string, value: Value, at: number): void {
    if (this.#values.has(name)) throw new OnnxError("ERR_ONNX_MALFORMED", `two values are named ${JSON.stringify(name)}`, at);
    value.name = name;
    this.#values.set(name, value);
  }

  #versions(model: ModelProto): void {
    const ir = model.irVersion ?? 0;
    if (ir < irVersions.oldest || ir > irVersions.newest)
      throw new OnnxError("ERR_ONNX_VERSION", `IR version ${ir} is not between ${irVersions.oldest} and ${irVersions.newest}`, this.#at(model));
    const own = (model.opsetImport ?? []).find((o) => domainOf(o.domain) === "");
    this.#opset = own?.version ?? 0;
    if (own && (this.#opset < opsets.oldest || this.#opset > opsets.newest)) {
      throw new OnnxError("ERR_ONNX_VERSION", `opset ${this.#opset} is not between ${opsets.oldest} and ${opsets.newest}`, this.#at(own), {
        hint: "convert the model with onnx.version_converter, or export it again",
      });
    }
  }

  #input(info: ValueInfoProto): void {
    const at = this.#at(info);
    const name = info.name ?? "";
    const tensor = info.type?.tensorType;
    const dtype = dtypeFromOnnx(tensor?.elemType ?? 0);
    if (!dtype)
      throw new OnnxError("ERR_ONNX_DTYPE", `input ${name} is no tensor of a known dtype`, at, { hint: `known are ${Object.keys(dtypes).join(", ")}` });
    if (!tensor?.shape) throw new OnnxError("ERR_ONNX_MALFORMED", `input ${name} has no shape`, at, { hint: "its number of dims must be known" });
    const dims = tensor.shape.dim ?? [];
    if (dims.length > maxRank) throw new OnnxError("ERR_ONNX_MALFORMED", `input ${name} has ${dims.length} dims`, at);
    const shape = dims.map((d): Dim => {
      if (d.dimValue !== undefined && Number.isSafeInteger(d.dimValue) && d.dimValue >= 0) return d.dimValue;
      return d.dimParam ? this.#symbols.of(d.dimParam) : this.#graph.env.symbol();
    });
    this.#define(name, this.#graph.input(name, dtype, shape), at);
  }

  #initializers(proto: GraphProto): void {
    for (const tensor of proto.initializer ?? []) {
      const at = this.#at(tensor);
      const name = tensor.name ?? "";
      const data = readTensor(tensor, at, this.#options.externalData);
      if (data.shape.length > maxRank) throw new OnnxError("ERR_ONNX_MALFORMED", `tensor ${name} has ${data.shape.length} dims`, at);
      if (!this.#options.parameter?.(name, data)) {
        this.#define(name, this.#graph.constant(data, name), at);
        continue;
      }
      const value = this.#graph.input(name, data.dtype, data.shape);
      this.#define(name, value, at);
      this.#parameters.push({ name, value, data });
    }
  }

  #attributes(node: NodeProto, shown: string): Attributes {
    const out: Record<string, AttributeValue> = {};
    for (const a of node.attribute ?? []) {
      const at = this.#at(a);
      const name = a.name ?? "";
      const convert = converters[typeOf(a)];
      if (!convert)
        throw new OnnxError("ERR_ONNX_OP", `${shown} has attribute ${name} of type ${a.type ?? 0}: graphs, sparse tensors and types are not supported`, at);
      if (!name.startsWith("_")) out[name] = convert(a, at);
    }
    return out;
  }

  /** A node Constant is a constant of the graph. */
  #constant(attributes: Attributes): TensorData | undefined {
    const { value, value_int: int, value_ints: ints, value_float: single, value_floats: floats } = attributes;
    if (typeof value === "object" && "dtype" in value) return value;
    if (typeof int === "number") return { dtype: "int64", shape: [], data: typedArray("int64", [int]) };
    if (Array.isArray(ints)) return { dtype: "int64", shape: [ints.length], data: typedArray("int64", ints as readonly number[]) };
    if (typeof single === "object" && "float" in single) return { dtype: "float32", shape: [], data: Float32Array.of(single.float) };
    if (typeof floats === "object" && "floats" in floats) return { dtype: "float32", shape: [floats.floats.length], data: Float32Array.from(floats.floats) };
    return undefined;
  }

  #node(node: NodeProto, later: ReadonlySet<string>): void {
    const at = this.#at(node);
    const op = node.opType ?? "";
    const domain = domainOf(node.domain);
    const shown = `node ${node.name || node.output?.[0] || "without a name"} (${op})`;
    const inputs = (node.input ?? []).map((name) => {
      if (name === "") return undefined;
      const value = this.#values.get(name);
      if (value) return value;
      const order = later.has(name) ? "before the node that makes it: nodes must be in topological order" : "which nothing makes";
      throw new OnnxError("ERR_ONNX_MALFORMED", `${shown} reads ${JSON.stringify(name)}, ${order}`, at);
    });
    const attributes = this.#attributes(node, shown);
    const names = node.output ?? [];
    if (op === "Constant" && domain === "" && names.length === 1) {
      const data = this.#constant(attributes);
      if (!data) throw new OnnxError("ERR_ONNX_OP", `${shown} holds no numbers: strings and sparse tensors are not supported`, at);
      this.#define(names[0]!, this.#graph.constant(data, names[0]!), at);
      return;
    }
    let outputs: readonly Value[];
    try {
      const form = domain === "" ? upgrade(op, this.#opset, { inputs, attributes }, names.length, this.#graph) : { inputs, attributes };
      outputs = this.#graph.add(op, form.inputs, form.attributes, { domain, outputs: Math.max(names.length, 1), ...(node.name ? { name: node.name } : {}) });
    } catch (error) {
      if (error instanceof AccelerateError && !(error instanceof OnnxError)) throw new OnnxError("ERR_ONNX_NODE", error.message, at, { cause: error });
      throw error;
    }
    if (names.length > outputs.length) throw new OnnxError("ERR_ONNX_MALFORMED", `${shown} names ${names.length} outputs, the op has ${outputs.length}`, at);
    for (const [i, name] of names.entries()) if (name !== "") this.#define(name, outputs[i]!, at);
  }

  #unknownOps(nodes: readonly NodeProto[]): void {
    const ops = this.#options.ops ?? standardOps;
    const unknown = new Map<string, NodeProto>();
    for (const node of nodes) {
      const domain = domainOf(node.domain);
      const shown = `${domain ? `${domain}.` : ""}${node.opType ?? ""}`;
      if (!ops.get(node.opType ?? "", domain) && !unknown.has(shown)) unknown.set(shown, node);
    }
    if (unknown.size === 0) return;
    const [first] = unknown.values();
    const list = [...unknown].slice(0, 10).map(([op, node]) => `${op} (node ${node.name || node.output?.[0] || "without a name"})`);
    const more = unknown.size > list.length ? ` and ${unknown.size - list.length} more` : "";
    throw new OnnxError("ERR_ONNX_OP", `ops that are not in the op table: ${list.join(", ")}${more}`, this.#at(first!), {
      hint: "define them in an OpTable of your own and give it as the option ops",
    });
  }

  run(): ImportedModel {
    const model = this.#decoded.message;
    const proto = model.graph;
    if (!proto) throw new OnnxError("ERR_ONNX_MALFORMED", "not an ONNX model: it has no graph", 0);
    this.#versions(model);
    const nodes = proto.node ?? [];
    this.#unknownOps(nodes);
    if (this.#opset === 0 && nodes.some((n) => domainOf(n.domain) === ""))
      throw new OnnxError("ERR_ONNX_VERSION", "the model does not say which opset its ops are from", this.#at(model));
    const initialized = new Set((proto.initializer ?? []).map((t) => t.name ?? ""));
    // Up to IR version 3 every initializer is also listed as an input; later that means a default value.
    for (const info of proto.input ?? []) if (!initialized.has(info.name ?? "")) this.#input(info);
    this.#initializers(proto);
    const later = new Set(nodes.flatMap((n) => n.output ?? []));
    for (const node of nodes) this.#node(node, later);
    for (const info of proto.output ?? []) {
      const value = this.#values.get(info.name ?? "");
      if (!value) throw new OnnxError("ERR_ONNX_MALFORMED", `nothing makes the output ${JSON.stringify(info.name ?? "")}`, this.#at(info));
      this.#graph.output(value);
    }
    return {
      graph: this.#graph,
      name: proto.name ?? "",
      producer: model.producerName ?? "",
      irVersion: model.irVersion ?? 0,
      opset: this.#opset,
      parameters: this.#parameters,
    };
  }
}

/**
 * Reads an ONNX model: opsets 13 to 24, nodes brought to the form of opset 21, nodes Constant as constants, shapes inferred by the op table.
 *
 * @example
 * const { graph, parameters } = fromOnnx(await readFile("model.onnx"), { parameter: (name) => name.endsWith(".weight") });
 * @throws OnnxError with a code and the byte offset; never anything else, whatever the bytes
 */
export function fromOnnx(bytes: Uint8Array, options: FromOnnxOptions = {}): ImportedModel {
  return new Importer(decode("ModelProto", bytes), options).run();
}
