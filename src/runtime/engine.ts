// The engine: ONNX Runtime opened through the addon, its threads, and the sessions made from it.
import { configuredThreads } from "../config.js";
import { ArgumentError } from "../errors.js";
import { loadNative, type NativeBinding } from "../native/binding.js";
import type { Device } from "./device.js";
import type { DeviceContext } from "./device-context.js";
import { EngineError, engineError } from "./engine-error.js";
import { usableCores } from "./host.js";
import { knownVersions, libraryPath } from "./library.js";
import { nodeTensors } from "./model-nodes.js";
import type { DeviceOptions } from "./device-options.js";
import { NativeDevice } from "./native-device.js";
import { refuseHostNodes } from "./placement.js";
import { type EngineMemory, Session, type SessionOptions } from "./session.js";

export interface EngineOptions {
  /** Threads for kernels, the caller among them; default ACCELERATE_TS_NUM_THREADS, OMP_NUM_THREADS, else the cores that are usable. */
  readonly threads?: number;
  /** Let waiting threads spin during a run. Faster while no other process wants the cores, slower otherwise; default: no more threads than usable cores. */
  readonly spin?: boolean;
  /** Another libonnxruntime than the one that onnxruntime-node ships. */
  readonly library?: string;
}

const levels = { disabled: 0, basic: 1, extended: 2, all: 99 } as const;

/**
 * Runs ONNX models on native threads. ONNX Runtime's environment is process wide: the first engine decides about library, threads and spinning.
 *
 * @example
 * const engine = Engine.default();
 * await using session = await engine.createSession(model); // Uint8Array with an ONNX model
 * using binding = session.createBinding();
 * binding.bindInput(0, new Float32Array([1, 2]), [2]);
 * binding.bindOutput(0, result, [2]);
 * await binding.run();
 */
export class Engine implements AsyncDisposable {
  static #default: Engine | undefined;

  /** ONNX Runtime's version. */
  readonly version: string;
  readonly threads: number;
  readonly spin: boolean;
  /** The addon's functions, for native kernels outside of graphs (optimizers). */
  readonly native: NativeBinding;
  readonly #sessions = new Set<Session>();
  readonly #devices = new Set<NativeDevice>();
  #closed = false;

  private constructor(native: NativeBinding, opened: { readonly version: string; readonly threads: number; readonly spin: boolean }) {
    this.native = native;
    this.version = opened.version;
    this.threads = opened.threads;
    this.spin = opened.spin;
  }

