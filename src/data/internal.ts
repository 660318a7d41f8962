// What the Accelerator sees of loaders, beside the public face in index.ts.
export type { Dealer } from "./dealer.js";
export { rowsOfBatch, shardedBatches } from "./foreign.js";
export { type BatchInUse, type IterationListener, RankLoader } from "./rank-loader.js";
export type { ShardOptions } from "./shard.js";
