// What tests of loaders send to threads by name.
import { threadId } from "node:worker_threads";
import { fromData, tensor } from "../../../src/tensor/index.js";

/** Tells the thread, too. */
export const numbered = (rows: number[]) => ({ rows, thread: threadId });
export const asTheyAre = (rows: unknown[]) => rows;

/** A dataset that threads make themselves: row i is [[i, 2 i], i], or what `odd` says of one. */
export function squares({ length, odd }: { length: number; odd?: { readonly row: number; readonly what: "throw" | "exit" | "hang" | "wait" } }) {
  return {
    length,
    at(i: number): [number[], number] {
      if (i === odd?.row) {
        if (odd.what === "throw") throw Object.assign(new RangeError(`row ${i} is odd`), { code: "E_ODD" });
        if (odd.what === "exit") process.exit(7);
        if (odd.what === "hang") for (;;);
      }
      return [[i, 2 * i], i];
    },
  };
}
export class Squares {
  readonly length: number;
  readonly descriptor: { readonly module: string; readonly name: string; readonly options: unknown };
  readonly #odd: Parameters<typeof squares>[0]["odd"];
  constructor(length: number, odd?: Parameters<typeof squares>[0]["odd"]) {
    this.length = length;
    this.#odd = odd;
    this.descriptor = { module: import.meta.url, name: "squares", options: { length, odd } };
  }
  at(i: number): [number[], number] {
    return squares({ length: this.length, ...(this.#odd ? { odd: this.#odd } : {}) }).at(i);
  }
}

/** Never resolves for a batch with row 3. */
export const waiting = (rows: [number[], number][]) => (rows.some(([, i]) => i === 3) ? new Promise(() => {}) : rows);

const shared = tensor([1, 2, 3]);
export const constant = () => ({ shared });
/** Tensors over a part of a larger memory, lazy ones, texts, nested things. */
export function mixed(rows: number[]) {
  const memory = Float32Array.from({ length: 10 }, (_, i) => i);
  return { part: fromData(memory.subarray(2, 4), [2]), lazy: tensor(rows).add(1), name: rows.map(String), deep: [{ x: tensor(rows[0]!) }], when: new Date(5) };
}
export const mapped = () => new Map([["x", tensor([1])]]);
export class Own {}
export const own = () => ({ list: [new Own()] });

let initialized: number | undefined;
export function init(number: number): void {
  initialized = number;
}
export const initials = (rows: number[]) => ({ rows, initialized });
