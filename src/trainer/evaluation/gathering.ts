// From one worker's batch to the rows of all: the numbers come out with one run, and travel in two calls.
import type { Accelerator } from "../../accelerator/index.js";
import type { BatchInUse } from "../../data/internal.js";
import { fromData, type Tensor } from "../../tensor/index.js";
import type { Predictions } from "./eval-prediction.js";
import { broughtOut, mapTensors, tensorsOf } from "./nested.js";

/** What one batch gives to an evaluation. */
export interface BatchResults {
  readonly loss: Tensor | undefined;
  readonly logits: Predictions | undefined;
  readonly labels: Predictions | undefined;
  readonly inputs: Predictions | undefined;
}
/** The same of all workers' rows, of those alone that count. */
export interface GatheredResults extends Omit<BatchResults, "loss"> {
  /** For each row the mean of its worker's batch. */
  readonly losses: Float32Array<ArrayBuffer> | undefined;
  /** A worker was asked to stop: all know it now. */
  readonly stops: boolean;
}

const given = (results: Readonly<Record<string, Predictions | undefined>>): Record<string, Predictions> =>
  Object.fromEntries(Object.entries(results).filter((entry): entry is [string, Predictions] => entry[1] !== undefined));

/** Brings a batch's tensors out, and those of the other workers: their rows behind each other, in the order of ranks. Second sizes are made equal with -100. */
export async function gatherBatch(accelerator: Accelerator, { loss, ...rest }: BatchResults, { rows, realRows }: BatchInUse): Promise<GatheredResults> {
  const tensors = given({ loss, ...rest });
  const own = Object.keys(tensors).length > 0 ? ((await broughtOut(tensors)) as Record<string, Predictions>) : {};
  const { loss: mean, ...others } = own;
  const value = mean && Number((await (mean as Tensor).data())[0]);
  const several = accelerator.numProcesses > 1;
  const losses = value === undefined ? undefined : new Float32Array(several ? rows : realRows).fill(value);
  const { asked } = accelerator.stopping;
  if (!several) return { logits: undefined, labels: undefined, inputs: undefined, ...others, losses, stops: asked };
  const stop = fromData(new Float32Array(rows).fill(Number(asked)), [rows]);
  const all = await gatherRows(accelerator, given({ ...others, losses: losses && fromData(losses, [rows]), stop }));
  const { losses: of, stop: wishes, ...gathered } = all as Record<string, Predictions>;
  const gatheredLosses = of === undefined ? undefined : ((await (of as Tensor).data()) as Float32Array<ArrayBuffer>);
  const stops = ((await (wishes as Tensor).data()) as Float32Array).some((wish) => wish > 0);
  return { logits: undefined, labels: undefined, inputs: undefined, ...gathered, losses: gatheredLosses, stops };
}

async function gatherRows(accelerator: Accelerator, results: Record<string, Predictions>): Promise<Predictions> {
  const tensors = tensorsOf(results);
  if (tensors.length === 0) return results;
  const wide = tensors.filter(({ rank }) => rank > 1);
  const padded = wide.length > 0 ? await accelerator.padAcrossProcesses(wide, { dim: 1, padIndex: -100 }) : [];
  const equal = new Map(wide.map((tensor, i) => [tensor, padded[i] as Tensor]));
  const gathered = (await accelerator.gatherForMetrics(tensors.map((tensor) => equal.get(tensor) ?? tensor))) as Tensor[];
  const next = gathered.values();
  return mapTensors(results, () => next.next().value as Tensor);
}
