// Loaders of numbers dealt to ranks, for the tests of sharding.
import assert from "node:assert/strict";
import { shardedBatches } from "../../src/data/loader/foreign.js";
import type { RankLoader } from "../../src/data/loader/rank-loader.js";
import { epoch, numbers, ranked, type Rules as ShardRules, sharded, stream } from "./ranks.js";

export interface Rules {
  readonly dropLast?: boolean;
  readonly even?: boolean;
  readonly split?: boolean;
  readonly dispatch?: boolean;
}
export const rulesOf = ({ even = true, split = false, dispatch = false }: Rules): ShardRules => ({ evenBatches: even, splitBatches: split, dispatch });
/** A batch sampler as Accelerate's users write them. */
export const batches = (n: number, batchSize: number, dropLast: boolean) => {
  const list = numbers(Math.ceil(n / batchSize)).map((k) => numbers(n).slice(k * batchSize, (k + 1) * batchSize));
  const kept = dropLast ? list.filter((batch) => batch.length === batchSize) : list;
  return { batchSize, dropLast, length: kept.length, [Symbol.iterator]: () => kept[Symbol.iterator]() };
};
/** The ways to the same rows. */
export const kinds: Readonly<Record<string, (n: number, batchSize: number, dropLast: boolean) => RankLoader<number[]>>> = {
  order: (n, batchSize, dropLast) => ranked(numbers(n), { batchSize, dropLast }),
  sampler: (n, batchSize, dropLast) => ranked(numbers(n), { batchSize, dropLast, sampler: numbers(n) }),
  "batch sampler": (n, batchSize, dropLast) => ranked(numbers(n), { batchSampler: batches(n, batchSize, dropLast) }),
  stream: (n, batchSize, dropLast) => ranked(stream(n), { batchSize, dropLast }),
};

/** Every rank's batches; the lengths that are told before are checked on the way. */
export async function dealt(n: number, batchSize: number, processes: number, rules: Rules = {}, kind = "order"): Promise<number[][][]> {
  const loaders = sharded(() => kinds[kind]!(n, batchSize, rules.dropLast ?? false), processes, rulesOf(rules));
  const ranks = await epoch(loaders);
  for (const [rank, loader] of loaders.entries()) {
    if (kind === "stream" || (kind === "batch sampler" && rules.split && rules.even === false)) continue;
    assert.equal(loader.length, ranks[rank]!.length, `the length told before: ${JSON.stringify({ n, batchSize, processes, rules, kind, rank })}`);
  }
  return ranks.map((batches) => batches.map(({ batch }) => batch));
}
/** Ready batches of any sizes: those of a foreign loader, or a batch sampler that knows no size. */
export async function varied(batches: readonly number[][], processes: number, rules: Rules = {}): Promise<number[][][]> {
  const sampler = { dropLast: rules.dropLast ?? false, length: batches.length, [Symbol.iterator]: () => batches[Symbol.iterator]() };
  const loaders = sharded(() => ranked(numbers(100), { batchSampler: sampler }), processes, rulesOf(rules));
  const ranks = (await epoch(loaders)).map((given) => given.map(({ batch }) => batch));
  for (const [rank, loader] of loaders.entries()) assert.equal(loader.length, ranks[rank]!.length);
  if (rules.dropLast) return ranks;
  const foreign = sharded(() => shardedBatches(batches, { numProcesses: 1, processIndex: 0 }), processes, rulesOf(rules));
  assert.deepEqual(
    (await epoch(foreign)).map((given) => given.map(({ batch }) => batch)),
    ranks,
    "a foreign loader deals the same",
  );
  return ranks;
}
