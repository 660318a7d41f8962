// A binding: the memory that one kind of run reads and writes, kept between runs, and the run itself.
import { dtypes, sizeOf, type TypedArray } from "../graph/dtype.js";
import type { NativeBinding, NativeHandle } from "../native/binding.js";
import type { DeviceArray } from "./device-context.js";
import { EngineError, type EngineErrorCode, engineError } from "./engine-error.js";
import { type Bound, bindingError, lengthOf, MemoryChecks, memoryOf, same } from "./bound-memory.js";
import type { Session, SlotInfo } from "./session.js";

export interface RunOptions {
  /** Ends the run between two nodes; the promise rejects with the signal's reason, and what the outputs hold is undefined. */
  readonly signal?: AbortSignal;
  /** After the run and in the same job: into += from, element by element. Pairs of equal length. */
  readonly accumulate?: readonly { readonly into: Float32Array; readonly from: Float32Array }[];
  /** Afterwards the engine gives the memory back that no tensor lies in; the next runs ask the system for it again. Default false. */
  readonly shrinks?: boolean;
  /** After the run and in the same job: rows that it found, into tables. */
  readonly rows?: readonly RowGradient[];
}

/** Two outputs that were bound with `bindOutputDynamic`, which are rows of a table, int64 [n], and what lies in them, float32 [n, width]. */
export interface RowGradient {
  readonly rows: number;
  readonly values: number;
  /** The table. */
  readonly into: Float32Array;
  /** Bit r mod 32 of word r / 32 says that row r may be other than zero; it is brought up to date. */
  readonly bits: Uint32Array;
  readonly width: number;
  /** Whether they are added to what is there; else the table holds nothing but them afterwards. */
  readonly adds: boolean;
}

/** An output that ONNX Runtime allocated. */
export interface TakenOutput {
  readonly shape: number[];
  readonly data: TypedArray;
}

/** What a session hands to a new binding. */
export interface BindingParts {
  readonly native: NativeBinding;
  readonly handle: NativeHandle<"binding">;
  readonly session: Session;
  readonly onClose: () => void;
}

/** In the words of CUDA, of ONNX Runtime's arenas and of WebGPU. */
const outOfMemory = /out of memory|out-of-memory|Failed to allocate memory|Available memory of|CUBLAS_STATUS_ALLOC_FAILED/i;

/**
 * Inputs and outputs of a session, bound to memory that the caller owns and that is written in place. Only what changes is bound again.
 *
 * @example
 * binding.bindInput(0, ids, [batch, tokens]);
 * binding.bindOutput(0, logits, [batch, labels]);
 * await binding.run({ signal: AbortSignal.timeout(60_000) });
 */
export class Binding implements Disposable {
  readonly #parts: BindingParts;
  readonly #inputs: (Bound | undefined)[];
  readonly #outputs: (Bound | "dynamic" | undefined)[];
  readonly #taken = new Map<number, TakenOutput>();
  /** Which outputs hold what the last run allocated. */
  readonly #ready: boolean[] = [];
  readonly #checks: MemoryChecks;
  #run: Promise<void> | undefined;
  #ended = false;
  #closed = false;

  constructor(parts: BindingParts) {
    this.#parts = parts;
    this.#checks = new MemoryChecks(parts.session);
    this.#inputs = new Array(parts.session.inputs.length).fill(undefined);
    this.#outputs = new Array(parts.session.outputs.length).fill(undefined);
  }

  /**
   * Binds an input to memory with the session's dtype: row-major, byte length = product(shape) * bytes per element. A session on a device reads its arrays; memory of the host is
   * copied there by each run.
   * @throws EngineError ERR_BINDING_SIZE, ERR_BINDING_SHAPE, ERR_BINDING_INDEX, ERR_BINDING for memory that is no view or does not begin at a multiple of the
   * dtype's bytes, ERR_BINDING_BUSY while a run is in flight, ERR_BINDING_CLOSED.
   */
  bindInput(index: number, data: ArrayBufferView | DeviceArray, shape: readonly number[]): void {
    const slot = this.#slot(this.#parts.session.inputs, index, "input");
    const bound = this.#inputs[index];
    if (bound !== undefined && same(bound, data, shape)) return;
    const bytes = this.#checks.check(slot, data, shape, "input");
    this.#parts.native.bindInput(this.#parts.handle, index, memoryOf(data), this.#checks.shape, shape.length);
    this.#inputs[index] = { data, shape: [...shape], bytes };
  }

