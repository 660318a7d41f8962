// Objects of the program that are saved with a run: their states as JSON, with arrays and tensors set apart.
import { CheckpointError, decodeValue, type EncodedValue, encodeValue, type TensorForm } from "../../checkpoint/index.js";
import type { TensorData } from "../../graph/dtype.js";
import { Tensor } from "../../tensor/index.js";

/** What `registerForCheckpointing` takes. States are plain objects, arrays, numbers, strings, booleans, null, typed arrays and tensors. */
export interface Checkpointable {
  stateDict(): unknown;
  loadStateDict(state: never): void | Promise<void>;
}

const isCheckpointable = (x: unknown): x is Checkpointable =>
  ((typeof x === "object" && x !== null) || typeof x === "function") &&
  typeof (x as Partial<Checkpointable>).stateDict === "function" &&
  typeof (x as Partial<Checkpointable>).loadStateDict === "function";

/** All tensors in a value, computed. */
async function tensorsOf(value: unknown, found: Map<Tensor, TensorData> = new Map(), seen: Set<object> = new Set()): Promise<Map<Tensor, TensorData>> {
  if (value instanceof Tensor) {
    if (!found.has(value)) found.set(value, { dtype: value.dtype, shape: value.shape, data: await value.data() });
  } else if (typeof value === "object" && value !== null && !ArrayBuffer.isView(value) && !seen.has(value)) {
    seen.add(value);
    for (const v of Object.values(value)) await tensorsOf(v, found, seen);
  }
  return found;
}

const decodeTensor: TensorForm["decode"] = ({ dtype, shape, data }) => Tensor.make(dtype, { kind: "concrete", shape, data });

/** A value for a file. @throws CheckpointError ERR_CHECKPOINT_OBJECT with the path of what cannot be saved. */
export async function savedValue(value: unknown, what: string): Promise<EncodedValue> {
  const known = await tensorsOf(value);
  return encodeValue(value, what, { encode: (x) => known.get(x as Tensor), decode: decodeTensor });
}
/** The value back. */
export const loadedValue = (value: EncodedValue, what: string): unknown => decodeValue(value, what, { encode: () => undefined, decode: decodeTensor });

const problem = (what: string, error: unknown): CheckpointError =>
  error instanceof CheckpointError
    ? error
    : new CheckpointError("ERR_CHECKPOINT_OBJECT", `${what} failed (${error instanceof Error ? error.message : String(error)})`, { cause: error });

/** The objects that the program has registered, in that order. */
export class RegisteredObjects {
  readonly #objects: Checkpointable[] = [];

  get count(): number {
    return this.#objects.length;
  }
  /** @throws CheckpointError ERR_CHECKPOINT_OBJECT that names the arguments without stateDict and loadStateDict; none is registered then. */
  add(objects: readonly unknown[]): void {
    const wrong = objects.flatMap((x, i) =>
      isCheckpointable(x) ? [] : [`item ${i} (${x === null ? "null" : typeof x === "object" ? (x.constructor?.name ?? "an object") : typeof x})`],
    );
    if (wrong.length > 0)
      throw new CheckpointError("ERR_CHECKPOINT_OBJECT", `registerForCheckpointing: ${wrong.join(", ")} cannot be saved`, {
        hint: "give objects with the methods stateDict and loadStateDict",
      });
    for (const x of objects as Checkpointable[]) if (!this.#objects.includes(x)) this.#objects.push(x);
  }

  states(): Promise<EncodedValue[]> {
    return Promise.all(
      this.#objects.map(async (x, i) => {
        const what = `stateDict of registered object ${i} (${x.constructor?.name ?? "object"})`;
        try {
          return await savedValue(await x.stateDict(), what);
        } catch (error) {
          throw problem(what, error);
        }
      }),
    );
  }

  /** Loads all or none: one that refuses its state leaves those before it as they were. */
  async load(states: readonly unknown[]): Promise<void> {
    const done: (readonly [object: Checkpointable, before: unknown])[] = [];
    for (const [i, x] of this.#objects.entries()) {
      try {
        const before = await x.stateDict();
        done.push([x, before]);
        await x.loadStateDict(states[i] as never);
      } catch (error) {
        // The error that is told is the first one.
        for (const [object, state] of done.reverse()) await (async () => object.loadStateDict(state as never))().catch(() => {});
        throw problem(`loadStateDict of registered object ${i} (${x.constructor?.name ?? "object"})`, error);
      }
    }
  }
}
