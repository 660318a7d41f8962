// A backward of an Accelerator: weighted, scaled, and counted to its micro-batch.
import { backward, type Tensor } from "../../tensor/index.js";
import type { Accumulation } from "./accumulation.js";
import type { WorkerExchange } from "./gradient-exchange.js";

export interface BackwardOptions {
  /**
   * What this micro-batch counts among those of all workers and of the window: the number of tokens, or rows, that the loss is the mean of. The gradient of a step is sum(weight * gradient) /
   * sum(weight). With 0 it counts nothing at all, also where the loss is not finite. Default: 1, or what the loader says (`dataloaderConfig.ignoreDuplicates`).
   */
  readonly weight?: number | undefined;
}

/** What the program says, or its loader; a batch that only keeps this worker's calls going counts nothing, whatever is said of it. */
export const weightOf = ({ weight }: BackwardOptions, batch: { readonly weight: number | undefined } | undefined): number | undefined =>
  batch?.weight === 0 ? 0 : (weight ?? batch?.weight);

/** Adds weight * scale * gradient to what lies here; what was not prepared is not divided by them again, and gets the gradient itself. */
export async function weightedBackward(
  loss: Tensor,
  weight: number | undefined,
  { accumulation, exchange }: { readonly accumulation: Accumulation; readonly exchange: WorkerExchange | undefined },
): Promise<void> {
  const pending = exchange?.pending ?? false;
  accumulation.check(weight, { pending });
  if (accumulation.begins) exchange?.goesOn();
  if (exchange?.divides) {
    const scale = exchange.scaling.latch({ pending });
    const plain = weight === undefined && !exchange.scaling.enabled;
    const { early } = exchange;
    const taps = early ? { taps: early.taps({ syncs: accumulation.syncs }) } : {};
    await backward(loss, { ...(plain ? {} : { seed: (weight ?? 1) * scale }), ...taps });
  } else await backward(loss, weight === 0 ? { seed: 0 } : {});
  accumulation.count(weight);
  exchange?.told();
}
