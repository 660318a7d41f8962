// Custom batch samplers dealt to ranks: batches of known size, of any sizes, or split.
import { ArgumentError } from "../../errors.js";
import { type Part, type Plan, partOfBatches, partOfItems, partOfSizedBatches } from "./deal.js";
import { type PlacedRound, placed, streamRounds } from "./rounds.js";
import { type BatchSampler, checkedBatches, lengthOf } from "./sampler.js";
import { rankBatchCount, rankBatchSize, type Shard } from "./shard.js";

type Batches = PlacedRound<readonly number[]>;

/** How a sampler's batches become those of ranks. A round is one batch of each rank, or when they are split one batch of all. `from` counts the sampler's batches. */
export function batchSamplerPlan(
  sampler: BatchSampler,
  { from, rows, shard }: { readonly from: number; readonly rows: number; readonly shard: Shard },
): Plan<number, Batches> {
  const { processes, split } = shard;
  const { batchSize, dropLast = false } = sampler;
  const rounds = () => {
    const batches = checkedBatches(sampler, rows, split ? batchSize : undefined);
    return placed(streamRounds<readonly number[]>(batches, { size: split ? 1 : processes, dropLast, from, keep: () => true, keepFirst: true }));
  };
  // A round of batches is looked at as a whole: its items are lists.
  const part = (round: Batches, rank: number): Part<number> | undefined => {
    if (split) {
      const whole = { ...round, items: round.items[0]!, first: round.first[0]! };
      // A short batch in the middle: a rank without rows must take part all the same.
      return partOfItems(whole, rankBatchSize(batchSize!, shard), rank, shard, round.followed);
    }
    return batchSize === undefined ? partOfBatches(round, rank, shard) : partOfSizedBatches(round, batchSize, rank, shard);
  };
  return { rounds, part };
}

/** Number of a rank's batches. @throws ArgumentError ERR_NO_LENGTH */
export function batchSamplerCount(sampler: BatchSampler, shard: Shard): number {
  const { processes, even, split, index } = shard;
  const count = lengthOf(sampler);
  if (count === undefined) throw unknown("the batch sampler has no length", "count the steps yourself, or give it a property length (its number of batches)");
  if (!split) return rankBatchCount(count, 1, sampler.dropLast ?? false, shard);
  if (!even && processes > 1 && index > 0 && !sampler.dropLast)
    throw unknown("how many rows the batch sampler's last batch has is not known before", "count the steps yourself, or leave evenBatches on");
  return count;
}

const unknown = (message: string, hint: string): ArgumentError => new ArgumentError(`DataLoader: ${message}`, { code: "ERR_NO_LENGTH", hint });
