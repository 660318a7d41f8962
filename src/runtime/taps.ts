// Runs that tell of gradients before they end: accelerate_ts:Tap in a graph, and who listens to it (src/native/taps_binding.cc).
import type { NativeHandle } from "../native/binding.js";
import { memoryOf } from "./bound-memory.js";
import type { DeviceArray } from "./device-context.js";
import type { Engine } from "./engine.js";

/** Moments in the work of a device, by number. */
export type TapMoments = NativeHandle<"moments">;

/** What is added to a gradient that is there already. */
export interface GradientSum {
  readonly into: Float32Array;
  readonly from: Float32Array;
  /** Made before its bucket is told of; undefined: behind the run. */
  readonly bucket: number | undefined;
}

/** The same on a device, whose kernels do it before the bucket's moment. */
export interface DeviceSum {
  readonly into: DeviceArray;
  readonly from: DeviceArray;
  readonly bucket: number;
}

export interface TappedJob {
  /** Submits a run; the sums that it is given are made behind it. */
  readonly run: (sums: GradientSum[]) => Promise<void>;
  readonly sums: readonly GradientSum[];
  readonly deviceSums?: readonly DeviceSum[];
  /** Of a run on a device: where it notes the moments of buckets. */
  readonly moments?: TapMoments | undefined;
  /** The gradients of a bucket are in their memory; on a device they will be, at the bucket's moment. */
  readonly ready: (bucket: number) => void;
}

declare module "../native/binding.js" {
  interface NativeBinding {
    /** The runs behind it tell of their buckets. `sums`: (bucket, into, from), added up before their bucket is told of. */
    openTaps(sums: readonly unknown[], ready: (bucket: number) => void, moments: TapMoments | undefined): NativeHandle<"taps">;
    /** Behind the runs; where they are done, the sums of buckets that were not told of are made now. */
    closeTaps(taps: NativeHandle<"taps">, done: boolean, sums: readonly unknown[]): Promise<void>;
  }
}

/** Runs a graph with taps and listens. Nothing else may be submitted meanwhile. */
export async function runTapped({ native }: Engine, { run, sums, deviceSums = [], moments, ready }: TappedJob): Promise<void> {
  const early = [...sums.filter(({ bucket }) => bucket !== undefined), ...deviceSums].flatMap(({ into, from, bucket }) => [
    bucket,
    memoryOf(into),
    memoryOf(from),
  ]);
  const open = native.openTaps(early, ready, moments);
  let done = false;
  try {
    await run(sums.filter(({ bucket }) => bucket === undefined));
    done = true;
  } finally {
    await native.closeTaps(open, done, early);
  }
}
