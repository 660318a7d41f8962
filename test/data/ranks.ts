// Several ranks in one process, for tests: their loaders iterated side by side, with or without a rank 0 that reads for all.
import assert from "node:assert/strict";
import type { Dealer } from "../../src/data/loader/dealer.js";
import { DataLoader, type DataLoaderOptions, type LoaderState } from "../../src/data/index.js";
import { type BatchInUse, RankLoader } from "../../src/data/loader/rank-loader.js";
import type { ShardOptions } from "../../src/data/loader/shard.js";

export const numbers = (n: number): number[] => Array.from({ length: n }, (_, i) => i);
export async function* stream(n: number): AsyncGenerator<number> {
  for (let i = 0; i < n; i++) yield i;
}
export type Rules = Omit<ShardOptions, "numProcesses" | "processIndex" | "dealer"> & { readonly dispatch?: boolean };

export type Source = readonly number[] | AsyncIterable<number> | { readonly length: number; at(i: number): number };
export const collateFn = (rows: number[]): number[] => rows;
/** Our loaders are rank loaders, which their public type does not tell. */
export function ranked(source: Source, options: DataLoaderOptions = {}): RankLoader<number[]> {
  const loader: unknown = new DataLoader(source as number[], { collateFn, ...options });
  assert.ok(loader instanceof RankLoader);
  return loader;
}

/** A dataset that notes which rows are read. */
export const noting = (length: number, read: number[]): { readonly length: number; at(i: number): number } => ({
  length,
  at(i: number): number {
    read.push(i);
    return i;
  },
});

/** Messages between ranks of one process. */
export function dealersOf(processes: number): Dealer[] {
  const calls: { readonly given: Promise<readonly Uint8Array[]>; give(messages: readonly Uint8Array[]): void }[] = [];
  const call = (number: number) => {
    calls[number] ??= deferred();
    return calls[number];
  };
  return Array.from({ length: processes }, (_, rank) => {
    let made = 0;
    return {
      async scatter(messages: Promise<readonly Uint8Array[]> | undefined): Promise<Uint8Array> {
        const { given, give } = call(made++);
        assert.equal(messages !== undefined, rank === 0);
        if (messages) give(await messages);
        return (await given)[rank]!;
      },
    };
  });
}
function deferred() {
  let give: (messages: readonly Uint8Array[]) => void = () => {};
  const given = new Promise<readonly Uint8Array[]>((resolve) => {
    give = resolve;
  });
  return { given, give };
}

export interface Given<B> extends BatchInUse {
  readonly batch: B;
  readonly state: LoaderState;
}
/** One iteration of a loader, with what it says of each batch. */
export async function given<B>(loader: RankLoader<B>, most = Number.POSITIVE_INFINITY): Promise<Given<B>[]> {
  const out: Given<B>[] = [];
  if (most === 0) return out;
  for await (const batch of loader) {
    const { rows, realRows, last, weight } = loader.current!;
    out.push({ batch, rows, realRows, last, weight, state: loader.state() });
    if (out.length >= most) break;
  }
  return out;
}

/** Loaders of all ranks. */
export function sharded<B>(make: (rank: number) => RankLoader<B>, processes: number, { dispatch = false, ...rules }: Rules = {}): RankLoader<B>[] {
  const dealers = dispatch && processes > 1 ? dealersOf(processes) : undefined;
  return numbers(processes).map((processIndex) => {
    const loader = make(processIndex);
    loader.shard({ numProcesses: processes, processIndex, ...rules, dealer: dealers?.[processIndex] });
    return loader;
  });
}
export const epoch = <B>(loaders: readonly RankLoader<B>[], most?: number): Promise<Given<B>[][]> => Promise.all(loaders.map((loader) => given(loader, most)));

/** What gatherForMetrics makes of it: round by round, the ranks' real rows one behind the other. */
export function gathered(ranks: readonly (readonly Given<readonly number[]>[])[]): number[] {
  const rounds = Math.max(0, ...ranks.map((batches) => batches.length));
  return numbers(rounds).flatMap((k) => ranks.flatMap((batches) => batches[k]?.batch.slice(0, batches[k].realRows) ?? []));
}
