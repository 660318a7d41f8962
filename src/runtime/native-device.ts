// An opened device: the typed face of the addon's devices. It checks what the addon takes for granted.
import { configuredCudaKernels } from "../config.js";
import { type DType, dtypes, sizeOf, type TypedArray } from "../graph/dtype.js";
import { ArgumentError } from "../errors.js";
import type { NativeBinding, NativeHandle } from "../native/binding.js";
import type { Device } from "./device.js";
import type { DeviceArray, DeviceContext, DeviceCounters, DeviceMemoryUse } from "./device-context.js";
import { completeOptions, type DeviceOptions, openHints } from "./device-options.js";
import { EngineError, type EngineErrorCode } from "./engine-error.js";

declare module "../native/binding.js" {
  interface NativeBinding {
    openDevice(
      type: string,
      index: number,
      memoryLimit: number,
      sameAsRequested: boolean,
      convolutions: string,
      tf32: boolean,
      libraries: readonly string[],
      kernels: string | false,
    ): Promise<OpenedDevice>;
    /** The 0 is the offset in bytes. */
    deviceAllocate(device: NativeHandle<"device">, type: number, offset: 0, bytes: number, shape: Float64Array): NativeHandle<"device-array">;
    deviceView(array: NativeHandle<"device-array">, type: number, offset: number, bytes: number, shape: Float64Array): NativeHandle<"device-array">;
    deviceFree(array: NativeHandle<"device-array">): Promise<void>;
    /** kind: 0 from the host, 1 to the host (pairs of array and view), 2 from array to array. */
    deviceTransfer(device: NativeHandle<"device">, kind: 0 | 1 | 2, pairs: readonly unknown[], waits: boolean): Promise<void> | undefined;
    deviceSynchronize(device: NativeHandle<"device">): Promise<void>;
    deviceCounters(device: NativeHandle<"device">): DeviceCounters & { arrays: number; peak: number };
    deviceMemory(device: NativeHandle<"device">): { scratch?: number; free?: number; total?: number };
    closeDevice(device: NativeHandle<"device">): Promise<void>;
  }
}

/** What the addon says of a device that it has opened. `kernels`: ops of ours that it computes; `without`: why it has none although they were built. */
interface OpenedDevice {
  readonly name: string;
  readonly kernels: readonly string[];
  readonly without: string;
  readonly handle: NativeHandle<"device">;
}

/** An array of a NativeDevice. */
export class NativeArray implements DeviceArray {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly length: number;
  readonly bytes: number;
  readonly handle: NativeHandle<"device-array">;
  readonly context: NativeDevice;
  /** What it is a view of, itself no view. */
  readonly root: NativeArray;
  /** In elements from the beginning of `root`. */
  readonly offset: number;
  #freed = false;

  constructor(context: NativeDevice, handle: NativeHandle<"device-array">, dtype: DType, shape: readonly number[], offset = 0, root?: NativeArray) {
    this.context = context;
    this.handle = handle;
    this.dtype = dtype;
    this.shape = Object.freeze([...shape]);
    this.length = sizeOf(shape);
    this.bytes = this.length * dtypes[dtype].bytes;
    this.offset = offset;
    this.root = root ?? this;
  }

  /** Its memory was freed. */
  get gone(): boolean {
    return this.root.#freed || this.context.closed;
  }

  drop(): void {
    this.#freed = true;
  }
}

type Pairs = readonly { readonly from: unknown; readonly into: unknown }[];

/** Made by `Engine.openDevice`. */
export class NativeDevice implements DeviceContext {
  readonly device: Device;
  readonly name: string;
  readonly kernels: ReadonlySet<string>;
  readonly optimizerKernels: boolean;
  /** Why kernels that were built are not used; empty where they are, or were not built. */
  readonly withoutKernels: string;
  readonly handle: NativeHandle<"device">;
  readonly #native: NativeBinding;
  readonly #onClose: () => void;
  #closing: Promise<void> | undefined;
  #last: { readonly counters: DeviceCounters; readonly memory: DeviceMemoryUse } | undefined;

  private constructor(native: NativeBinding, device: Device, opened: OpenedDevice, onClose: () => void) {
    this.device = device;
    this.kernels = new Set(opened.kernels);
    this.optimizerKernels = opened.kernels.length > 0;
    this.withoutKernels = opened.without;
    this.name = opened.name;
    this.handle = opened.handle;
    this.#native = native;
    this.#onClose = onClose;
  }

