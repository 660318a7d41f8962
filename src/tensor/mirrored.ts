// Tensors of modules that lie on a device beside their numbers on the host.
import type { DType, TypedArray } from "../graph/dtype.js";
import type { DeviceContext } from "../runtime/device-context.js";
import { poolOf } from "./array-pool.js";
import { Resident } from "./resident.js";
import { pushUpload, type Upload } from "./uploads.js";

const bytesOf = ({ buffer, byteOffset, byteLength }: TypedArray): Uint8Array => new Uint8Array(buffer, byteOffset, byteLength);
const equal = (a: TypedArray, b: TypedArray): boolean => Buffer.compare(bytesOf(a), bytesOf(b)) === 0;

/** The part of a tensor's state that a mirror stands behind. */
export interface HostState {
  readonly kind: "concrete";
  readonly shape: readonly number[];
  readonly data: TypedArray;
}

/**
 * A tensor of a module, constant or buffer, that lies on a device beside its numbers on the host. Programs may write to these at any time and say nothing, so they are held against what they were when
 * the two were last alike.
 */
export class Mirrored {
  readonly #context: DeviceContext;
  readonly #host: TypedArray;
  #known: TypedArray;
  #resident: Resident | undefined;
  #behind = false;

  constructor(state: HostState, context: DeviceContext) {
    this.#context = context;
    this.#host = state.data;
    this.#known = this.#host.slice() as TypedArray;
    // Whoever looks at the numbers finds those of the last run.
    Object.defineProperty(state, "data", { get: () => this.#look(), enumerable: true, configurable: true });
  }

  /** Its numbers on the device; what has to go up for that is added to `uploads`. */
  feed(shape: readonly number[], dtype: DType, uploads: Upload[]): Resident {
    if (this.#resident?.array && equal(this.#host, this.#known)) return this.#resident;
    if (equal(this.#host, this.#known)) this.#look();
    const array = poolOf(this.#context).take(dtype, shape);
    this.#known.set(this.#host as never);
    const resident = new Resident(array, this.#context);
    pushUpload(uploads, this.#known, array, () => {
      if (this.#resident === resident) this.#resident = undefined;
    });
    this.#resident = resident;
    this.#behind = false;
    return resident;
  }
  /** What the last run that read it was fed. */
  get resident(): Resident | undefined {
    return this.#resident;
  }
  /** A run has made other numbers of it. */
  replace(resident: Resident): void {
    this.#resident = resident;
    this.#known.set(this.#host as never);
    this.#behind = true;
  }
  #look(): TypedArray {
    if (this.#behind) {
      this.#behind = false;
      this.#host.set(this.#resident!.loadNow() as never);
      this.#known.set(this.#host as never);
    }
    return this.#host;
  }
}
