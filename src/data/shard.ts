// How the rows of an epoch are dealt to ranks: arithmetic on places in the epoch's order, without data.
//
// All rules are one: the order, followed by itself from its start, is cut into rounds; in a round rank 0 takes the first `size` rows, rank 1 the next, and so on. So batch k belongs to
// rank k mod P, and what fills a last round are consecutive rows from the start of the epoch. Accelerate's tables (BatchSamplerShard, IterableDatasetShard) follow for full and for split
// batches alike: half of a batch of 8 is a batch of 4.
import { ArgumentError } from "../errors.js";

export interface ShardOptions {
  readonly numProcesses: number;
  readonly processIndex: number;
  /** Every rank gets equally many batches, all of them full; rows from the start of the epoch fill the gap. false: the last batches are short or missing. Default true. */
  readonly evenBatches?: boolean;
  /** The loader's batch is that of all ranks together, each takes its part of it. false: the loader's batch is that of a rank. Default false. */
  readonly splitBatches?: boolean;
}
/** The same, complete. */
export interface Shard {
  readonly processes: number;
  readonly index: number;
  readonly even: boolean;
  readonly split: boolean;
}

/** One process that takes everything as it is. */
export const unsharded: Shard = { processes: 1, index: 0, even: false, split: false };

/** @throws ArgumentError ERR_LOADER_SHARD */
export function shardOf({ numProcesses, processIndex, evenBatches = true, splitBatches = false }: ShardOptions): Shard {
  if (!Number.isInteger(numProcesses) || numProcesses < 1 || !Number.isInteger(processIndex) || processIndex < 0 || processIndex >= numProcesses)
    throw new ArgumentError(`shard: process ${processIndex} of ${numProcesses}`, { code: "ERR_LOADER_SHARD", hint: "processes are 0 to numProcesses - 1" });
  // One process pads nothing: its last batch stays short.
  return { processes: numProcesses, index: processIndex, even: evenBatches && numProcesses > 1, split: splitBatches };
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

/** A rank's batch, as rows of the dataset. */
export interface RankBatch {
  readonly rows: Uint32Array;
  /** How many are the rank's own; what follows them fills up and belongs to others. */
  readonly real: number;
  /** The rank's last of the epoch. */
  readonly last: boolean;
}

/** The batches of a rank, beginning with its batch number `from`; those before cost nothing. */
export function* rankBatches(order: Uint32Array, size: number, dropLast: boolean, shard: Shard, from = 0): Generator<RankBatch> {
  const count = rankBatchCount(order.length, size, dropLast, shard);
  for (let batch = from; batch < count; batch++) {
    const start = (batch * shard.processes + shard.index) * size;
    const own = order.subarray(start, start + size);
    yield { rows: shard.even ? filled(own, order, start, size) : own, real: own.length, last: batch === count - 1 };
  }
}

function filled(own: Uint32Array, order: Uint32Array, start: number, size: number): Uint32Array {
  if (own.length === size) return own;
  const rows = new Uint32Array(size);
  rows.set(own);
  for (let i = own.length; i < size; i++) rows[i] = order[fillPlace(start + i - order.length, order.length)]!;
  return rows;
}

/** Where in the order the i-th row that fills a last round comes from. */
export const fillPlace = (i: number, length: number): number => i % length;