  static async open({ native }: { readonly native: NativeBinding }, device: Device, options: DeviceOptions, onClose: () => void): Promise<NativeDevice> {
    if (device.hostMemory) throw new ArgumentError(`${device} is no device to open`, { code: "ERR_DEVICE", hint: "what runs on the host needs none" });
    const { memoryLimit, arenaStrategy, convolutions, tf32, libraries } = completeOptions(options);
    try {
      const opened = await native.openDevice(
        device.type,
        device.index,
        memoryLimit,
        arenaStrategy === "sameAsRequested",
        convolutions.toUpperCase(),
        tf32,
        libraries,
        configuredCudaKernels() ?? "",
      );
      return new NativeDevice(native, device, opened, onClose);
    } catch (cause) {
      throw failure(cause, `${device} cannot be opened`, openHints[device.type]?.[(cause as { code?: string }).code ?? ""]);
    }
  }

  /** The opened device behind the interface. @throws EngineError ERR_DEVICE_CLOSED */
  static of(context: DeviceContext, { native }: { readonly native: NativeBinding }): NativeDevice {
    if (!(context instanceof NativeDevice) || context.#native !== native)
      throw new ArgumentError("device was not opened by this engine", { hint: "engine.openDevice(device)" });
    context.#open();
    return context;
  }

  get closed(): boolean {
    return this.#closing !== undefined;
  }

  get counters(): DeviceCounters {
    if (this.#last) return this.#last.counters;
    const { uploads, uploadedBytes, downloads, downloadedBytes, copies, allocations } = this.#native.deviceCounters(this.handle);
    return { uploads, uploadedBytes, downloads, downloadedBytes, copies, allocations };
  }

  memory(): DeviceMemoryUse {
    if (this.#last) return this.#last.memory;
    const { arrays, peak } = this.#native.deviceCounters(this.handle);
    return { arrays, peak, ...this.#native.deviceMemory(this.handle) };
  }

  allocate(dtype: DType, shape: readonly number[]): NativeArray {
    this.#open();
    const bytes = bytesOf(dtype, shape);
    try {
      return new NativeArray(this, this.#native.deviceAllocate(this.handle, dtypes[dtype].onnx, 0, bytes, Float64Array.from(shape)), dtype, shape);
    } catch (cause) {
      const { arrays } = this.memory();
      throw failure(
        cause,
        `${this.device} has no memory for ${dtype} [${shape.join(", ")}] (${bytes} bytes beside ${arrays} in other arrays)`,
        "use a smaller model or batch, or free arrays",
      );
    }
  }

  view(array: DeviceArray, offset: number, shape: readonly number[]): NativeArray {
    const { root, dtype, offset: begin, length } = this.#mine(array);
    const bytes = bytesOf(dtype, shape);
    const elements = sizeOf(shape);
    const fits = this.device.flatMemory ? Number.isSafeInteger(offset) && offset >= 0 && offset + elements <= length : offset === 0 && elements === length;
    if (!fits) {
      const rule = this.device.flatMemory ? `it has ${length} elements` : `${this.device} has views of all ${length} elements only`;
      throw this.#error("ERR_DEVICE_ARRAY", `elements ${offset} to ${offset + elements} of an array are no view`, rule);
    }
    const handle = this.#native.deviceView(array.handle, dtypes[dtype].onnx, (begin + offset) * dtypes[dtype].bytes, bytes, Float64Array.from(shape));
    return new NativeArray(this, handle, dtype, shape, begin + offset, root);
  }

  free(array: DeviceArray): void {
    const mine = this.#mine(array);
    if (mine.root !== mine) throw this.#error("ERR_DEVICE_ARRAY", "a view cannot be freed", "free what it is a view of");
    mine.drop();
    // It cannot fail; where the environment is ending nobody gives it a promise.
    void this.#native.deviceFree(mine.handle);
  }

  upload(pairs: readonly { readonly from: TypedArray; readonly into: DeviceArray }[]): Promise<void> {
    return this.#transfer(0, pairs);
  }
  download(pairs: readonly { readonly from: DeviceArray; readonly into: TypedArray }[]): Promise<void> {
    return this.#transfer(1, pairs);
  }
  copy(pairs: readonly { readonly from: DeviceArray; readonly into: DeviceArray }[]): Promise<void> {
    return this.#transfer(2, pairs);
  }
  uploadNow(from: TypedArray, into: DeviceArray): void {
    this.#transferNow(0, { from, into });
  }
  downloadNow(from: DeviceArray, into: TypedArray): void {
    this.#transferNow(1, { from, into });
  }

  async synchronize(): Promise<void> {
    this.#open();
    try {
      await this.#native.deviceSynchronize(this.handle);
    } catch (cause) {
      throw failure(cause, `${this.device} failed`);
    }
  }

  /** Behind all that was queued; arrays that are left go with it. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const { peak } = this.memory();
    this.#last = { counters: this.counters, memory: { arrays: 0, peak } };
    this.#onClose();
    await this.#native.closeDevice(this.handle);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #transfer(kind: 0 | 1 | 2, pairs: Pairs): Promise<void> {
    const flat = this.#pairs(kind, pairs);
    try {
      await this.#native.deviceTransfer(this.handle, kind, flat, false);
    } catch (cause) {
      throw failure(cause, `${directions[kind]} ${this.device} failed`);
    }
  }

  #transferNow(kind: 0 | 1, pair: Pairs[number]): void {
    const flat = this.#pairs(kind, [pair]);
    try {
      this.#native.deviceTransfer(this.handle, kind, flat, true);
    } catch (cause) {
      throw failure(cause, `${directions[kind]} ${this.device} failed`);
    }
  }

  /** As the addon takes them: the array first. */
  #pairs(kind: 0 | 1 | 2, pairs: Pairs): unknown[] {
    this.#open();
    return pairs.flatMap(({ from, into }) => {
      const [array, other] = kind === 0 ? [into, from] : [from, into];
      const mine = this.#mine(array);
      const second = kind === 2 ? this.#mine(other) : other;
      if (!(second instanceof NativeArray) && !ArrayBuffer.isView(second))
        throw this.#error("ERR_DEVICE_ARRAY", "the host's side of a copy is no typed array", "give one of the array's length");
      const bytes = second instanceof NativeArray ? second.bytes : second.byteLength;
      if (bytes !== mine.bytes)
        throw this.#error(
          "ERR_DEVICE_ARRAY",
          `an array of ${mine.bytes} bytes (${mine.dtype} [${mine.shape.join(", ")}]) is copied from or to ${bytes} bytes`,
          "both sides are equally long",
        );
      return [mine.handle, second instanceof NativeArray ? second.handle : second];
    });
  }

  #mine(array: unknown): NativeArray {
    this.#open();
    if (!(array instanceof NativeArray) || array.context !== this)
      throw this.#error("ERR_DEVICE_ARRAY", "the array is none of this opened device", "arrays come from its allocate and view");
    if (array.gone) throw this.#error("ERR_DEVICE_ARRAY", "the array was freed", "allocate another one");
    return array;
  }

  #open(): void {
    if (this.closed) throw this.#error("ERR_DEVICE_CLOSED", "it was closed", "open it again with engine.openDevice");
  }

  #error(code: EngineErrorCode, message: string, hint: string): EngineError {
    return new EngineError(code, `${this.device}: ${message}`, { hint });
  }
}

const directions = ["a copy to", "a copy from", "a copy within"] as const;

function failure(cause: unknown, subject: string, hint?: string): EngineError {
  const { code, message } = cause as { readonly code?: EngineErrorCode; readonly message: string };
  return new EngineError(code ?? "ERR_DEVICE", `${subject}: ${message}`, { cause, ...(hint !== undefined && { hint }) });
}

function bytesOf(dtype: DType, shape: readonly number[]): number {
  const info = dtypes[dtype];
  const bytes = info && sizeOf(shape) * info.bytes;
  if (!Array.isArray(shape) || shape.some((dim) => !Number.isSafeInteger(dim) || dim < 0) || !Number.isSafeInteger(bytes))
    throw new ArgumentError(`there is no array of ${dtype} [${shape}]`, { code: "ERR_DEVICE_ARRAY", hint: "dims are whole numbers from 0" });
  return bytes;
}
