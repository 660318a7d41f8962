// How much a step works: transformers' rule for floating point operations, and tokens.
import type { ModuleBase } from "../../nn/index.js";
import { fromData } from "../../tensor/index.js";
import type { ModelInputs } from "../options.js";
import type { Trainer } from "../trainer.js";

interface Counting {
  numParameters(options: { readonly excludeEmbeddings: boolean }): number;
}
const parameters = new WeakMap<ModuleBase, number>();
/** Those outside embeddings; of a model that cannot count them none. */
function parametersOf(model: ModuleBase): number {
  let count = parameters.get(model);
  if (count === undefined) {
    count =
      "numParameters" in model && typeof model.numParameters === "function" ? (model as unknown as Counting).numParameters({ excludeEmbeddings: true }) : 0;
    parameters.set(model, count);
  }
  return count;
}
const sizeOf = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

/** 6 x tokens x parameters outside embeddings; 0 for models that cannot count their parameters, and batches without their main input. */
export function floatingPointOps({ model, traits }: Trainer, inputs: ModelInputs): number {
  const main = inputs[traits.mainInputName];
  return main ? 6 * sizeOf(main.shape) * parametersOf(model) : 0;
}

/** Adds the operations of all workers since the last call to `state.totalFlos`. */
export async function storeFlos(trainer: Trainer): Promise<void> {
  const { accelerator, state } = trainer;
  let flos = trainer.currentFlos;
  trainer.currentFlos = 0;
  if (accelerator.numProcesses > 1) {
    const [all] = await accelerator.reduce([fromData(Float64Array.of(flos), [1], "float64")]);
    flos = Number((await all!.data())[0]);
  }
  state.totalFlos += flos;
}

async function ownTokens({ args, processingClass }: Trainer, inputs: ModelInputs, name: string): Promise<number> {
  const main = inputs[name]!;
  if (args.includeNumInputTokensSeen !== "non_padding") return sizeOf(main.shape);
  const padding = (processingClass as { readonly padTokenId?: number } | undefined)?.padTokenId;
  const mask = inputs.attention_mask;
  if (mask) {
    let sum = 0;
    for (const value of (await mask.data()) as Iterable<number | bigint>) sum += Number(value);
    return sum;
  }
  if (padding === undefined) return sizeOf(main.shape);
  let count = 0;
  for (const id of (await main.data()) as Iterable<number | bigint>) if (Number(id) !== padding) count++;
  return count;
}

/** Adds the tokens of all workers' batches to `state.numInputTokensSeen`, where the arguments ask for it. */
export async function trackInputTokens(trainer: Trainer, inputs: ModelInputs): Promise<void> {
  const { args, accelerator, state, traits } = trainer;
  if (args.includeNumInputTokensSeen === "no" || !inputs[traits.mainInputName]) return;
  let tokens = await ownTokens(trainer, inputs, traits.mainInputName);
  if (accelerator.numProcesses > 1) {
    const [all] = await accelerator.reduce([fromData(BigInt64Array.of(BigInt(tokens)), [1], "int64")]);
    tokens = Number((await all!.data())[0]);
  }
  state.numInputTokensSeen += tokens;
}
