// What a binding's inputs and outputs are bound to, and the checks of it.
import { dtypes } from "../graph/dtype.js";
import type { NativeHandle } from "../native/binding.js";
import type { DeviceArray } from "./device-context.js";
import { EngineError, type EngineErrorCode } from "./engine-error.js";
import { NativeArray } from "./native-device.js";
import type { Session, SlotInfo } from "./session.js";

/** A typed array of the host, or an array of the session's device. */
export type Memory = ArrayBufferView | DeviceArray;

export interface Bound {
  readonly data: Memory;
  readonly shape: readonly number[];
  readonly bytes: number;
}

const maxRank = 16;

/** As the addon takes it. */
export const memoryOf = (data: Memory): ArrayBufferView | NativeHandle<"device-array"> => (ArrayBuffer.isView(data) ? data : data.handle);

/** Bytes that are there: none of what was transferred or freed. */
export const lengthOf = (data: Memory): number => (ArrayBuffer.isView(data) ? data.byteLength : (data as NativeArray).gone ? -1 : data.bytes);

export function same(bound: Bound, data: Memory, shape: readonly number[]): boolean {
  if (bound.data !== data || lengthOf(data) !== bound.bytes || bound.shape.length !== shape.length) return false;
  for (let i = 0; i < shape.length; i++) if (bound.shape[i] !== shape[i]) return false;
  return true;
}

export const bindingError = ({ name }: Session, code: EngineErrorCode, message: string, hint: string, tensor?: string): EngineError =>
  new EngineError(code, `${name ? `${name}: ` : ""}${message}`, { hint, tensor });

/** Holds memory and shapes against what a session asks for. */
export class MemoryChecks {
  /** The shape of the last check, as the addon takes it. */
  readonly shape = new Float64Array(maxRank);
  readonly #session: Session;

  constructor(session: Session) {
    this.#session = session;
  }

  /** Validates and fills `shape`; returns the byte length. */
  check(slot: SlotInfo, data: Memory, shape: readonly number[], kind: string): number {
    if (shape.length > maxRank || (slot.ranked && shape.length !== slot.shape.length)) {
      const rank =
        slot.ranked && slot.shape.length <= maxRank
          ? `rank ${slot.shape.length}: [${slot.shape.map((dim) => dim || "?").join(", ")}]`
          : `at most rank ${maxRank}`;
      throw this.#error("ERR_BINDING_SHAPE", `${kind} ${slot.name} got shape [${shape.join(", ")}]`, `the graph has ${rank}`, slot.name);
    }
    const item = dtypes[slot.dtype].bytes;
    if (data instanceof NativeArray) this.#checkArray(slot, data, shape, kind);
    // Compiled loops take for granted that a number lies at a multiple of its size.
    else if (!ArrayBuffer.isView(data) || data.byteOffset % item !== 0) {
      const why = ArrayBuffer.isView(data) ? `begins at byte ${data.byteOffset} of its buffer` : "is no typed array";
      throw this.#error("ERR_BINDING", `the memory for ${kind} ${slot.name} ${why}`, `give a typed array of ${slot.dtype}`, slot.name);
    }
    let bytes = item;
    for (let i = 0; i < shape.length; i++) {
      const dim = shape[i]!;
      const wanted = slot.shape[i];
      if (!Number.isSafeInteger(dim) || dim < 0 || (typeof wanted === "number" && wanted !== dim)) {
        const rule = typeof wanted === "number" ? `the graph has ${wanted} there` : "dims are whole numbers from 0";
        throw this.#error("ERR_BINDING_SHAPE", `${kind} ${slot.name} got shape [${shape.join(", ")}]: dim ${i} is ${dim}`, rule, slot.name);
      }
      this.shape[i] = dim;
      bytes *= dim;
    }
    const given = lengthOf(data);
    if (given !== bytes) {
      throw this.#error(
        "ERR_BINDING_SIZE",
        `${kind} ${slot.name} got ${given} bytes for ${slot.dtype} [${shape.join(", ")}]`,
        `${bytes} bytes are needed${given === 0 && bytes > 0 ? " (was the buffer transferred to another thread?)" : ""}`,
        slot.name,
      );
    }
    return bytes;
  }

  /** An array is a tensor already: of the session's device and dtype, in the shape that it is bound in. */
  #checkArray(slot: SlotInfo, array: NativeArray, shape: readonly number[], kind: string): void {
    const session = this.#session;
    const fail = (why: string, hint: string) => this.#error("ERR_BINDING", `the array for ${kind} ${slot.name} ${why}`, hint, slot.name);
    if (array.context !== session.device)
      throw fail(
        `lies on ${array.context.device}`,
        session.device ? `the session runs on another opening of ${session.device.device}` : "the session runs on the host",
      );
    if (array.gone) throw fail("was freed", "bind one that was not");
    if (array.dtype !== slot.dtype) throw fail(`is ${array.dtype}`, `the graph has ${slot.dtype}`);
    if (array.shape.length !== shape.length || shape.some((dim, i) => dim !== array.shape[i]))
      throw fail(`has shape [${array.shape.join(", ")}], not [${shape.join(", ")}]`, "bind a view of it: device.view(array, 0, shape)");
  }

  #error(code: EngineErrorCode, message: string, hint: string, tensor: string): EngineError {
    return bindingError(this.#session, code, message, hint, tensor);
  }
}
