// Weights without a model: safetensors files, alone or in shards. There are sizes, and no graph.
import { basename } from "node:path";
import { AccelerateError } from "../../src/errors.js";
import { sizeOf } from "../../src/graph/dtype.js";
import { Checkpoint, type CheckpointTensor } from "../../src/models/loading/checkpoint.js";
import { SafetensorsFile, storedTypes, type TensorEntry } from "../../src/safetensors/index.js";
import type { Layer, Subject, Weight } from "./subject.js";

const described = ({ name, stored, shape, begin, end }: TensorEntry): CheckpointTensor => ({
  name,
  shape,
  dtype: storedTypes[stored].dtype ?? stored,
  bytes: end - begin,
});

/** Tensors whose names differ in the last part only belong to one layer. */
export function layersByName(weights: readonly Weight[]): Layer[] {
  const layers = new Map<string, number>();
  for (const { name, elements } of weights) {
    const layer = name.slice(0, Math.max(0, name.lastIndexOf("."))) || name;
    layers.set(layer, (layers.get(layer) ?? 0) + elements * 4);
  }
  return [...layers].map(([name, bytes]) => ({ name, bytes }));
}

function subjectOf(source: string, tensors: Iterable<CheckpointTensor>): Subject {
  const weights: readonly Weight[] = [...tensors].map((tensor) => ({ ...tensor, elements: sizeOf(tensor.shape) }));
  return {
    name: basename(source),
    source,
    weights,
    layers: layersByName(weights),
    loss: undefined,
    step: () => {
      throw new AccelerateError("ERR_NO_GRAPH", `${source} holds weights alone`, {
        hint: "activations need a model: a folder with config.json, or an .onnx file",
      });
    },
  };
}

/** Only the header is read. */
export async function safetensorsSubject(file: string): Promise<Subject> {
  await using opened = await SafetensorsFile.open(file);
  return subjectOf(file, [...opened.tensors.values()].map(described));
}
/** A folder with weights and no config.json. */
export async function weightsSubject(folder: string): Promise<Subject> {
  await using checkpoint = await Checkpoint.open(folder);
  return subjectOf(folder, checkpoint.tensors.values());
}