  /** Binds an output to memory that the run writes in place; its shape must be what the run will give. Errors as for `bindInput`. */
  bindOutput(index: number, data: ArrayBufferView | DeviceArray, shape: readonly number[]): void {
    const slot = this.#slot(this.#parts.session.outputs, index, "output");
    const bound = this.#outputs[index];
    if (bound !== undefined && bound !== "dynamic" && same(bound, data, shape)) return;
    const bytes = this.#checks.check(slot, data, shape, "output");
    this.#parts.native.bindOutput(this.#parts.handle, index, memoryOf(data), this.#checks.shape, shape.length);
    this.#forget(index);
    this.#outputs[index] = { data, shape: [...shape], bytes };
  }

  /** Lets ONNX Runtime allocate an output, for shapes that are not known before the run; read it with `takeOutput`. */
  bindOutputDynamic(index: number): void {
    this.#slot(this.#parts.session.outputs, index, "output");
    if (this.#outputs[index] === "dynamic") return;
    this.#parts.native.bindOutputDynamic(this.#parts.handle, index);
    this.#forget(index);
    this.#outputs[index] = "dynamic";
  }

  /**
   * The output of the last run that was bound with `bindOutputDynamic`, without a copy: the memory is the caller's from now on, the next run allocates anew.
   * @throws EngineError ERR_BINDING_OUTPUT when it was not bound so, or not run yet.
   */
  takeOutput(index: number): TakenOutput {
    const slot = this.#slot(this.#parts.session.outputs, index, "output");
    if (!this.#ready[index]) {
      const why = this.#outputs[index] === "dynamic" ? "no run has ended well since" : "it was not bound with bindOutputDynamic";
      throw this.#error("ERR_BINDING_OUTPUT", `output ${slot.name} cannot be taken`, why, slot.name);
    }
    const known = this.#taken.get(index);
    if (known) return known;
    const { bytes, array } = dtypes[slot.dtype];
    const { shape, buffer } = this.#parts.native.takeOutput(this.#parts.handle, index, bytes);
    const taken = { shape, data: new array(buffer, 0, sizeOf(shape)) as TypedArray };
    this.#taken.set(index, taken);
    return taken;
  }

  /**
   * Runs the session on the native run thread; runs and other native jobs follow each other in the order of their submission.
   * @throws EngineError ERR_RUN with `node`, `op` and `tensor`; ERR_BINDING_UNBOUND, ERR_BINDING_DETACHED, ERR_BINDING_SIZE, ERR_BINDING_BUSY, ERR_BINDING_CLOSED before anything runs; the signal's reason after an abort.
   */
  run(options: RunOptions = {}): Promise<void> {
    try {
      this.#free();
      options.signal?.throwIfAborted();
      this.#complete();
      const run = this.#start(options).finally(() => {
        this.#run = undefined;
      });
      this.#run = run;
      return run;
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Closes behind the run in flight, whatever its outcome; no other begins, also in a loop that runs without a pause. */
  async end(): Promise<void> {
    this.#ended = true;
    await this.#run?.catch(() => undefined); // the caller of run() has the error
    this.close();
  }

  /** Lets go of all memory. @throws EngineError ERR_BINDING_BUSY while a run is in flight. */
  close(): void {
    if (this.#closed) return;
    this.#idle();
    this.#closed = true;
    this.#ended = true;
    this.#inputs.fill(undefined);
    this.#outputs.fill(undefined);
    this.#taken.clear();
    this.#parts.native.closeBinding(this.#parts.handle);
    this.#parts.onClose();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  async #start({ signal, accumulate, rows, shrinks = false }: RunOptions): Promise<void> {
    const { native, handle, session } = this.#parts;
    if (session.device && (accumulate?.length || rows?.length))
      throw this.#error("ERR_BINDING", "accumulate and rows add on the host", "on a device, adding is a graph of its own");
    const receipt: { job?: NativeHandle<"job"> } | undefined = signal && {};
    const sums = accumulate && this.#sums(accumulate);
    const tables = rows && this.#tables(rows);
    const abort = () => receipt?.job && native.interrupt(receipt.job);
    this.#taken.clear();
    this.#ready.length = 0;
    try {
      const running = native.run(handle, this, sums, receipt, tables, shrinks);
      signal?.addEventListener("abort", abort, { once: true });
      await running;
      for (let i = 0; i < this.#outputs.length; i++) this.#ready[i] = this.#outputs[i] === "dynamic";
    } catch (cause) {
      if ((cause as { code?: string }).code === "ERR_ABORTED" && signal) throw signal.reason;
      if (session.device && outOfMemory.test((cause as Error).message)) {
        const { arrays, scratch } = session.device.memory();
        throw new EngineError(
          "ERR_DEVICE_MEMORY",
          `run of ${session.name || "a session"} failed: ${session.device.device} has not enough memory: ${(cause as Error).message}`,
          {
            cause,
            hint: `arrays take ${arrays} bytes of it${scratch === undefined ? "" : `, the engine ${scratch}`}; use a smaller batch or model, or close other users of the device`,
          },
        );
      }
      throw engineError(cause, `run${session.name ? ` of ${session.name}` : ""} failed`, (node) => session.tensorsOf(node));
    } finally {
      signal?.removeEventListener("abort", abort);
    }
  }

  #sums(pairs: NonNullable<RunOptions["accumulate"]>): Float32Array[] {
    return pairs.flatMap(({ into, from }, i) => {
      if (!(into instanceof Float32Array && from instanceof Float32Array))
        throw this.#error("ERR_BINDING", `accumulate[${i}] is no pair of Float32Arrays`, "other dtypes are not summed");
      if (into.length === from.length) return [into, from];
      throw this.#error("ERR_BINDING_SIZE", `accumulate[${i}] adds ${from.length} numbers to ${into.length}`, "give pairs of equal length");
    });
  }

  /** As the addon takes them. */
  #tables(tables: readonly RowGradient[]): unknown[] {
    return tables.flatMap(({ rows, values, into, bits, width, adds }) => {
      for (const index of [rows, values])
        if (this.#outputs[index] !== "dynamic") throw this.#error("ERR_BINDING", `output ${index} does not bring rows`, "bind it with bindOutputDynamic");
      const count = into.length / width;
      if (!Number.isInteger(count) || bits.length * 32 < count)
        throw this.#error(
          "ERR_BINDING_SIZE",
          `a table of ${into.length} numbers, ${width} per row, has ${bits.length} words of bits`,
          "a bit per row is needed",
        );
      return [rows, values, into, bits, width, adds];
    });
  }

  #slot(slots: readonly SlotInfo[], index: number, kind: string): SlotInfo {
    this.#free();
    const slot = slots[index];
    if (slot) return slot;
    throw this.#error(
      "ERR_BINDING_INDEX",
      `there is no ${kind} ${index}`,
      slots.length ? `the session has ${kind}s 0 to ${slots.length - 1}` : `the session has no ${kind}s`,
    );
  }

  #free(): void {
    if (this.#ended) throw this.#error("ERR_BINDING_CLOSED", "the binding was closed", "make another one with session.createBinding()");
    this.#idle();
  }

  #idle(): void {
    if (this.#run) throw this.#error("ERR_BINDING_BUSY", "a run is in flight", "await it first, or use a second binding");
  }

  /** What the last run gave there is not to be taken any more. */
  #forget(index: number): void {
    this.#ready[index] = false;
    this.#taken.delete(index);
  }

  /** Every input is bound, at least one output is, and all memory is still there. */
  #complete(): void {
    const { inputs, outputs } = this.#parts.session;
    for (let i = 0; i < inputs.length; i++) {
      const bound = this.#inputs[i];
      if (bound === undefined)
        throw this.#error("ERR_BINDING_UNBOUND", `input ${inputs[i]!.name} is not bound`, `call bindInput(${i}, data, shape)`, inputs[i]!.name);
      if (lengthOf(bound.data) !== bound.bytes) throw this.#detached(`input ${inputs[i]!.name}`, inputs[i]!.name);
    }
    let any = false;
    for (let i = 0; i < outputs.length; i++) {
      const bound = this.#outputs[i];
      if (bound === undefined) continue;
      any = true;
      if (bound !== "dynamic" && lengthOf(bound.data) !== bound.bytes) throw this.#detached(`output ${outputs[i]!.name}`, outputs[i]!.name);
    }
    if (!any && outputs.length > 0)
      throw this.#error("ERR_BINDING_UNBOUND", `no output is bound`, `call bindOutput(0, data, shape) for ${outputs[0]!.name}`, outputs[0]!.name);
  }

  #detached(what: string, tensor: string): EngineError {
    return this.#error(
      "ERR_BINDING_DETACHED",
      `the memory of ${what} has gone or changed its length since it was bound`,
      "bind it again; do not free bound arrays, nor transfer bound buffers to other threads",
      tensor,
    );
  }

  #error(code: EngineErrorCode, message: string, hint: string, tensor?: string): EngineError {
    return bindingError(this.#parts.session, code, message, hint, tensor);
  }
}
