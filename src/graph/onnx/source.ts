// What an ONNX file says, before any of it is a graph: nodes, branches, functions, tensors and where their bytes lie.
import { type DType, dtypeFromOnnx, dtypes, type TensorData, typedArray } from "../dtype.js";
import { type Attributes, type AttributeValue, float } from "../graph.js";
import { maxRank } from "../op-def.js";
import { decode, type Decoded } from "./decode.js";
import { OnnxError } from "./errors.js";
import {
  type AttributeProto,
  attributeType,
  type FunctionProto,
  type GraphProto,
  type ModelProto,
  type NodeProto,
  type OperatorSetIdProto,
  type TensorProto,
  type ValueInfoProto,
} from "./schema.js";
import { type ExternalData, placesOf, readTensor, type TensorPlace } from "./tensors.js";
import { opsets } from "./upgrade.js";

export interface SourceNode {
  readonly op: string;
  /** "" for ONNX's own. */
  readonly domain: string;
  readonly overload: string;
  readonly name: string;
  /** "" where one is left out; so with outputs. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Attributes;
  /** The branches of an If. */
  readonly graphs: ReadonlyMap<string, SourceGraph>;
  /** In a function: own attribute -> the attribute of the call that it takes its value from. */
  readonly references: ReadonlyMap<string, string>;
  /** Where it begins in the file; so with all others. */
  readonly at: number;
}
export interface SourceInput {
  readonly name: string;
  readonly dtype: DType;
  /** Undefined: of any size. */
  readonly dims: readonly (number | string | undefined)[];
  readonly at: number;
}
export interface SourceTensor {
  readonly name: string;
  /** Whether a node Constant has it. */
  readonly inNode: boolean;
  readonly data: TensorData;
  /** Where its numbers lie, in order. */
  readonly places: readonly TensorPlace[];
  readonly at: number;
}
export interface SourceGraph {
  readonly name: string;
  readonly inputs: readonly SourceInput[];
  /** Initializers, and the tensors of nodes Constant. */
  readonly tensors: readonly SourceTensor[];
  readonly nodes: readonly SourceNode[];
  readonly outputs: readonly { readonly name: string; readonly at: number }[];
}
export interface SourceFunction {
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly nodes: readonly SourceNode[];
  readonly tensors: readonly SourceTensor[];
  /** Attributes that a call may leave out. */
  readonly defaults: Attributes;
  readonly opset: number;
}
export interface OnnxSource {
  readonly graph: SourceGraph;
  /** By `functionKey`. */
  readonly functions: ReadonlyMap<string, SourceFunction>;
  readonly producer: string;
  readonly irVersion: number;
  /** Version of ONNX's own ops; 0 where the model has none of them. */
  readonly opset: number;
}

export const functionKey = (domain: string, name: string, overload: string): string => `${domain}:${name}:${overload}`;
export const shownNode = ({ name, outputs, op }: { readonly name: string; readonly outputs: readonly string[]; readonly op: string }): string =>
  `node ${name || outputs[0] || "without a name"} (${op})`;

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
    [a.g, attributeType.graph],
    [a.floats, attributeType.floats],
    [a.ints, attributeType.ints],
    [a.strings, attributeType.strings],
  ];
  return present.find(([value]) => value !== undefined)?.[1] ?? 0;
}

/** What a node Constant holds. */
function constantOf(attributes: Attributes): TensorData | undefined {
  const { value, value_int: int, value_ints: ints, value_float: single, value_floats: floats } = attributes;
  if (typeof value === "object" && "dtype" in value) return value;
  if (typeof int === "number") return { dtype: "int64", shape: [], data: typedArray("int64", [int]) };
  if (Array.isArray(ints)) return { dtype: "int64", shape: [ints.length], data: typedArray("int64", ints as readonly number[]) };
  if (typeof single === "object" && "float" in single) return { dtype: "float32", shape: [], data: Float32Array.of(single.float) };
  if (typeof floats === "object" && "floats" in floats) return { dtype: "float32", shape: [floats.floats.length], data: Float32Array.from(floats.floats) };
  return undefined;
}

