// The typed face of the C++ addon, and its loading: importing never fails, only the first use does.
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { configuredNative } from "../config.js";
import { AccelerateError } from "../errors.js";
import { packageRoot } from "../package-root.js";

declare const opaque: unique symbol;
/** A C++ object; alive as long as JS holds the handle or a job uses it. */
export interface NativeHandle<Kind extends string> {
  readonly [opaque]: Kind;
}

export interface NativeSlot {
  readonly name: string;
  /** TensorProto.DataType; 0 for what is not a tensor. */
  readonly type: number;
  /** Missing when not even the rank is known; "" for a dim without name. */
  readonly shape?: readonly (number | string)[];
  /** Of a session on a device. */
  readonly onHost?: boolean;
}

/** A node of a session on a device; domain is "" for ONNX's own ops. */
export interface NativePlacedNode {
  readonly op: string;
  readonly domain: string;
  readonly name: string;
  readonly provider: string;
}

/**
 * Functions that the addon exports. They check nothing but what would crash: callers do.
 * Each part of src/native that exports more adds its functions by declaration merging:
 * `declare module "../native/binding.js" { interface NativeBinding { sgd(...): Promise<void> } }`.
 */
export interface NativeBinding {
  open(library: string, versions: readonly string[], threads: number, spin: boolean): { version: string; library: string; threads: number; spin: boolean };
  allocate(bytes: number): ArrayBuffer;
  createSession(
    model: Uint8Array,
    name: string,
    optimization: number,
    profile: string,
    device?: NativeHandle<"device">,
    graph?: boolean,
  ): Promise<{ handle: NativeHandle<"session">; inputs: NativeSlot[]; outputs: NativeSlot[]; placement?: NativePlacedNode[] }>;
  /** Of the arena that all sessions share, bytes; undefined where the library does not say. */
  arenaMemory(session: NativeHandle<"session">): { held: number; inUse: number; peak: number; extensions: number; shrinkages: number } | undefined;
  closeSession(session: NativeHandle<"session">): Promise<void>;
  createBinding(session: NativeHandle<"session">): NativeHandle<"binding">;
  closeBinding(binding: NativeHandle<"binding">): void;
  /** shape: one array that is filled anew for every call; its first `rank` numbers count. */
  bindInput(binding: NativeHandle<"binding">, index: number, data: ArrayBufferView | NativeHandle<"device-array">, shape: Float64Array, rank: number): void;
  bindOutput(binding: NativeHandle<"binding">, index: number, data: ArrayBufferView | NativeHandle<"device-array">, shape: Float64Array, rank: number): void;
  bindOutputDynamic(binding: NativeHandle<"binding">, index: number): void;
  takeOutput(binding: NativeHandle<"binding">, index: number, itemBytes: number): { shape: number[]; buffer: ArrayBuffer };
  /** keep: an object that holds all bound memory; sums: into, from, into, from, ...; receipt.job is set while the run can be interrupted; rows: of each table its outputs (rows, values), memory, bits, elements per row, whether it is added to. */
  run(
    binding: NativeHandle<"binding">,
    keep: object,
    sums: readonly Float32Array[] | undefined,
    receipt: { job?: NativeHandle<"job"> } | undefined,
    rows?: readonly unknown[],
    shrinks?: boolean,
  ): Promise<void>;
  interrupt(job: NativeHandle<"job">): void;
}

/** Where the addon is looked for. */
export function nativePath(): string | undefined {
  const native = configuredNative();
  return native === false ? undefined : native !== undefined ? resolve(native) : join(packageRoot(), "build", "accelerate_ts.node");
}

/**
 * Loads the addon; Node keeps it, so later calls are cheap.
 * @throws AccelerateError ERR_NATIVE_MISSING when it was never built, ERR_NATIVE_LOAD when it was built but does not load.
 */
export function loadNative(): NativeBinding {
  const path = nativePath();
  const hint = "run: npx accelerate-ts build-native (it needs a C++17 compiler: apt-get install g++, dnf install gcc-c++, xcode-select --install)";
  if (path === undefined)
    throw new AccelerateError("ERR_NATIVE_MISSING", "the native addon is switched off by ACCELERATE_TS_NATIVE=0", { hint: "unset it to train or run a model" });
  if (!existsSync(path)) throw new AccelerateError("ERR_NATIVE_MISSING", `the native addon is not built (no ${path})`, { hint });
  try {
    // require() would run anything else as JavaScript.
    if (!path.endsWith(".node")) throw new Error("its name does not end in .node");
    return createRequire(import.meta.url)(path) as NativeBinding;
  } catch (cause) {
    throw new AccelerateError("ERR_NATIVE_LOAD", `the native addon ${path} does not load (${cause instanceof Error ? cause.message : cause})`, { hint, cause });
  }
}
