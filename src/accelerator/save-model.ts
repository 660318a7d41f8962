// Writes a model for others: weights, and the config where the model has one.
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { ModuleBase } from "../nn/index.js";

interface Saves {
  savePretrained(directory: string): Promise<void>;
}
const savesItself = (model: object): model is Saves => typeof (model as Partial<Saves>).savePretrained === "function";

/** model.safetensors, and config.json of a pretrained model, in a directory that is made. */
export async function saveWeights(model: ModuleBase, directory: string): Promise<void> {
  await mkdir(directory, { recursive: true });
  if (savesItself(model)) await model.savePretrained(directory);
  else await model.save(join(directory, "model.safetensors"));
}
