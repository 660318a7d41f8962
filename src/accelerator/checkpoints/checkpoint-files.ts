// The files of a checkpoint: their names, and what is in each of them.
import { join } from "node:path";
import { readFile } from "node:fs/promises";
import { CheckpointError, type FileContent, type JsonValue } from "../../checkpoint/index.js";
import type { TensorData } from "../../graph/dtype.js";
import type { LoaderState } from "../../data/index.js";
import { safetensorsParts } from "../../safetensors/writer.js";
import type { GeneratorState } from "../../tensor/index.js";
import type { EncodedValue } from "../../checkpoint/index.js";

const numbered = (stem: string, i: number): string => (i === 0 ? stem : `${stem}_${i}`);

/** Paths in a checkpoint. The first model, optimizer and so on have no number, as in Accelerate. */
export const fileNames = {
  state: "state.json",
  model: (i: number): string => `${numbered("model", i)}.safetensors`,
  optimizer: (i: number): string => `${numbered("optimizer", i)}.json`,
  optimizerTensors: (i: number): string => `${numbered("optimizer", i)}.safetensors`,
  scheduler: (i: number): string => `${numbered("scheduler", i)}.json`,
  custom: (i: number): string => `custom_checkpoint_${i}.json`,
  own: (rank: number): string => `random_states_${rank}.json`,
  gradients: (rank: number): string => `gradients_${rank}.safetensors`,
} as const;

/** A loader, so that another one is told apart. */
export interface LoaderDescription {
  /** Of the data set; null where it is not known. */
  readonly rows: number | null;
  readonly batchSize: number | null;
  readonly shuffled: boolean;
}
/** A loader as it is saved. */
export interface SavedLoader extends LoaderDescription {
  readonly seed: number | null;
  readonly state: LoaderState;
}

/** state.json */
export interface SavedState {
  readonly settings: Readonly<Record<string, JsonValue>>;
  /** Class names of the models. */
  readonly models: readonly string[];
  readonly optimizers: readonly string[];
  readonly schedulers: number;
  readonly loaders: readonly SavedLoader[];
  /** Place of the training loader among them. */
  readonly training: number | null;
  readonly optimizerSteps: number;
  readonly custom: number;
  readonly parts: Readonly<Record<string, unknown>>;
  /** Ranks with gradients that wait for their step. */
  readonly gradients: readonly number[];
}

/** optimizer.json; the arrays lie in the safetensors file beside it, under `<parameter>.<state>`. */
export interface SavedOptimizer {
  readonly type: string;
  readonly step_count: number;
  readonly param_groups: readonly JsonValue[];
  readonly schedulers: readonly JsonValue[];
  /** Steps by parameter. */
  readonly steps: Readonly<Record<string, number>>;
}

/** random_states_<rank>.json */
export interface SavedOwnState {
  readonly generator: GeneratorState;
  readonly parts: Readonly<Record<string, unknown>>;
}

export const tensorsFile = (jsonFile: string): string => jsonFile.replace(/\.json$/, ".safetensors");

/** A safetensors file. */
export const tensorContent = (path: string, tensors: Iterable<readonly [string, TensorData]>): FileContent => ({
  path,
  parts: safetensorsParts(path, tensors, {}),
});
/** A JSON file, with a safetensors file of the same name where it has arrays. */
export function valueContent(path: string, { json, tensors }: EncodedValue): FileContent[] {
  const text: FileContent = { path, parts: [new TextEncoder().encode(`${JSON.stringify(json, null, 2)}\n`)] };
  return tensors.size > 0 ? [text, tensorContent(tensorsFile(path), tensors)] : [text];
}

export async function readJson(directory: string, path: string): Promise<JsonValue> {
  try {
    return JSON.parse(await readFile(join(directory, path), "utf8")) as JsonValue;
  } catch (cause) {
    throw new CheckpointError("ERR_CHECKPOINT_DAMAGED", `${join(directory, path)} cannot be read (${(cause as Error).message})`, {
      cause,
      hint: "load another checkpoint",
    });
  }
}