  /** The engine that everything uses that was not given another one; opened on first use. */
  static default(): Engine {
    if (Engine.#default === undefined || Engine.#default.#closed) Engine.#default = Engine.open();
    return Engine.#default;
  }

  /**
   * Opens an engine with these options.
   * @throws EngineError ERR_ENGINE_LOAD or ERR_ENGINE_VERSION when there is no usable library, ERR_ENGINE_OPEN when the process already has another one or another number of threads.
   * @throws AccelerateError ERR_NATIVE_MISSING when the addon was not built.
   */
  static open(options: EngineOptions = {}): Engine {
    const native = loadNative();
    const threads = options.threads ?? configuredThreads() ?? usableCores();
    if (!Number.isInteger(threads) || threads < 1 || threads > 1024)
      throw new ArgumentError(`threads is ${threads}`, { hint: "give a whole number from 1 to 1024" });
    const spin = options.spin ?? (threads > 1 && threads <= usableCores());
    const library = options.library ?? libraryPath();
    let opened: ReturnType<NativeBinding["open"]>;
    try {
      opened = native.open(library, knownVersions, threads, spin);
    } catch (cause) {
      const { code, message } = cause as { code: "ERR_ENGINE_LOAD" | "ERR_ENGINE_VERSION"; message: string };
      throw new EngineError(code, message, {
        cause,
        hint: "install the version that this package asks for: ONNXRUNTIME_NODE_INSTALL=skip npm install onnxruntime-node@1.30.0",
      });
    }
    const differs = Object.entries({ threads, spin, library }).find(
      ([key, value]) => options[key as keyof EngineOptions] !== undefined && opened[key as keyof EngineOptions] !== value,
    );
    if (differs) {
      const [key, value] = differs;
      throw new EngineError("ERR_ENGINE_OPEN", `this process already runs ONNX Runtime with ${key} ${opened[key as keyof EngineOptions]}, not ${value}`, {
        hint: "open the engine with these options before anything else uses it",
      });
    }
    return new Engine(native, opened);
  }

  /**
   * Makes a session from an encoded ONNX model, off the JS thread. The bytes must not change until the promise is settled.
   * @throws EngineError ERR_SESSION_CREATE, with `node`, `op` and `tensor` where the model's fault has a place.
   */
  async createSession(model: Uint8Array, options: SessionOptions = {}): Promise<Session> {
    if (this.#closed) throw new EngineError("ERR_ENGINE_CLOSED", "the engine was closed", { hint: "make sessions before close()" });
    const { name = "", optimization = "all", profile = "", hostNodes = "refuse" } = options;
    const device = options.device && NativeDevice.of(options.device, this);
    const level = levels[optimization];
    if (!(model instanceof Uint8Array)) throw new ArgumentError("model is no Uint8Array", { hint: "give the bytes of an ONNX file" });
    if (level === undefined) throw new ArgumentError(`optimization is ${optimization}`, { hint: `known: ${Object.keys(levels).join(", ")}` });
    if (typeof name !== "string" || typeof profile !== "string") throw new ArgumentError("a session's name and profile are strings");
    try {
      const made = await this.native.createSession(model, name, level, profile, device?.handle, options.cudaGraph === true && device?.device.type === "cuda");
      const session: Session = new Session({ native: this.native, name, model, device, ...made, onClose: () => this.#sessions.delete(session) });
      if (device && hostNodes === "refuse") await refuseHostNodes(session, device);
      this.#sessions.add(session);
      return session;
    } catch (cause) {
      if (cause instanceof EngineError) throw cause;
      // ONNX Runtime has one environment per process, and whoever asks first decides over its threads.
      if ((cause as Error).message.includes("EnvCreatedWithGlobalThreadPools")) {
        throw new EngineError(
          "ERR_ENGINE_OPEN",
          "another user of ONNX Runtime in this process, such as onnxruntime-node's InferenceSession, has set up its threads",
          {
            cause,
            hint: "call Engine.default() before the first InferenceSession is made, or run the two in processes of their own",
          },
        );
      }
      throw engineError(cause, `session${name ? ` ${name}` : ""} could not be made`, (node) => nodeTensors(model, node));
    }
  }

  /**
   * Opens a device: its memory, and sessions on it (`createSession(model, { device })`).
   * @throws EngineError ERR_DEVICE_OPEN when this machine or this installation lacks something, which the message names; ArgumentError ERR_DEVICE for the host, which needs no opening.
   * @example
   * await using device = await engine.openDevice(parseDevice("webgpu"));
   */
  async openDevice(device: Device, options: DeviceOptions = {}): Promise<DeviceContext> {
    if (this.#closed) throw new EngineError("ERR_ENGINE_CLOSED", "the engine was closed", { hint: "open devices before close()" });
    const opened = await NativeDevice.open(this, device, options, () => this.#devices.delete(opened));
    this.#devices.add(opened);
    return opened;
  }

  /** Page-aligned, zeroed memory on huge pages where the system has some; freed when the buffer is collected. Bytes > 0. */
  allocate(bytes: number): ArrayBuffer {
    if (!Number.isSafeInteger(bytes) || bytes < 1) throw new ArgumentError(`bytes is ${bytes}`, { hint: "give a whole number of at least 1" });
    try {
      return this.native.allocate(bytes);
    } catch (cause) {
      throw new EngineError("ERR_ARENA_MEMORY", (cause as Error).message, { cause, hint: "free memory, or use a smaller model or fewer processes" });
    }
  }

  /** What the scratch memory of all sessions takes, in bytes; undefined while there is no session. Tensors that the caller bound, and arenas of `allocate`, are no part of it. */
  memory(): EngineMemory | undefined {
    for (const session of this.#sessions) return session.memory();
    return undefined;
  }

  /** Closes all sessions, each behind its runs, and all devices. The process keeps ONNX Runtime and its threads. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#sessions].map((session) => session.close()));
    await Promise.all([...this.#devices].map((device) => device.close()));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
