// Tensors in a device's memory: what runs leave there.
import { dtypes, type TypedArray } from "../graph/dtype.js";
import type { DeviceArray, DeviceContext } from "../runtime/device-context.js";
import { type ArrayPool, poolOf } from "./array-pool.js";
import type { LazyState, TensorState } from "./state.js";

let active: DeviceContext | undefined;
/** The device that the programs of this process run on; undefined: the host. */
export const activeDevice = (): DeviceContext | undefined => active;
/** @internal The executor says so. */
export function useDevice(context: DeviceContext | undefined): void {
  active = context;
}

const abandoned = new FinalizationRegistry<{ readonly pool: ArrayPool; readonly array: DeviceArray }>(({ pool, array }) => pool.give(array));

/** Below this the device's copy of what came down goes to the next use: to feed it again costs next to nothing. */
const smallBytes = 4096;

/** What a run has left on a device. Tensors that stand for the same numbers share it. */
export class Resident {
  readonly #pool: ArrayPool;
  #array: DeviceArray | undefined;
  #data: TypedArray | undefined;

  constructor(array: DeviceArray, context: DeviceContext) {
    this.#array = array;
    this.#pool = poolOf(context);
    abandoned.register(this, { pool: this.#pool, array }, this);
  }

  get context(): DeviceContext {
    return this.#pool.context;
  }
  /** Its place on the device; undefined: it came down, and is fed from the host. */
  get array(): DeviceArray | undefined {
    return this.#array;
  }
  /** The numbers on the host, once they have come down. */
  get data(): TypedArray | undefined {
    return this.#data;
  }
  /** Brings the numbers down, behind all runs so far. */
  async load(): Promise<TypedArray> {
    if (this.#data) return this.#data;
    const array = this.#array!;
    const into = new dtypes[array.dtype].array(array.length);
    if (array.length > 0) await this.context.download([{ from: array, into }]);
    return this.#came(into);
  }
  /** The same, while the program waits. */
  loadNow(): TypedArray {
    if (this.#data) return this.#data;
    const into = new dtypes[this.#array!.dtype].array(this.#array!.length);
    if (into.length > 0) this.context.downloadNow(this.#array!, into);
    return this.#came(into);
  }
  #came(data: TypedArray): TypedArray {
    if (this.#data) return this.#data;
    this.#data = data;
    if (this.#array && this.#array.bytes <= smallBytes) this.release();
    return data;
  }
  /** Its memory goes to the next use: nobody needs the numbers on the device any more. */
  release(): void {
    if (!this.#array) return;
    abandoned.unregister(this);
    this.#pool.give(this.#array);
    this.#array = undefined;
  }
}

/** The state of a tensor that is nothing but numbers on a device. */
export const detached = (shape: readonly number[], resident: Resident): LazyState => ({
  kind: "lazy",
  shape,
  source: undefined,
  index: 0,
  used: true,
  users: [],
  data: undefined,
  resident,
  expired: false,
});

/** The state of the same numbers without a recipe; itself where there never was one, undefined where the numbers are still to be computed. */
export function detachedState(state: TensorState): TensorState | undefined {
  if (state.kind === "concrete") return state;
  if (state.kind !== "lazy") return undefined;
  if (state.data) return { kind: "concrete", shape: state.shape, data: state.data };
  return state.resident && detached(state.shape, state.resident);
}
