// What the Accelerator sees of loaders, beside the public face in index.ts.
export type { Dealer } from "./loader/dealer.js";
export { rowsOfBatch, shardedBatches } from "./loader/foreign.js";
export { type BatchInUse, type IterationListener, RankLoader } from "./loader/rank-loader.js";
export type { ShardOptions } from "./loader/shard.js";
