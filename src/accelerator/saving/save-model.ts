// Writes a model for others: weights, in shards where they are big, and the config where the model has one.
import type { ModuleBase } from "../../nn/index.js";
import { moduleTensors } from "../../nn/module-file.js";
import { parseSize, saveShards } from "../../safetensors/index.js";
import { writing } from "./write-errors.js";

export interface SaveModelOptions {
  /** Greatest size of a file of weights: bytes, or a text such as "5MB" (decimal units); default "10GB". */
  readonly maxShardSize?: number | string;
}

interface Saves {
  savePretrained(directory: string, options: SaveModelOptions): Promise<void>;
}
const savesItself = (model: object): model is Saves => typeof (model as Partial<Saves>).savePretrained === "function";

/** What is wrong with the options is wrong on every worker: said by each before one of them writes. */
export function checkSaveModel({ maxShardSize }: SaveModelOptions): void {
  if (maxShardSize !== undefined) parseSize(maxShardSize, "maxShardSize");
}

/** model.safetensors, or its shards with their index, and config.json of a pretrained model, in a directory that is made. */
export async function saveWeights(model: ModuleBase, directory: string, options: SaveModelOptions = {}): Promise<void> {
  await writing(directory, async () => {
    if (savesItself(model)) await model.savePretrained(directory, options);
    else await saveShards(directory, await moduleTensors(model), options);
  });
}
