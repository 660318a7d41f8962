// Sizes and times of the control plane: what is refused, and how long anybody waits.

export interface StoreLimits {
  /** Bytes of a key in UTF-8. */
  readonly keyBytes: number;
  readonly valueBytes: number;
  readonly keys: number;
  /** Of all keys and values. */
  readonly totalBytes: number;
  /** Calls that wait for a key at the same time. */
  readonly waits: number;
}
export const storeLimits: StoreLimits = { keyBytes: 512, valueBytes: 1 << 20, keys: 1 << 16, totalBytes: 256 << 20, waits: 1 << 14 };

/** Bytes of one gRPC message or frame: a value with its key, and room for reports. */
export const messageBytes = 2 << 20;

export interface Liveness {
  /** Between two heartbeats. */
  readonly heartbeatMs: number;
  /** Silence after which the other end is lost. A stall of three seconds must pass; what is lost must be told within five. */
  readonly lostAfterMs: number;
}
export const liveness: Liveness = { heartbeatMs: 500, lostAfterMs: 4000 };

export const timeouts = {
  /** One unary call, without what it waits for. */
  callMs: 10_000,
  /** The longest that one Get waits; callers ask again. */
  waitMs: 10_000,
  /** Until a value must be there, unless the caller says otherwise. */
  storeMs: 300_000,
  /** Until the coordinator must answer and all hosts must have joined. */
  joinMs: 600_000,
  /** Until it is said who is awaited. */
  sayMs: 10_000,
  /** From Join to Session. */
  sessionMs: 5_000,
  /** One attempt at one address. */
  connectMs: 3_000,
  /** "Where is rank r?" */
  questionMs: 5_000,
  /** Until a worker must have its assignment. */
  welcomeMs: 600_000,
} as const;

export const maxHosts = 4096;
export const maxRanks = 1 << 14;
