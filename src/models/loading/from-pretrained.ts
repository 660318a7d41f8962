// From a folder with config.json and model.safetensors to a model with its weights, in evaluation mode.
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { AccelerateError } from "../../errors.js";
import { Checkpoint } from "./checkpoint.js";
import { configName, type PretrainedConfig, readConfig } from "./config.js";
import { loadWarnings, loadWeights } from "./load-weights.js";
import { initWeights, type PreTrainedModelBase } from "../shared/pretrained-model.js";

export interface FromPretrainedOptions {
  /** Outputs of the classifier; those of the file unless told. */
  readonly numLabels?: number;
  /** Keys of config.json to change, as `{ hidden_dropout_prob: 0 }`. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** Weights whose shape differs from the model's start anew with a warning, instead of being an error. */
  readonly ignoreMismatchedSizes?: boolean;
  /** Branch, tag or commit on the hub; without meaning for a folder. */
  readonly revision?: string;
  /** Where downloads are kept; without meaning for a folder. */
  readonly cacheDir?: string;
  /** Never download; what happens now in any case. */
  readonly localFilesOnly?: boolean;
}

/** How a class of models is made from a config. */
export interface Architecture<M extends PreTrainedModelBase, C extends PretrainedConfig = PretrainedConfig> {
  /** The class, as in config.json's `architectures`. */
  readonly name: string;
  /** The field that holds the base model in models with a head: `bert`. */
  readonly prefix: string;
  /** Checks a config; errors name `where`. */
  config(raw: Readonly<Record<string, unknown>>, where: string, numLabels?: number): C;
  /** A model whose weights are not set yet. */
  make(config: C): M;
}

/** Throws unless the checkpoint is a folder. */
export async function needFolder(checkpoint: string): Promise<void> {
  const found = await stat(checkpoint).catch(() => undefined);
  if (found?.isDirectory()) return;
  throw new AccelerateError("ERR_MODEL_NOT_FOUND", found ? `${checkpoint} is a file, not a model folder` : `there is no folder ${checkpoint}`, {
    hint: "a local directory is needed for now: download the model once (hf download <id> --local-dir <folder>) and give that folder",
  });
}

/**
 * Loads a model of a known class.
 *
 * @throws AccelerateError ERR_MODEL_NOT_FOUND, ERR_CONFIG, ERR_WEIGHTS_NOT_FOUND, ERR_WEIGHT_SHAPE or ERR_SAFETENSORS_*
 */
export async function loadPretrained<M extends PreTrainedModelBase, C extends PretrainedConfig>(
  architecture: Architecture<M, C>,
  checkpoint: string,
  options: FromPretrainedOptions = {},
): Promise<M> {
  await needFolder(checkpoint);
  const raw = await readConfig(checkpoint);
  const config = architecture.config({ ...raw, ...options.config }, join(checkpoint, configName), options.numLabels);
  await using weights = await Checkpoint.open(checkpoint);
  const model = architecture.make(config);
  const report = await loadWeights(model, weights, { prefix: architecture.prefix, ignoreMismatchedSizes: options.ignoreMismatchedSizes });
  const std = typeof config.initializer_range === "number" ? config.initializer_range : 0.02;
  initWeights(model, { std, only: new Set([...report.missing, ...report.mismatched.map((m) => m.name)]) });
  for (const warning of loadWarnings(report, architecture.name, checkpoint)) console.warn(warning);
  return model.eval();
}
