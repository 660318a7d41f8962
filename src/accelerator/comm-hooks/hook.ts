// What a communication hook is: it adds gradients up over the hosts, and may make them smaller on the way.

/** A gradient in a bucket. */
export interface BucketGradient {
  /** The same for this parameter in every step and every run that prepares the same things in the same order. */
  readonly key: string;
  /** The parameter's name. */
  readonly name: string;
  readonly shape: readonly number[];
  /** Its part of the bucket's data, live. */
  readonly data: Float32Array;
}

/** Gradients that lie side by side in memory. */
export interface GradientBucket {
  /** Its number among those that are added up at once, from 0. */
  readonly index: number;
  /**
   * What this host brings: the gradients of its workers, already weighted so that the sum over the hosts is the mean of the job. A hook puts that sum in its place, the same bits on every host.
   * Between gradients lie zeros.
   */
  readonly data: Float32Array;
  readonly gradients: readonly BucketGradient[];
}

/** The way to the other hosts. All calls are collective: every host makes them in the same order. */
export interface HostLink {
  readonly hosts: number;
  /** Adds up over the hosts, in place; afterwards the same bits on each. */
  sum(data: Float32Array): Promise<void>;
}

/**
 * Adds gradients up over hosts. It runs on one worker per host; the workers of a host share memory and send nothing.
 *
 * @example
 * const halved: CommHook = {
 *   name: "halved",
 *   async reduce(bucket, link) {
 *     await link.sum(bucket.data);
 *     for (let i = 0; i < bucket.data.length; i++) bucket.data[i]! /= 2;
 *   },
 * };
 * new Accelerator({ ddp: { commHook: halved } });
 */
export interface CommHook {
  /** Must be the same on every worker. */
  readonly name: string;
  /** Puts the sum over the hosts into `bucket.data`. Buckets come one after the other, each gradient once, when it is first needed: by a step, or before it by clipping or a read. */
  reduce(bucket: GradientBucket, link: HostLink): Promise<void>;
  /** An optimizer has made a step, on every host. */
  stepped?(): void;
  /** What a resumed run needs; of this host. Structured cloning must be able to carry it. */
  stateDict?(): unknown;
  loadStateDict?(state: unknown): void;
}
