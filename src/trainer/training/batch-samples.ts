// The micro-batches of one optimizer step, and how many labels count in them.
import { ignoredLabel } from "../../models/shared/task-loss.js";
import { fromData, type Tensor } from "../../tensor/index.js";
import type { ModelInputs } from "../options.js";
import type { Trainer } from "../trainer.js";

export interface BatchSamples {
  /** Fewer than asked for at the end of the data. */
  readonly batches: readonly ModelInputs[];
  /** Labels that count, of all workers with `averageTokensAcrossDevices`; undefined where the loss does not ask for it. */
  readonly numItemsInBatch: number | undefined;
}

/** Labels that are no -100. With `shifted` the first of each row does not count: no place says it. */
export async function countLabels(labels: Tensor, { shifted }: { readonly shifted: boolean }): Promise<number> {
  const data = (await labels.data()) as ArrayLike<number | bigint>;
  const ignored = labels.dtype === "int64" ? BigInt(ignoredLabel) : ignoredLabel;
  const width = labels.shape.at(-1) ?? 1;
  let count = 0;
  for (let i = 0; i < data.length; i++) if (data[i] !== ignored && !(shifted && i % width === 0)) count++;
  return count;
}

/** Whether the loss is divided by the labels of the whole step. */
export const countsItems = ({ traits, computeLossFunc, labelSmoother }: Trainer): boolean =>
  traits.meanOverItems || computeLossFunc !== undefined || (labelSmoother !== undefined && traits.isPretrained);

async function itemsIn(trainer: Trainer, batches: readonly ModelInputs[]): Promise<number | undefined> {
  if (!batches[0]?.labels || !countsItems(trainer)) return undefined;
  let items = 0;
  for (const { labels } of batches) if (labels) items += await countLabels(labels, { shifted: trainer.traits.countsShifted });
  const { accelerator, args } = trainer;
  if (!args.averageTokensAcrossDevices || accelerator.numProcesses === 1) return items;
  const [all] = await accelerator.reduce([fromData(BigInt64Array.of(BigInt(items)), [1], "int64")]);
  return Number((await all!.data())[0]);
}

export async function getBatchSamples(trainer: Trainer, iterator: AsyncIterator<ModelInputs>, numBatches: number): Promise<BatchSamples> {
  const batches: ModelInputs[] = [];
  for (let i = 0; i < numBatches; i++) {
    const next = await iterator.next();
    if (next.done) break;
    batches.push(next.value);
  }
  return { batches, numItemsInBatch: await itemsIn(trainer, batches) };
}
