// Gradients that are told of while their backward still runs: bucket by bucket, so that they can travel meanwhile.
import type { Engine } from "../runtime/engine.js";
import { type DeviceSum, runTapped, type TapMoments, type TappedJob } from "../runtime/taps.js";
import type { Parameter } from "./parameter.js";
import type { ArenaSegment, DeviceArena } from "./parameter-arena.js";

/** Pieces in which gradients travel. */
export interface GradientBuckets {
  /** Another one where parameters would be given other buckets. */
  readonly version: string;
  /** Undefined: the parameter's gradient is never told of early. */
  of(parameter: Parameter): number | undefined;
}

/** A gradient that a run will write. */
export interface ExpectedGradient {
  readonly segment: ArenaSegment;
  /** As rows, which are put in their places behind the run. */
  readonly asRows: boolean;
}

/** Listens to one backward. */
export interface RunTaps {
  readonly buckets: GradientBuckets;
  /** Where runs on a device note the moment at which a bucket is ready, by its number. */
  readonly moments?: TapMoments;
  /** Nothing else runs now. Resolves when gradients may be written; false: there is no listening this time. */
  before(): Promise<boolean>;
  /** The run begins. What it does not write is as it will be already. */
  begin(expected: readonly ExpectedGradient[]): void;
  /** All gradients of the bucket that are not rows lie in the memory of their segments, also what was there before added to them; on a device they will, at its moment. Any number of times. */
  ready(bucket: number): void;
  /** The run has ended: all gradients are there, or else (`done` false) none can be relied on. */
  end(done: boolean): void;
}

export interface TappedRun extends Omit<TappedJob, "ready" | "moments"> {
  readonly taps: RunTaps;
  readonly expected: readonly ExpectedGradient[];
}

/** Runs a program whose taps are listened to. */
export async function tappedRun(engine: Engine, { taps, expected, ...job }: TappedRun): Promise<void> {
  taps.begin(expected);
  try {
    await runTapped(engine, { ...job, moments: taps.moments, ready: (bucket) => taps.ready(bucket) });
  } catch (error) {
    taps.end(false);
    throw error;
  }
}

/** What of gradients that are there already can be added up before their buckets are told of: all of some arenas. */
export interface EarlyDeviceSums {
  readonly arenas: ReadonlySet<DeviceArena>;
  readonly sums: readonly DeviceSum[];
}

/** `buckets`: of each segment. */
export function earlyDeviceSums(segments: readonly ArenaSegment[], buckets: readonly (number | undefined)[]): EarlyDeviceSums {
  const groups = new Map<number, { readonly device: DeviceArena; readonly indices: number[] }>();
  for (const [k, { arena, index, hasGrad }] of segments.entries()) {
    const bucket = buckets[k];
    if (!hasGrad || bucket === undefined) continue;
    const group = groups.get(bucket) ?? { device: arena.device!, indices: [] };
    groups.set(bucket, group);
    group.indices.push(index);
  }
  const sums = [...groups].flatMap(
    ([
      bucket,
      {
        device: { grads, scratch },
        indices,
      },
    ]) => grads.merged(indices).map(({ offset, length }) => ({ bucket, into: grads.range(offset, length), from: scratch.range(offset, length) })),
  );
  return { arenas: new Set([...groups.values()].map(({ device }) => device)), sums };
}
