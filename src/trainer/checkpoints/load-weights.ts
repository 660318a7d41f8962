// The weights of a checkpoint, ours or of transformers, into a model that may lie in memory that workers share.
import { AccelerateError } from "../../errors.js";
import { Checkpoint } from "../../models/loading/checkpoint.js";
import { matchNames } from "../../models/loading/match-names.js";
import { namesOf } from "../../models/loading/parameter-names.js";
import type { ModuleBase, Parameter } from "../../nn/index.js";
import type { Trainer } from "../trainer.js";
import { readBuffers } from "./read-buffers.js";
import { tell } from "./tell.js";

/** The prefix that the names of a base model have in models with a head. */
const prefixOf = (model: ModuleBase): string => (model.constructor as { readonly architecture?: { readonly prefix?: string } }).architecture?.prefix ?? "";

interface Fitting {
  readonly wanted: readonly (readonly [source: string, parameter: Parameter])[];
  readonly missing: readonly string[];
  readonly unexpected: readonly string[];
}

function fit(model: ModuleBase, checkpoint: Checkpoint): Fitting {
  const parameters = new Map<string, Parameter>(model.namedParameters());
  const buffers = new Set([...model.namedBuffers({ persistentOnly: true })].map(([name]) => name));
  const { sources, missing, unexpected } = matchNames(namesOf(model), [...checkpoint.tensors.keys()], prefixOf(model));
  const wanted = [...sources].map(([name, source]) => {
    const parameter = parameters.get(name)!;
    const { shape } = checkpoint.tensors.get(source)!;
    if (shape.join() !== parameter.shape.join())
      throw new AccelerateError(
        "ERR_WEIGHT_SHAPE",
        `${checkpoint.fileOf(source)}: ${source} is [${shape.join(", ")}] there, the model's ${name} [${parameter.shape.join(", ")}]`,
        { hint: "the checkpoint is of another model: train with the one that it was saved from" },
      );
    return [source, parameter] as const;
  });
  return { wanted, missing, unexpected: unexpected.filter((name) => !buffers.has(name)) };
}

const list = (names: readonly string[]): string => (names.length > 6 ? `${names.slice(0, 6).join(", ")} and ${names.length - 6} more` : names.join(", "));

/**
 * Reads a directory's weights into the trainer's model; called on all workers.
 * @throws AccelerateError ERR_WEIGHTS_NOT_FOUND, ERR_WEIGHT_SHAPE; nothing was changed then
 */
export async function loadWeightsOf(trainer: Trainer, directory: string): Promise<void> {
  const { model, accelerator } = trainer;
  await accelerator.checkpoints.rewrite(async ({ writesParameters }) => {
    await using checkpoint = await Checkpoint.open(directory);
    const { wanted, missing, unexpected } = fit(model, checkpoint);
    if (missing.length > 0) tell(trainer, `${directory} lacks weights of the model, which stay as they are: ${list(missing)}`);
    if (unexpected.length > 0) tell(trainer, `${directory} holds weights that the model does not have: ${list(unexpected)}`);
    if (writesParameters) await checkpoint.readInto(wanted.map(([source, parameter]) => [source, parameter.values()] as const));
    await readBuffers(model, directory);
  });
  for (const parameter of model.parameters()) parameter.changed();
}
