// An ONNX model's bytes as a graph.
import type { Dim, ShapeEnv } from "../dims.js";
import type { TensorData } from "../dtype.js";
import { Graph, type Value } from "../graph.js";
import type { OpTable } from "../op-table.js";
import { OnnxError } from "./errors.js";
import { instantiate, refuseUnknownOps, unknownOps } from "./instantiate.js";
import { type OnnxSource, readSource, type SourceInput } from "./source.js";
import type { ExternalData } from "./tensors.js";

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

/** Inputs of a graph as the file declares them, sizes by their names. */
export function declareInputs(graph: Graph, inputs: readonly SourceInput[]): Map<string, Value> {
  const symbols = new Symbols(graph.env);
  const found = new Map<string, Value>();
  for (const { name, dtype, dims, at } of inputs) {
    if (found.has(name)) throw new OnnxError("ERR_ONNX_MALFORMED", `two values are named ${JSON.stringify(name)}`, at);
    const value = graph.input(
      name,
      dtype,
      dims.map((d): Dim => (typeof d === "string" ? symbols.of(d) : (d ?? graph.env.symbol()))),
    );
    value.name = name;
    found.set(name, value);
  }
  return found;
}

function graphOf(source: OnnxSource, options: FromOnnxOptions): ImportedModel {
  const graph = new Graph(options.ops ? { ops: options.ops } : {});
  refuseUnknownOps(unknownOps(source, (op, domain) => graph.ops.get(op, domain) !== undefined));
  if (source.opset === 0 && source.graph.nodes.some((n) => n.domain === ""))
    throw new OnnxError("ERR_ONNX_VERSION", "the model does not say which opset its ops are from", 0);
  const given = declareInputs(graph, source.graph.inputs);
  const parameters: ImportedParameter[] = [];
  for (const { name, inNode, data, at } of source.graph.tensors) {
    if (inNode || !options.parameter?.(name, data)) continue;
    if (given.has(name)) throw new OnnxError("ERR_ONNX_MALFORMED", `two values are named ${JSON.stringify(name)}`, at);
    const value = graph.input(name, data.dtype, data.shape);
    value.name = name;
    given.set(name, value);
    parameters.push({ name, value, data });
  }
  const values = instantiate(source, graph, { given });
  for (const { name, at } of source.graph.outputs) {
    const value = values.get(name);
    if (!value) throw new OnnxError("ERR_ONNX_MALFORMED", `nothing makes the output ${JSON.stringify(name)}`, at);
    graph.output(value);
  }
  return { graph, name: source.graph.name, producer: source.producer, irVersion: source.irVersion, opset: source.opset, parameters };
}

/**
 * Reads an ONNX model: opsets 13 to 24, nodes brought to the form of opset 21, nodes Constant as constants, functions inlined, of an If the branch that its condition takes, shapes
 * inferred by the op table.
 *
 * @example
 * const { graph, parameters } = fromOnnx(await readFile("model.onnx"), { parameter: (name) => name.endsWith(".weight") });
 * @throws OnnxError with a code and the byte offset; never anything else, whatever the bytes
 */
export function fromOnnx(bytes: Uint8Array, options: FromOnnxOptions = {}): ImportedModel {
  return graphOf(readSource(bytes, options), options);
}
