// What every backend of collectives offers: the same calls, in the same order, on every rank of a group.
import type { DType, TypedArray } from "../graph/dtype.js";
import type { NativeHandle } from "../native/binding.js";
import type { DeviceArray } from "../runtime/device-context.js";
import type { CollectiveFault } from "./errors.js";

/** mean is the sum divided by the number of ranks; of floats only. */
export type ReduceOp = "sum" | "mean" | "max";

/** Numbers in memory of the caller, which must not be touched until the promise is settled. float16 and bfloat16 lie in Uint16Array, bool in Uint8Array. */
export interface CollectiveArray {
  readonly dtype: DType;
  readonly data: TypedArray;
}

export interface CollectiveOptions {
  /** Milliseconds until the wait for other ranks ends the group; default the group's. */
  readonly timeoutMs?: number;
  /** Aborts the whole group: the other ranks cannot go on without this one. */
  readonly signal?: AbortSignal;
  /** Where the call is in the user's program, "train.ts:40:9"; default: found in the stack. */
  readonly site?: string | undefined;
  /** What the call is for, in messages: "gradient exchange of optimizer.step". */
  readonly purpose?: string;
}

/** The names that messages use. */
export type CollectiveName = "all-reduce" | "reduce-scatter" | "all-gather" | "broadcast" | "barrier";

/** What a rank entered last, as far as this rank can see. */
export interface RankStatus {
  readonly rank: number;
  /** Number of the collective, from 1; 0 before the first. */
  readonly sequence: number;
  /** Waiting inside that collective; false: it has finished it and is somewhere in the user's code. */
  readonly waiting: boolean;
  readonly op?: CollectiveName;
  readonly dtype?: DType;
  readonly count?: number;
  readonly site?: string;
  readonly purpose?: string;
  /** Milliseconds since it entered, or since it left. */
  readonly forMs?: number;
  readonly gone?: boolean;
}

/**
 * Ranks 0 .. size-1 that make the same collective calls in the same order. Calls may be issued without awaiting the ones before; they run one after the other.
 *
 * A failure is the same error on every rank (CollectiveError) and ends the group: later calls fail at once with it. Every call carries its number, op, dtype and count; ranks that
 * differ fail with ERR_COLLECTIVE_MISMATCH, a rank that does not come within the deadline with ERR_COLLECTIVE_TIMEOUT, a rank that died with ERR_PEER_LOST.
 */
export interface ProcessGroup extends AsyncDisposable {
  readonly backend: "single" | "shm" | "gloo" | "shm+gloo" | "nccl";
  readonly rank: number;
  readonly size: number;

  /** In place: afterwards data holds the reduction over all ranks, bit for bit the same everywhere. */
  allReduce(data: CollectiveArray, op: ReduceOp, options?: CollectiveOptions): Promise<void>;
  /** input: size parts of output's length; rank r's output becomes the reduction of part r. */
  reduceScatter(input: CollectiveArray, output: CollectiveArray, op: ReduceOp, options?: CollectiveOptions): Promise<void>;
  /** output: size parts of input's length, in the order of ranks. */
  allGather(input: CollectiveArray, output: CollectiveArray, options?: CollectiveOptions): Promise<void>;
  /** In place: afterwards data holds root's numbers. */
  broadcast(data: CollectiveArray, root: number, options?: CollectiveOptions): Promise<void>;
  barrier(options?: CollectiveOptions): Promise<void>;
  /** A small value of each rank, in the order of ranks; what structured cloning can carry. */
  allGatherObject<T>(value: T, options?: CollectiveOptions): Promise<T[]>;
  /** root's value, on every rank. */
  broadcastObject<T>(value: T | undefined, root: number, options?: CollectiveOptions): Promise<T>;

  /** Ends every wait on every rank that can be reached, with this fault; for news from outside: a host that was cut off, Ctrl-C. Any number of times; the first counts. */
  abort(fault: CollectiveFault): void;
  /** Of all ranks, in order; costs no communication. Ranks on other hosts may be missing details. */
  status(): readonly RankStatus[];
  /** Leaves the group: a rank that still waits for this one is told so at once. Waits for nobody. */
  close(): Promise<void>;
}

export interface AllocateOptions extends CollectiveOptions {
  /** All of it is taken from the system at once, so that too little memory is an error here and not a killed process later; false: as it is touched. Default true. */
  readonly reserve?: boolean;
}

/** Memory that all ranks of one host see. */
export interface SharedMemory {
  /** A collective: the same bytes of zeroed memory in every rank, aligned to 64 bytes, gone when all have let go of it. */
  allocate(bytes: number, options?: AllocateOptions): Promise<ArrayBuffer>;
}

/** A collective whose numbers lie in the device's memory; reduce-scatter and all-gather may have the smaller array in its place in the larger one. */
export type DeviceCall =
  | { readonly op: "all-reduce"; readonly input: DeviceArray; readonly output: DeviceArray; readonly reduce: DeviceReduce }
  | { readonly op: "reduce-scatter"; readonly input: DeviceArray; readonly output: DeviceArray; readonly reduce: DeviceReduce }
  | { readonly op: "all-gather"; readonly input: DeviceArray; readonly output: DeviceArray }
  | { readonly op: "broadcast"; readonly data: DeviceArray; readonly root: number }
  | { readonly op: "send"; readonly data: DeviceArray; readonly peer: number }
  | { readonly op: "receive"; readonly data: DeviceArray; readonly peer: number }
  /** Of this rank alone, in front of the others of its batch. */
  | { readonly op: "zeros"; readonly data: DeviceArray };
/** factor: what every rank's numbers are multiplied by before they are added up; each rank may have its own. */
export type DeviceReduce = ReduceOp | { readonly factor: number };

/** Where collectives come among what the device computes. */
export interface DeviceOrder {
  /**
   * Asked once all ranks have come to the call: the number of a moment that was noted (see `moments`), behind which it comes; undefined: behind all that the device was given before. Default: that.
   */
  readonly after?: () => Promise<number | undefined>;
  /** What the device is given once the promise is settled comes behind the collectives; default true. */
  readonly joins?: boolean;
}

/** A group whose ranks have a device each; numbers of the host travel through it, too. */
export interface DeviceGroup extends ProcessGroup {
  /**
   * Several collectives as one, the same on all ranks (what is sent and received may differ). Behind all that the device was given before; what it is given once the promise is settled comes
   * behind them. They may still be under way then: a failure of theirs is the error of the next call.
   */
  onDevice(calls: readonly DeviceCall[], options?: CollectiveOptions & DeviceOrder): Promise<void>;
  /** What the device is given once it is settled comes behind all collectives so far. */
  joined(): Promise<void>;
  /** Moments in the device's work, by number: runs with taps note them. */
  readonly moments: NativeHandle<"moments">;
}

/** The groups of a run: everybody, and those of this host. */
export interface World extends AsyncDisposable {
  /** All ranks. */
  readonly group: ProcessGroup;
  /** The ranks of this host, in order; the same object as `group` when there is one host. */
  readonly local: ProcessGroup & SharedMemory;
  /** One rank per host, in order; undefined on ranks that do not speak for their host, and when there is one host. */
  readonly cross: ProcessGroup | undefined;
  /** Number of hosts. */
  readonly hosts: number;
  /** All ranks, where each has a device that other devices reach. */
  readonly device?: DeviceGroup;
  /** Ends all groups. */
  abort(fault: CollectiveFault): void;
  close(): Promise<void>;
}
