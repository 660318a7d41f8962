// Who a worker is, and what a wait tells that has become long: plain data that groups and the control plane share.

/** Who a worker is. */
export interface Assignment {
  readonly rank: number;
  readonly worldSize: number;
  readonly localRank: number;
  readonly localWorldSize: number;
  /** Number of this host, 0 .. hosts-1. */
  readonly host: number;
  readonly hosts: number;
  /** The host of every rank. */
  readonly hostOfRank: readonly number[];
  /** An address of this host that the other hosts can reach; 127.0.0.1 when there is one host. */
  readonly address: string;
}

/** How far a GPU is that a collective waits for. calling: the library has not taken the call; behind: it is still at work before it; come: it has come to it. */
export const deviceStages = ["calling", "behind", "come"] as const;

/** A collective that waits for longer than the watchdog allows: the ranks that are there and those that are missing. */
export interface StallEvent {
  readonly kind: "stalled";
  readonly waitedMs: number;
  /** "all-reduce 164 (float32 [1048576], gradient exchange of optimizer.step)". */
  readonly collective: string;
  readonly waiting: readonly number[];
  readonly missing: readonly number[];
  /** All ranks have called, and their GPUs are waited for: of the rank that tells it, which is in `waiting` or in `missing`. */
  readonly device?: (typeof deviceStages)[number] | undefined;
}
