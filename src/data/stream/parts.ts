// What a stream is made of, and what its methods take.
import { ArgumentError } from "../../errors.js";
import type { Features } from "../columns/features.js";
import type { StreamNode } from "./cursor.js";

/** Where an iteration stands: JSON. */
export interface StreamState {
  readonly epoch: number;
  readonly position: unknown;
}
export interface StreamParts {
  readonly node: StreamNode;
  readonly features: Features | undefined;
  readonly signal?: AbortSignal | undefined;
  /** One of several readers of the whole. */
  readonly reader?: { readonly rank: number; readonly worldSize: number } | undefined;
}
export interface ShuffleOptions {
  /** The order of numpy's generator with this seed, other in every epoch; without one each stream has its own. */
  readonly seed?: number;
  /** Rows held at a time; default 1000. As large as the data set: a whole permutation. */
  readonly bufferSize?: number;
  /** Shards that fill the buffer side by side; default 10. */
  readonly maxBufferInputShards?: number;
}

/** @throws ArgumentError ERR_COUNT */
export const count = (what: string, value: unknown): number => {
  if (typeof value === "number" && Number.isInteger(value) && value >= 0) return value;
  throw new ArgumentError(`${what} is ${String(value)}`, { code: "ERR_COUNT", hint: "give a whole number, 0 or more" });
};
