// An opened device that has memory of its own: arrays in it, and the ways there and back.
import type { DType, TypedArray } from "../graph/dtype.js";
import type { NativeHandle } from "../native/binding.js";
import type { Device } from "./device.js";

/** Numbers in a device's memory, row-major. Lives until `free`; a view as long as what it is a view of. */
export interface DeviceArray {
  readonly dtype: DType;
  readonly shape: readonly number[];
  /** Elements. */
  readonly length: number;
  readonly bytes: number;
  readonly handle: NativeHandle<"device-array">;
}

/** What has crossed between host and device, and what was asked of the device's memory, since the device was opened. */
export interface DeviceCounters {
  readonly uploads: number;
  readonly uploadedBytes: number;
  readonly downloads: number;
  readonly downloadedBytes: number;
  /** Copies within the device. */
  readonly copies: number;
  /** Arrays that were made; views cost nothing. */
  readonly allocations: number;
}

/** Bytes. */
export interface DeviceMemoryUse {
  /** In arrays of this context. */
  readonly arrays: number;
  /** The most that these ever took. */
  readonly peak: number;
  /** Taken by the engine for its sessions here, where it says so. */
  readonly scratch?: number;
  /** Of the whole device, where it says so. */
  readonly free?: number;
  readonly total?: number;
}

/**
 * A device that was opened by this process. What it is asked to do is queued behind all native jobs before it, runs among them: a run sees what was uploaded before it, a download
 * sees what the runs before it have written.
 */
export interface DeviceContext extends AsyncDisposable {
  readonly device: Device;
  /** "NVIDIA H100 80GB HBM3", or the adapter's name as far as it is known. */
  readonly name: string;
  /** Ops of the domain accelerate_ts that have a kernel here; of all others the decomposition runs. */
  readonly kernels: ReadonlySet<string>;
  /** The same for updates of optimizers; without kernels they run as graphs. */
  readonly optimizerKernels: boolean;
  /** Why kernels that were built or asked for are not used; empty or absent: they are, or there are none. */
  readonly withoutKernels?: string;
  readonly counters: DeviceCounters;
  memory(): DeviceMemoryUse;

  /** Zeroed. @throws EngineError ERR_DEVICE_MEMORY when there is not enough. */
  allocate(dtype: DType, shape: readonly number[]): DeviceArray;
  /** A part of an array from element `offset` on, or the same elements in another shape. Only where the device has flat memory; else only the same elements in another shape. */
  view(array: DeviceArray, offset: number, shape: readonly number[]): DeviceArray;
  /** Gives the memory back behind all jobs that were queued before. */
  free(array: DeviceArray): void;

  /** From the host, byte for byte; `from` must not change until the promise is settled. */
  upload(pairs: readonly { readonly from: TypedArray; readonly into: DeviceArray }[]): Promise<void>;
  download(pairs: readonly { readonly from: DeviceArray; readonly into: TypedArray }[]): Promise<void>;
  copy(pairs: readonly { readonly from: DeviceArray; readonly into: DeviceArray }[]): Promise<void>;
  /** As `upload` and `download`, but the JS thread waits: for reads and writes outside of the loop of steps (checkpoints, loading weights). */
  uploadNow(from: TypedArray, into: DeviceArray): void;
  downloadNow(from: DeviceArray, into: TypedArray): void;
  /** Resolves when the device has done all that was queued. */
  synchronize(): Promise<void>;
  close(): Promise<void>;
}
