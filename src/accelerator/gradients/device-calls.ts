// Collectives of buckets in the memory of devices.
import type { DeviceCall, DeviceGroup } from "../../distributed/index.js";
import type { ArenaSegment, DeviceSegments } from "../../tensor/index.js";
import type { Bucket } from "./buckets.js";
import type { PlacedArena } from "./placed-arena.js";
import { evenPart } from "./zero.js";

/** The sum of a bucket's gradients over all devices, in the arena of means: each gets its own part of it, or all (`parted` false). */
export function sumOfBucket({ arena, mean }: PlacedArena, bucket: Bucket, { rank, size }: DeviceGroup, { parted }: { readonly parted: boolean }): DeviceCall[] {
  const { grads } = arena.device!;
  const { begin, end, each } = parted ? evenPart(bucket, size) : { begin: bucket.begin, end: bucket.begin, each: 0 };
  const rest = bucket.end - end;
  return [
    ...(each > 0
      ? [{ op: "reduce-scatter", input: grads.range(begin, end - begin), output: mean!.range(begin + rank * each, each), reduce: "sum" } satisfies DeviceCall]
      : []),
    ...(rest > 0 ? [{ op: "all-reduce", input: grads.range(end, rest), output: mean!.range(end, rest), reduce: "sum" } satisfies DeviceCall] : []),
  ];
}

/** One gradient by itself, wholly everywhere. */
export function sumOfSegment({ arena, mean }: PlacedArena, { offset, length }: ArenaSegment): DeviceCall {
  return { op: "all-reduce", input: arena.device!.grads.range(offset, length), output: mean!.range(offset, length), reduce: "sum" };
}

/** What a worker without these gradients adds. */
export function zerosOf({ arena }: PlacedArena, absent: readonly ArenaSegment[]): DeviceCall[] {
  const { grads } = arena.device!;
  return grads.merged(absent.map(({ index }) => index)).map(({ offset, length }) => ({ op: "zeros", data: grads.range(offset, length) }));
}

/** Everybody gets the parts of all. */
export function gathered(data: DeviceSegments, bucket: Bucket, { rank, size }: DeviceGroup): DeviceCall[] {
  const { begin, end, each } = evenPart(bucket, size);
  const rest = bucket.end - end;
  return [
    ...(each > 0 ? [{ op: "all-gather", input: data.range(begin + rank * each, each), output: data.range(begin, end - begin) } satisfies DeviceCall] : []),
    ...(rest > 0 ? [{ op: "broadcast", data: data.range(end, rest), root: size - 1 } satisfies DeviceCall] : []),
  ];
}
