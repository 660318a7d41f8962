// The typed face of src/native/nccl, and where the libraries are looked for. Linux only; elsewhere the addon has no `nccl`.
import { AccelerateError } from "../../errors.js";
import { loadNative, type NativeBinding, type NativeHandle } from "../../native/binding.js";
import { deviceStages } from "../assignment.js";
import type { DeviceCall, ReduceOp } from "../process-group.js";
import type { ControlGroup } from "./control-group.js";

export type NcclHandle = NativeHandle<"nccl communicator">;
export type NativeOperation = readonly [
  kind: number,
  dtype: number,
  reduce: number,
  factor: number,
  peer: number,
  count: number,
  input: unknown,
  output: unknown,
];

/** Promises are rejected with errors that have a code: of CollectiveErrorCode, or ERR_ABORTED when the process ends. */
export interface NativeNccl {
  /** @throws an Error with the code ERR_NCCL_MISSING. */
  open(
    nccl: readonly string[],
    cuda: readonly string[],
  ): { readonly version: string; readonly library: string; readonly cudaVersion: number; readonly cudaLibrary: string };
  uniqueId(): Uint8Array;
  busId(device: number): string;
  create(device: number, rank: number, size: number): NcclHandle;
  connect(communicator: NcclHandle, id: Uint8Array, timeoutMs: number): Promise<void>;
  /** With numbers of the host; count: of the input. */
  collective(
    communicator: NcclHandle,
    kind: number,
    dtype: number,
    reduce: number,
    factor: number,
    peer: number,
    count: number,
    timeoutMs: number,
    input: ArrayBufferView | undefined,
    output: ArrayBufferView | undefined,
  ): Promise<void>;
  /**
   * With numbers of the device whose context it is; behind the moment of that number, or else behind all that the device was given. joins: what the device is given later comes behind. Resolves with a ticket for
   * `await`.
   */
  enqueue(
    communicator: NcclHandle,
    context: NativeHandle<"device">,
    operations: readonly NativeOperation[],
    joins: boolean,
    after: number | undefined,
  ): Promise<number>;
  /** What the device is given later comes behind all that was enqueued. */
  join(communicator: NcclHandle, context: NativeHandle<"device">): Promise<void>;
  /** For `openTaps`. */
  moments(communicator: NcclHandle): NativeHandle<"moments">;
  await(communicator: NcclHandle, ticket: number, timeoutMs: number): Promise<void>;
  /** Ends all waits at once. */
  stop(communicator: NcclHandle, code: string, message: string): void;
  /** After stop: ends what the device still does for it. */
  abort(communicator: NcclHandle): Promise<void>;
  /** When nothing waits any more. */
  close(communicator: NcclHandle, timeoutMs: number): Promise<void>;
  /** Ends its threads; the handle is of no more use. */
  release(communicator: NcclHandle): void;
  /** Where this rank is in the first operation that has not ended: an index of `stages`. */
  stage(communicator: NcclHandle): number;
  failure(communicator: NcclHandle): { readonly code: string; readonly message: string } | undefined;
}

declare module "../../native/binding.js" {
  interface NativeBinding {
    readonly nccl?: NativeNccl;
  }
}

/** In the order of enum Stage (communicator.h). */
export const stages = ["none", ...deviceStages] as const;
/** In the order of enum Kind (communicator.h). */
const kinds: readonly DeviceCall["op"][] = ["all-reduce", "reduce-scatter", "all-gather", "broadcast", "send", "receive", "zeros"];
export const kindNumber = (op: DeviceCall["op"]): number => kinds.indexOf(op);
export const reduceNumbers: Readonly<Record<ReduceOp | "premultiplied", number>> = { sum: 0, mean: 1, max: 2, premultiplied: 3 };

/** What was opened. */
export interface NcclLibrary {
  readonly native: NativeNccl;
  /** "2.30.7" */
  readonly version: string;
  readonly library: string;
  /** 13000 for 13.0. */
  readonly cudaVersion: number;
  readonly cudaLibrary: string;
}

export interface NcclLibraryOptions {
  /** Files to look at first; default: those that the dynamic loader finds. */
  readonly nccl?: readonly string[];
  readonly cuda?: readonly string[];
  readonly binding?: NativeBinding;
}

const ncclNames: readonly string[] = ["libnccl.so.2", "libnccl.so"];
const cudaNames: readonly string[] = ["libcudart.so.13", "libcudart.so.12", "libcudart.so.11.0", "libcudart.so"];

/**
 * Opens NCCL and the CUDA runtime.
 * @throws AccelerateError ERR_NCCL_MISSING that says what to install.
 */
export function openNccl({ nccl = [], cuda = [], binding = loadNative() }: NcclLibraryOptions = {}): NcclLibrary {
  const native = binding.nccl;
  if (native === undefined) throw new AccelerateError("ERR_NCCL_MISSING", `NCCL needs Linux; this is ${process.platform}`);
  try {
    return { native, ...native.open([...nccl, ...ncclNames], [...cuda, ...cudaNames]) };
  } catch (cause) {
    throw new AccelerateError("ERR_NCCL_MISSING", `workers with a GPU each need NCCL, and it does not load (${(cause as Error).message})`, {
      cause,
      hint: "install it: pip install nvidia-nccl-cu13 nvidia-cuda-runtime, with the folders of libnccl.so.2 and libcudart.so.13 in LD_LIBRARY_PATH; or libnccl2 of NVIDIA's repository",
    });
  }
}

/** What a group is made of. */
export interface NcclParts {
  readonly native: NativeNccl;
  readonly handle: NcclHandle;
  readonly control: ControlGroup;
  /** The device's context, where there is one: without it only numbers of the host travel. */
  readonly context?: NativeHandle<"device"> | undefined;
}
