// How an epoch is dealt to ranks: the options, and the arithmetic of sizes and lengths.
//
// All rules are one: the epoch's order, followed by itself from its start, is cut into rounds; in a round rank 0 takes the first `size` rows, rank 1 the next, and so on. So batch k belongs to
// rank k mod P, and what fills a last round are consecutive rows from the start of the epoch. Accelerate's tables (BatchSamplerShard, IterableDatasetShard) follow for full and for split
// batches alike: half of a batch of 8 is a batch of 4.
import { ArgumentError } from "../../errors.js";
import type { Dealer } from "./dealer.js";

export interface ShardOptions {
  readonly numProcesses: number;
  readonly processIndex: number;
  /** Every rank gets equally many batches, all of them full; rows from the start of the epoch fill the gap. false: the last batches are short or missing. Default true. */
  readonly evenBatches?: boolean;
  /** The loader's batch is that of all ranks together, each takes its part of it. false: the loader's batch is that of a rank. Default false. */
  readonly splitBatches?: boolean;
  /** What would be filled in is left out of batches that have rows of their own, and every batch tells its weight, the number of its real rows. Default false. */
  readonly ignoreDuplicates?: boolean;
  /** Rank 0 reads for all, and gives the others their rows through this. Default: every rank reads for itself. */
  readonly dealer?: Dealer | undefined;
}
/** The same, complete. */
export interface Shard {
  readonly processes: number;
  readonly index: number;
  readonly even: boolean;
  readonly split: boolean;
  readonly ignoreDuplicates: boolean;
  readonly dealer: Dealer | undefined;
}

/** One process that takes everything as it is. */
export const unsharded: Shard = { processes: 1, index: 0, even: false, split: false, ignoreDuplicates: false, dealer: undefined };

/** @throws ArgumentError ERR_LOADER_SHARD */
export function shardOf(options: ShardOptions): Shard {
  const { numProcesses, processIndex, evenBatches = true, splitBatches = false, ignoreDuplicates = false, dealer } = options;
  if (!Number.isInteger(numProcesses) || numProcesses < 1 || !Number.isInteger(processIndex) || processIndex < 0 || processIndex >= numProcesses)
    throw new ArgumentError(`shard: process ${processIndex} of ${numProcesses}`, { code: "ERR_LOADER_SHARD", hint: "processes are 0 to numProcesses - 1" });
  // One process pads nothing, its last batch stays short; and it has nobody to read for.
  const several = numProcesses > 1;
  return {
    processes: numProcesses,
    index: processIndex,
    even: evenBatches && several,
    split: splitBatches,
    ignoreDuplicates,
    dealer: several ? dealer : undefined,
  };
}

/** Rows of a rank's batch. @throws ArgumentError ERR_LOADER_SHARD when a split does not come out even. */
export function rankBatchSize(batchSize: number, { processes, split }: Shard): number {
  if (!split) return batchSize;
  if (batchSize % processes === 0) return batchSize / processes;
  throw new ArgumentError(`splitBatches: batchSize ${batchSize} cannot be split over ${processes} processes`, {
    code: "ERR_LOADER_SHARD",
    hint: `batchSize must be a round multiple of the number of processes, such as ${Math.ceil(batchSize / processes) * processes}`,
  });
}

/** Number of a rank's batches of `size` rows. */
export function rankBatchCount(rows: number, size: number, dropLast: boolean, { processes, index, even }: Shard): number {
  const round = size * processes;
  if (dropLast) return Math.floor(rows / round);
  if (even) return Math.ceil(rows / round);
  return Math.floor(Math.max(0, Math.ceil(rows / size) - index + processes - 1) / processes);
}
