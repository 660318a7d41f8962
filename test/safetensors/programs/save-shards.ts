// Saves, over and over, tensors that are all ones and then tensors that are all twos into one folder, until it is killed.
import { saveShards } from "../../../src/safetensors/index.js";

const [folder] = process.argv.slice(2);
if (folder === undefined) throw new Error("usage: save-shards.js <folder>");
for (let round = 0; ; round++) {
  const value = (round % 2) + 1;
  const tensors = Array.from({ length: 6 }, (_, i) => [`t${i}`, { dtype: "float32", shape: [1000], data: new Float32Array(1000).fill(value) }] as const);
  // As many shards each time, or one file in between.
  await saveShards(folder, tensors, { maxShardSize: round % 5 === 4 ? "1MB" : "8KB" });
  if (round === 0) process.send?.("begun");
}