class SourceReader {
  readonly #decoded: Decoded<ModelProto>;
  readonly #bytes: Uint8Array;
  readonly #external: ExternalData | undefined;

  constructor(bytes: Uint8Array, external: ExternalData | undefined) {
    this.#bytes = bytes;
    this.#external = external;
    this.#decoded = decode("ModelProto", bytes);
  }

  #at(message: object): number {
    return this.#decoded.offsetOf(message);
  }

  #input(info: ValueInfoProto): SourceInput {
    const at = this.#at(info);
    const name = info.name ?? "";
    const tensor = info.type?.tensorType;
    const dtype = dtypeFromOnnx(tensor?.elemType ?? 0);
    if (!dtype)
      throw new OnnxError("ERR_ONNX_DTYPE", `input ${name} is no tensor of a known dtype`, at, { hint: `known are ${Object.keys(dtypes).join(", ")}` });
    if (!tensor?.shape) throw new OnnxError("ERR_ONNX_MALFORMED", `input ${name} has no shape`, at, { hint: "its number of dims must be known" });
    const dims = tensor.shape.dim ?? [];
    if (dims.length > maxRank) throw new OnnxError("ERR_ONNX_MALFORMED", `input ${name} has ${dims.length} dims`, at);
    const known = (size: number | undefined): size is number => size !== undefined && Number.isSafeInteger(size) && size >= 0;
    return { name, dtype, dims: dims.map((d) => (known(d.dimValue) ? d.dimValue : d.dimParam || undefined)), at };
  }

  #tensor(proto: TensorProto, name: string): SourceTensor {
    const at = this.#at(proto);
    const data = readTensor(proto, at, this.#external);
    if (data.shape.length > maxRank) throw new OnnxError("ERR_ONNX_MALFORMED", `tensor ${name} has ${data.shape.length} dims`, at);
    return { name, inNode: false, data, places: placesOf(proto, this.#bytes), at };
  }

  #node(proto: NodeProto): SourceNode {
    const attributes: Record<string, AttributeValue> = {};
    const graphs = new Map<string, SourceGraph>();
    const references = new Map<string, string>();
    const node = {
      op: proto.opType ?? "",
      domain: domainOf(proto.domain),
      overload: proto.overload ?? "",
      name: proto.name ?? "",
      inputs: proto.input ?? [],
      outputs: proto.output ?? [],
      attributes,
      graphs,
      references,
      at: this.#at(proto),
    };
    for (const a of proto.attribute ?? []) {
      const name = a.name ?? "";
      // Names that begin with _ are the library's own.
      if (name.startsWith("_")) continue;
      if (a.refAttrName) references.set(name, a.refAttrName);
      else if (typeOf(a) === attributeType.graph && a.g && node.op === "If" && node.domain === "") graphs.set(name, this.#graph(a.g));
      else attributes[name] = this.#attribute(a, shownNode(node));
    }
    return node;
  }

  #attribute(a: AttributeProto, shown: string): AttributeValue {
    const at = this.#at(a);
    const convert = converters[typeOf(a)];
    if (convert) return convert(a, at);
    throw new OnnxError(
      "ERR_ONNX_OP",
      `${shown} has attribute ${a.name ?? ""} of type ${a.type ?? 0}: of such kinds only the branches of an If are supported`,
      at,
    );
  }

  /** Nodes, without those that are constants: these are tensors. */
  #nodes(protos: readonly NodeProto[], tensors: SourceTensor[]): SourceNode[] {
    const nodes: SourceNode[] = [];
    for (const proto of protos) {
      const node = this.#node(proto);
      const name = node.outputs[0];
      if (node.op !== "Constant" || node.domain !== "" || node.outputs.length !== 1 || node.references.size > 0) {
        nodes.push(node);
        continue;
      }
      const data = constantOf(node.attributes);
      if (!data) throw new OnnxError("ERR_ONNX_OP", `${shownNode(node)} holds no numbers: strings and sparse tensors are not supported`, node.at);
      const value = proto.attribute?.find((a) => a.name === "value")?.t;
      tensors.push({ name: name!, inNode: true, data, places: value ? placesOf(value, this.#bytes) : [], at: node.at });
    }
    return nodes;
  }

  #graph(proto: GraphProto): SourceGraph {
    const initialized = new Set((proto.initializer ?? []).map((t) => t.name ?? ""));
    const tensors = (proto.initializer ?? []).map((t) => this.#tensor(t, t.name ?? ""));
    return {
      name: proto.name ?? "",
      // Up to IR version 3 every initializer is also listed as an input; later that means a default value.
      inputs: (proto.input ?? []).filter((info) => !initialized.has(info.name ?? "")).map((info) => this.#input(info)),
      tensors,
      nodes: this.#nodes(proto.node ?? [], tensors),
      outputs: (proto.output ?? []).map((info) => ({ name: info.name ?? "", at: this.#at(info) })),
    };
  }

  /** The version of ONNX's own ops; 0 where none is named. */
  #opset(imports: readonly OperatorSetIdProto[] | undefined): number {
    const own = (imports ?? []).find((o) => domainOf(o.domain) === "");
    const opset = own?.version ?? 0;
    if (own && (opset < opsets.oldest || opset > opsets.newest)) {
      throw new OnnxError("ERR_ONNX_VERSION", `opset ${opset} is not between ${opsets.oldest} and ${opsets.newest}`, this.#at(own), {
        hint: "convert the model with onnx.version_converter, or export it again",
      });
    }
    return opset;
  }

  #function(proto: FunctionProto, opset: number): SourceFunction {
    const tensors: SourceTensor[] = [];
    const defaults: Record<string, AttributeValue> = {};
    for (const a of proto.attributeProto ?? []) defaults[a.name ?? ""] = this.#attribute(a, `function ${proto.name ?? ""}`);
    return {
      inputs: proto.input ?? [],
      outputs: proto.output ?? [],
      nodes: this.#nodes(proto.node ?? [], tensors),
      tensors,
      defaults,
      opset: this.#opset(proto.opsetImport) || opset,
    };
  }

  read(): OnnxSource {
    const model = this.#decoded.message;
    if (!model.graph) throw new OnnxError("ERR_ONNX_MALFORMED", "not an ONNX model: it has no graph", 0);
    const irVersion = model.irVersion ?? 0;
    if (irVersion < irVersions.oldest || irVersion > irVersions.newest)
      throw new OnnxError("ERR_ONNX_VERSION", `IR version ${irVersion} is not between ${irVersions.oldest} and ${irVersions.newest}`, this.#at(model));
    const opset = this.#opset(model.opsetImport);
    const functions = new Map<string, SourceFunction>();
    for (const f of model.functions ?? []) functions.set(functionKey(domainOf(f.domain), f.name ?? "", f.overload ?? ""), this.#function(f, opset));
    return { graph: this.#graph(model.graph), functions, producer: model.producerName ?? "", irVersion, opset };
  }
}

/** Reads what a file says. Nothing of the result is a view of the bytes. @throws OnnxError */
export function readSource(bytes: Uint8Array, options: { readonly externalData?: ExternalData | undefined } = {}): OnnxSource {
  return new SourceReader(bytes, options.externalData).read();
}

/** The files that a model keeps numbers in, by the locations that it names. @throws OnnxError */
export function externalLocations(bytes: Uint8Array): ReadonlySet<string> {
  const found = new Set<string>();
  const look = (graph: GraphProto | undefined): void => {
    for (const tensor of graph?.initializer ?? [])
      if (tensor.dataLocation === 1) for (const e of tensor.externalData ?? []) if (e.key === "location") found.add(e.value ?? "");
    for (const node of graph?.node ?? []) for (const a of node.attribute ?? []) look(a.g);
  };
  look(decode("ModelProto", bytes).message.graph);
  return found;
}
