// Buckets between hosts of which each host has a part: added up, so that each has the sums of its own, and brought together again.
import type { CollectiveOptions, ProcessGroup } from "../../distributed/index.js";
import type { ArenaPart } from "../../tensor/index.js";
import { evenPart } from "./zero.js";

/** A collective of the hosts' speakers. Adds up in place, in the order of hosts; afterwards each host has the sums of its part of the bucket. */
export async function sumParts(cross: ProcessGroup, data: Float32Array, bucket: ArenaPart, options: CollectiveOptions): Promise<void> {
  const { begin, end, each } = evenPart(bucket, cross.size);
  const own = data.subarray(begin + cross.rank * each, begin + (cross.rank + 1) * each);
  if (each > 0) await cross.reduceScatter({ dtype: "float32", data: data.subarray(begin, end) }, { dtype: "float32", data: own }, "sum", options);
  if (end < bucket.end) await cross.allReduce({ dtype: "float32", data: data.subarray(end, bucket.end) }, "sum", options);
}

/** A collective of the hosts' speakers. Everybody gets the parts of all. */
export async function gatherParts(cross: ProcessGroup, data: Float32Array, bucket: ArenaPart, options: CollectiveOptions): Promise<void> {
  const { begin, end, each } = evenPart(bucket, cross.size);
  const own = data.subarray(begin + cross.rank * each, begin + (cross.rank + 1) * each);
  if (each > 0) await cross.allGather({ dtype: "float32", data: own }, { dtype: "float32", data: data.subarray(begin, end) }, options);
  if (end < bucket.end) await cross.broadcast({ dtype: "float32", data: data.subarray(end, bucket.end) }, cross.size - 1, options);
}
