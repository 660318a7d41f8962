// The typed face of src/native/gloo, the second addon, and its loading: only groups over several hosts need it.
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { AccelerateError } from "../../errors.js";
import type { NativeHandle } from "../../native/binding.js";
import { packageRoot } from "../../package-root.js";
import type { CollectiveFault } from "../errors.js";
import type { CollectiveName, ReduceOp } from "../process-group.js";

export type GlooHandle = NativeHandle<"gloo group">;

/** What is known of a rank: the collective that it waits in; all 0 and "" when nothing is. */
export interface NativePeer {
  readonly sequence: number;
  readonly collective: number;
  readonly dtype: number;
  readonly count: number;
  readonly site: string;
  readonly purpose: string;
  readonly gone: boolean;
}

export interface NativeStatus {
  /** This rank is in a collective. */
  readonly busy: boolean;
  /** Milliseconds since it entered, or since it left. */
  readonly forMs: number;
  /** The collective in words: "all-reduce 164 (gradient exchange, float32 [12]) at train.ts:40:9". */
  readonly text: string;
  /** Ranks of the group that have not entered it. */
  readonly missing: readonly number[];
  readonly peers: readonly NativePeer[];
}

/** Checks nothing but what would crash: callers do. Promises are rejected with errors that have code, message and ranks. */
export interface NativeGloo {
  /** Listens at the address; addresses: one per rank, to be handed to that rank. */
  createGroup(
    rank: number,
    jobRanks: readonly number[],
    address: string,
    connectTimeoutMs: number,
  ): { readonly handle: GlooHandle; readonly addresses: readonly Uint8Array[] };
  /** key: the same secret on all ranks, so that no stranger takes a rank's place. */
  connect(group: GlooHandle, addresses: readonly Uint8Array[], key: string): Promise<void>;
  /** divisor: of a sum, 0 for none. null for the arrays: the ranks only meet. */
  collective(
    group: GlooHandle,
    collective: number,
    reduce: number,
    dtype: number,
    root: number,
    divisor: number,
    count: number,
    input: ArrayBufferView | undefined | null,
    output: ArrayBufferView | undefined | null,
    timeoutMs: number,
    site: string,
    purpose: string,
  ): Promise<void>;
  /** Resolves when the others know, as far as they can be told. */
  leave(group: GlooHandle): Promise<void>;
  /** The same without waiting, when the process ends. */
  depart(group: GlooHandle, reason: string): void;
  /** Ends its threads and connections; the handle is of no more use. */
  release(group: GlooHandle): void;
  abort(group: GlooHandle, code: string, message: string, ranks: readonly number[]): void;
  status(group: GlooHandle): NativeStatus;
  fault(group: GlooHandle): CollectiveFault | undefined;
  /** While this is on, faults are noticed also between collectives. */
  attend(group: GlooHandle, on: boolean): void;
  /** At once, for few numbers: output = the reduction of the parts, in their order. */
  reduceInOrder(output: ArrayBufferView, parts: readonly ArrayBufferView[], dtype: number, count: number, reduce: number, divisor: number): void;
  /** 16-bit floats to float32 and back; as many as the output holds. */
  widen(dtype: number, output: Float32Array, input: Uint16Array): void;
  narrow(dtype: number, output: Uint16Array, input: Float32Array): void;
}

/** In the order of enum Collective (wire.h), which begins with the ranks' meeting. */
const collectives: readonly CollectiveName[] = ["all-reduce", "reduce-scatter", "all-gather", "broadcast", "barrier"];
export const collectiveNumber = (name: CollectiveName): number => collectives.indexOf(name) + 1;
export const collectiveOfNumber = (number: number): CollectiveName | undefined => collectives[number - 1];
export const reduceNumbers: Readonly<Record<ReduceOp, number>> = { sum: 1, mean: 2, max: 3 };

/** Where the second addon is looked for. */
export const glooPath = (): string => join(packageRoot(), "build", "accelerate_ts_gloo.node");

/**
 * Loads the second addon; Node keeps it, so later calls are cheap.
 * @throws AccelerateError ERR_GLOO_MISSING that says what to install.
 */
export function loadGloo(path: string = glooPath()): NativeGloo {
  const hint = "on every host: apt-get install libgloo-dev, then: npx accelerate-ts build-native";
  if (!existsSync(path))
    throw new AccelerateError("ERR_GLOO_MISSING", `workers on several hosts need gloo, and the addon for it is not built (no ${path})`, { hint });
  try {
    return createRequire(import.meta.url)(path) as NativeGloo;
  } catch (cause) {
    throw new AccelerateError(
      "ERR_GLOO_MISSING",
      `workers on several hosts need gloo, and the addon for it does not load (${cause instanceof Error ? cause.message : cause})`,
      {
        hint,
        cause,
      },
    );
  }
}
