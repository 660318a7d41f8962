// Gradients that travel while their backward still runs: what the exchange of gradients asks of whoever sends them.
import { setTimeout as sleep } from "node:timers/promises";
import type { CollectiveOptions } from "../../distributed/index.js";
import type { ArenaSegment, RunTaps } from "../../tensor/index.js";
import type { BucketScheduler } from "./bucket-scheduler.js";
import type { Treatment } from "./treatment.js";

/** Gradients that were added up over all workers before they were asked for. */
export interface EarlySums {
  readonly segments: ReadonlySet<ArenaSegment>;
  /** Those of which each host, or each device, has the sums of its part. */
  readonly parted: ReadonlySet<ArenaSegment>;
  /** Others that travelled, whose sums are of no use: where these lie nothing may be written before they have arrived, and what lay there before is gone. */
  readonly strays: ReadonlySet<ArenaSegment>;
}
export function earlySums(travelled: Iterable<ArenaSegment>, valid: (segment: ArenaSegment) => boolean, parted: Iterable<ArenaSegment>): EarlySums {
  const [segments, strays] = [new Set<ArenaSegment>(), new Set<ArenaSegment>()];
  for (const s of travelled) (valid(s) ? segments : strays).add(s);
  return { segments, strays, parted: new Set(parted) };
}
export const nothingEarly: EarlySums = { segments: new Set(), parted: new Set(), strays: new Set() };

export interface EarlyGradients {
  /** Once, before anything travels. */
  connect(treatment: Treatment): void;
  /** Bytes that this worker has given to early sums between hosts. */
  readonly bytes: number;
  /** Buckets that were told of by a backward that went on, since the start. */
  readonly told: number;
  /** Listens to a backward. `syncs`: its gradients are to be brought together. */
  taps(options: { readonly syncs: boolean }): RunTaps;
  /** A program is about to write gradients on a device. Resolves when it may be queued; what it gives is called once it is. */
  writing?(): Promise<() => void>;
  /** A collective, before gradients are collected. `sends`: a worker whose backward did not tell of its gradients sends them now; else they stay until somebody asks for them. */
  join(options: { readonly sends: boolean }, call: CollectiveOptions): Promise<void>;
  /** Whether what this worker gave is still what it has. */
  current(segment: ArenaSegment): boolean;
  /** The sums of these gradients, which are current on all workers. */
  take(valid: (segment: ArenaSegment) => boolean): Promise<EarlySums>;
  /** The bucket, in the order of all, has been summed up as far as this worker is concerned. */
  arrival(bucket: number): Promise<void>;
  /** A collective of this host: all that was sent has arrived, for all its workers. */
  arrived(options: CollectiveOptions): Promise<void>;
  /** No step will follow: what the others wait for is sent all the same. */
  leave(): Promise<void>;
}

/** From the first worker that has agreed to the last one, which has heard the same. */
const agreeMs = 1000;

/** Where all have agreed on a round the others wait for this worker's gradients; where not, nobody does. */
export async function leaveRound({ agreed, scheduler }: { readonly agreed: Promise<unknown>; readonly scheduler: BucketScheduler }): Promise<void> {
  const ended = new AbortController();
  const late = sleep(agreeMs, false, { signal: ended.signal }).catch(() => false);
  const all = await Promise.race([agreed.then(() => true).catch(() => false), late]);
  ended.abort();
  if (all) await scheduler.done.catch(() => {}); // nobody asks for it
}
