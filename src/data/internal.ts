// What the Accelerator sees of loaders, beside the public face in index.ts.
export { rowsOfBatch, shardedBatches } from "./foreign.js";
export { type BatchInUse, type GivenBatch, type IterationListener, RankLoader } from "./rank-loader.js";
export type { ShardOptions } from "./shard.js";
