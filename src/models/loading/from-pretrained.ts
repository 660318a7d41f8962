// From a folder with config.json and weights, or an id of the hub, to a model with its weights, in evaluation mode.
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { AccelerateError } from "../../errors.js";
import type { HubOptions } from "../../hub/index.js";
import { hubOptionNames } from "../../hub/types.js";
import { checkNames, type OptionNames } from "../../option-names.js";
import { speaks } from "../../progress/speaks.js";
import type { Architecture } from "../shared/architecture.js";
import { stdOf } from "../shared/architecture.js";
import { initWeights } from "../shared/init-weights.js";
import type { PreTrainedModelBase } from "../shared/pretrained-model.js";
import { Checkpoint } from "./checkpoint.js";
import { configName, type PretrainedConfig, readConfig } from "./config.js";
import { type TaskOptions, withTask } from "./labels.js";
import { loadWarnings, loadWeights } from "./load-weights.js";

/** What config.json says, changed. Of a model of the hub, which one and how it is fetched. */
export interface ConfigOptions extends TaskOptions, HubOptions {
  /** Keys of config.json to change, as `{ hidden_dropout_prob: 0 }`. */
  readonly config?: Readonly<Record<string, unknown>> | undefined;
}
export interface FromPretrainedOptions extends ConfigOptions {
  /** Weights whose shape differs from the model's start anew with a warning, instead of being an error. */
  readonly ignoreMismatchedSizes?: boolean | undefined;
}
const configOptions: OptionNames<ConfigOptions> = { ...hubOptionNames, numLabels: true, id2label: true, label2id: true, problemType: true, config: true };
const modelOptions: OptionNames<FromPretrainedOptions> = { ...configOptions, ignoreMismatchedSizes: true };

/**
 * The folder of a checkpoint; of an id of the hub, the one in the cache, once its config, and its weights where they are wanted, are there.
 *
 * @throws HubError for an id that the hub does not have; AccelerateError ERR_MODEL_NOT_FOUND for a file; ArgumentError ERR_OPTIONS for an option that there is not
 */
export async function modelFolder(checkpoint: string, options: HubOptions, wanted: "config" | "model" = "model"): Promise<string> {
  checkNames("fromPretrained", options, wanted === "config" ? configOptions : modelOptions);
  const found = await stat(checkpoint).catch(() => undefined);
  if (found?.isDirectory()) return checkpoint;
  if (found) throw new AccelerateError("ERR_MODEL_NOT_FOUND", `${checkpoint} is a file, not a model folder`, { hint: "give the folder that it lies in" });
  const { modelFiles, resolvePretrained } = await import("../../hub/index.js");
  return resolvePretrained(checkpoint, wanted === "config" ? [configName] : modelFiles, options);
}

/** The config of a folder with what the program says in the place of what the file says. */
export async function rawConfig(folder: string, options: ConfigOptions) {
  const raw = await readConfig(folder);
  return withTask({ ...raw, ...options.config } as typeof raw, options, join(folder, configName));
}

/** Loads a model of a known class from a folder; messages name the checkpoint that the user gave. */
export async function loadFolder<M extends PreTrainedModelBase, C extends PretrainedConfig>(
  architecture: Architecture<M, C>,
  { folder, checkpoint }: { readonly folder: string; readonly checkpoint: string },
  options: FromPretrainedOptions,
): Promise<M> {
  const config = architecture.config(await rawConfig(folder, options), join(folder, configName), options.numLabels);
  await using weights = await Checkpoint.open(folder);
  const model = architecture.make(config);
  const report = await loadWeights(model, weights, { prefix: architecture.prefix, ignoreMismatchedSizes: options.ignoreMismatchedSizes });
  initWeights(model, { std: stdOf(config), only: new Set([...report.missing, ...report.mismatched.map((m) => m.name)]) });
  // Every worker of a job loads the same files: one tells.
  if (speaks()) for (const warning of loadWarnings(report, architecture.name, checkpoint)) console.warn(warning);
  return model.eval();
}

/**
 * Loads a model of a known class.
 *
 * @throws AccelerateError ERR_OPTIONS, ERR_MODEL_NOT_FOUND, ERR_CONFIG, ERR_WEIGHTS_NOT_FOUND, ERR_WEIGHT_SHAPE, ERR_SAFETENSORS_*, ERR_TORCH_FILE_* or ERR_HUB_*
 */
export async function loadPretrained<M extends PreTrainedModelBase, C extends PretrainedConfig>(
  architecture: Architecture<M, C>,
  checkpoint: string,
  options: FromPretrainedOptions = {},
): Promise<M> {
  return loadFolder(architecture, { folder: await modelFolder(checkpoint, options), checkpoint }, options);
}
