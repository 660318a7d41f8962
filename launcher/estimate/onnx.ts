// ONNX files: their own graph; for training, differentiated from the mean of the first output of floats.
import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { basename, dirname, resolve, sep } from "node:path";
import { decomposeForGradients, differentiate } from "../../src/autograd/differentiate.js";
import { AccelerateError } from "../../src/errors.js";
import { Builder } from "../../src/graph/builder.js";
import { dtypes, isFloat, sizeOf } from "../../src/graph/dtype.js";
import type { Value } from "../../src/graph/graph.js";
import { decomposeComposites } from "../../src/graph/passes/decompose.js";
import { OnnxError, type OnnxErrorCode } from "../../src/graph/onnx/errors.js";
import { fromOnnx, type ImportedModel } from "../../src/graph/onnx/read.js";
import { layersByName } from "./weight-files.js";
import type { StepGraph, StepMode, StepSizes, Subject } from "./subject.js";

/** The files beside a model that its weights lie in, each read once. */
function besides(file: string): (location: string) => Uint8Array {
  const folder = resolve(dirname(file));
  const read = new Map<string, Uint8Array>();
  return (location) => {
    const path = resolve(folder, location);
    if (!path.startsWith(folder + sep))
      throw new AccelerateError("ERR_ONNX_EXTERNAL", `${file} keeps weights in ${location}, which does not lie beside it`, {
        hint: "put both into one folder",
      });
    const bytes = read.get(path) ?? readBeside(file, path);
    read.set(path, bytes);
    return bytes;
  };
}
function readBeside(file: string, path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw new AccelerateError("ERR_ONNX_EXTERNAL", `${file} keeps weights in ${basename(path)}, which cannot be read`, {
      cause,
      hint: "it belongs beside the model",
    });
  }
}

const broken: readonly OnnxErrorCode[] = ["ERR_ONNX_MALFORMED", "ERR_ONNX_TRUNCATED"];

/** @throws AccelerateError that names the file */
function readModel(file: string, encoded: Uint8Array, external: (location: string) => Uint8Array): ImportedModel {
  try {
    return fromOnnx(encoded, { parameter: (_, { dtype, data }) => isFloat(dtype) && data.length > 1, externalData: external });
  } catch (cause) {
    if (!(cause instanceof OnnxError)) throw cause;
    throw new AccelerateError(cause.code, `${file}: ${cause.message}`, {
      cause,
      ...(broken.includes(cause.code) && { hint: "no ONNX model, or a damaged one; download it again" }),
    });
  }
}

/** A symbol of the inputs: the first dim of an input is the batch, or one that says so; all others are lengths. */
const isBatch = (symbol: string, at: number): boolean => /batch/i.test(symbol) || (at === 0 && !/seq|len|time/i.test(symbol));

function stepOf({ graph, parameters }: ImportedModel, file: string, { batchSize, sequenceLength }: StepSizes, mode: StepMode): StepGraph {
  const weights = new Set(parameters.map(({ value }) => value));
  const symbols = new Map<string, number>();
  for (const input of graph.inputs) {
    if (weights.has(input)) continue;
    for (const [at, dim] of input.shape.entries())
      if (typeof dim === "string" && !symbols.has(dim)) symbols.set(dim, isBatch(dim, at) ? batchSize : sequenceLength);
  }
  if (mode === "training") {
    const output = graph.outputs.find(({ dtype }) => isFloat(dtype));
    if (!output) throw new AccelerateError("ERR_NO_GRAPH", `${file} has no output of floats to train on`);
    graph.outputs.splice(0, graph.outputs.length, new Builder(graph).reduce("ReduceMean", output, undefined));
    decomposeComposites(graph);
    decomposeForGradients(graph);
    const loss = graph.outputs[0]!;
    const gradients = differentiate(graph, { loss, wrt: parameters.map(({ value }) => value) });
    graph.outputs.splice(0, graph.outputs.length, loss, ...gradients.values());
  }
  const bytes = ({ shape, dtype, name }: Value): number => {
    try {
      return shape.reduce<number>((product, dim) => product * graph.env.evaluate(dim, symbols), dtypes[dtype].bytes);
    } catch (cause) {
      throw new AccelerateError("ERR_NO_GRAPH", `${file}: the size of ${name} is only known when it runs`, { cause });
    }
  };
  return { graph, bytes };
}

export async function onnxSubject(file: string): Promise<Subject> {
  const encoded = await readFile(file);
  const external = besides(file);
  const model = readModel(file, encoded, external);
  const weights = model.parameters.map(({ name, data: { shape, dtype } }) => ({
    name,
    shape,
    dtype,
    elements: sizeOf(shape),
    bytes: sizeOf(shape) * dtypes[dtype].bytes,
  }));
  return {
    name: model.name || basename(file),
    source: file,
    weights,
    layers: layersByName(weights),
    loss: "the mean of the first output",
    // A graph that was differentiated is another one: each step reads the file's anew.
    step: (sizes, mode) => stepOf(readModel(file, encoded, external), file, sizes, mode),
  };
}
