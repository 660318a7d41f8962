// Trainings with gradients that travel during the backward on doubled GPUs, and what their logs say.
import { type LogLine, part, type Ran, runOnGpus } from "../doubles/machine.js";
import { type Overlap, overlap, timeline } from "../doubles/times.js";

export interface OverlapRun {
  readonly name: string;
  readonly overlapComm: boolean;
  /** Default: shared out over the GPUs. */
  readonly stage?: 0 | 1;
  readonly precision?: "no" | "bf16" | "fp16";
  /** Micro-batches per step. */
  readonly accumulate?: number;
  /** A model that is never run is prepared in front of the other. */
  readonly idle?: boolean;
  /** Workers that make one more backward behind the last step. */
  readonly unasked?: readonly number[];
}
/** Of each run; the first one compiles. */
export const steps = 3;

const cli = new URL("../../launcher/cli.js", import.meta.url);
const worker = new URL("./overlap-worker.js", import.meta.url);

/** Kernels are long beside the host's work, which would be what is measured otherwise; a step's numbers are about a third of it on their way. */
export const modelled: readonly string[] = ["time launch 400", "time network 0.0075 20"];

export const train = (workers: number, runs: readonly OverlapRun[], script: readonly string[] = []): Promise<Ran> =>
  runOnGpus([cli, "launch", "--num-processes", `${workers}`, "--device", "cuda", worker, JSON.stringify(runs)], {
    script: [`devices ${workers}`, ...script],
  });

/** The logs of processes that trained. */
export const trained = (ran: Ran): (readonly LogLine[])[] => [...ran.logs.values()].filter((lines) => lines.some(({ mark }) => mark !== undefined));

/** All lines of a step; what comes in front of `launched` was queued before the backward had been. */
export interface Step {
  readonly backward: readonly LogLine[];
  readonly rest: readonly LogLine[];
}
/** Those of a run but the first, which compiles. */
export const stepsOf = (lines: readonly LogLine[], name: string): Step[] =>
  Array.from({ length: steps - 1 }, (_, i) => ({ backward: part(lines, `${name} ${i + 1}`), rest: part(lines, `${name} ${i + 1} launched`) }));

export const collectives = (lines: readonly LogLine[]): string[] => lines.flatMap(({ collective, count }) => (collective ? [`${collective} ${count}`] : []));
/** How many collectives were queued in front of the last kernel. */
export function early({ backward }: Step): number {
  const last = backward.findLastIndex(({ launch, from }) => launch !== undefined && from !== "nccl");
  return collectives(backward.slice(0, last)).length;
}
/** The host was too slow for the model: the GPU waited for it. */
export function starved({ backward, rest }: Step): boolean {
  const entries = timeline([...backward, ...rest]);
  const { computing, exposed: alone } = overlap(entries);
  const span = Math.max(...entries.map(({ end }) => end)) - Math.min(...entries.map(({ begin }) => begin));
  return span - computing - alone > 0.1 * computing;
}
export const exposed = ({ backward, rest }: Step): Overlap => overlap(timeline([...backward, ...rest]));
