// The safetensors format: files of named tensors that every framework reads.
export { SafetensorsError, type SafetensorsErrorCode } from "./error.js";
export { type StoredTypeName, storedTypes, type TensorEntry } from "./header.js";
export { type MergeOptions, type Merged, mergeShards } from "./merge.js";
export { loadSafetensors, SafetensorsFile } from "./reader.js";
export { indexName, openShards, readShardIndex, weightsName } from "./shard-index.js";
export { parseSize, planShards, type SaveShardsOptions, saveShards } from "./shards.js";
export { writeWhole } from "./stage.js";
export { type SaveSafetensorsOptions, saveSafetensors } from "./writer.js";
