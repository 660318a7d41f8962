// A model's bytes part by part, with large tensors as views: a file of a model takes no memory beside the model's own, and its numbers may lie in a second file.
import protobuf from "protobufjs/minimal.js";
import type { Graph } from "../graph.js";
import { encode } from "./encode.js";
import { type GraphProto, schema, type TensorProto } from "./schema.js";
import { modelProto, type ToOnnxOptions } from "./write.js";

/** No message is longer: protobuf's own limit. */
const maxModelBytes = 2 ** 31 - 1;
/** Kept free for the nodes. */
const nodeBytes = 64 << 20;
/** Tensors of fewer bytes stay in the model: engines want the sizes and axes there. */
const minExternalBytes = 1024;
/** Where tensors begin in the second file, so that it can be mapped. */
const pageBytes = 4096;

export interface OnnxFilesOptions extends ToOnnxOptions {
  /** Name of the second file, beside the model. */
  readonly dataName: string;
  /** Whether there is a second file; default: when the model is too big for one. */
  readonly externalData?: boolean | undefined;
}
/** Parts are views of the graph's constants: to be written before those change. */
export interface OnnxFiles {
  readonly model: Iterable<Uint8Array>;
  readonly data: Iterable<Uint8Array> | undefined;
}

const lengthDelimited = 2;
const numberOf = (message: "ModelProto" | "GraphProto" | "TensorProto", field: string): number => schema[message].find(({ name }) => name === field)!.number;
/** What stands before a field of so many bytes. */
const head = (field: number, bytes: number): Uint8Array =>
  protobuf.Writer.create()
    .uint32((field << 3) | lengthDelimited)
    .uint32(bytes)
    .finish();
const total = (parts: readonly Uint8Array[]): number => parts.reduce((sum, part) => sum + part.length, 0);

/** The bytes of a tensor as a field of its graph. */
function tensorParts(tensor: TensorProto): Uint8Array[] {
  const { rawData, ...rest } = tensor;
  const parts = [encode("TensorProto", rest), ...(rawData ? [head(numberOf("TensorProto", "rawData"), rawData.length), rawData] : [])];
  return [head(numberOf("GraphProto", "initializer"), total(parts)), ...parts];
}

/** Takes large tensors out of the model; gives what is left of them, and the bytes of the other file. */
function outsourced(tensors: readonly TensorProto[], location: string): { readonly tensors: readonly TensorProto[]; readonly data: readonly Uint8Array[] } {
  const data: Uint8Array[] = [];
  let offset = 0;
  const left = tensors.map((tensor): TensorProto => {
    const { rawData, ...rest } = tensor;
    if (!rawData || rawData.length < minExternalBytes) return tensor;
    const gap = -offset & (pageBytes - 1);
    if (gap > 0) data.push(new Uint8Array(gap));
    data.push(rawData);
    const begin = offset + gap;
    offset = begin + rawData.length;
    const externalData = Object.entries({ location, offset: begin, length: rawData.length }).map(([key, value]) => ({ key, value: String(value) }));
    return { ...rest, externalData, dataLocation: 1 };
  });
  return { tensors: left, data };
}

/** As `toOnnx`, in parts to be written one after the other. */
export function onnxFiles(graph: Graph, options: OnnxFilesOptions): OnnxFiles {
  const { graph: whole, ...rest } = modelProto(graph, options);
  const { initializer = [], ...nodes } = whole;
  const weights = initializer.reduce((sum, { rawData }) => sum + (rawData?.length ?? 0), 0);
  const external = (options.externalData ?? weights > maxModelBytes - nodeBytes) ? outsourced(initializer, options.dataName) : undefined;
  // The order of fields is free: tensors come last.
  const inner = [encode("GraphProto", nodes as GraphProto), ...(external?.tensors ?? initializer).flatMap(tensorParts)];
  const model = [encode("ModelProto", rest), head(numberOf("ModelProto", "graph"), total(inner)), ...inner];
  return { model, data: external?.data };
}
