// How a function of the user's is called: its arguments, many promises at once, and the row in what it throws.
import { AccelerateError } from "../../errors.js";
import type { TableData } from "../columns/column-data.js";
import { tableOf } from "../columns/table.js";

export type AnyRow = Record<string, unknown>;
export type AnyFunction = (...args: never[]) => unknown;

/** Survives structured clone. */
export interface CallOptions {
  readonly verb: "map" | "filter";
  readonly batched: boolean;
  readonly withIndices: boolean;
  readonly withRank: boolean;
  readonly inputColumns?: readonly string[];
  readonly fnKwargs?: Readonly<Record<string, unknown>>;
}

/** What functions are given: plain values of a table, or what a format shows of it. */
export interface Inputs {
  row(i: number): AnyRow;
  columns(from: number, to: number): AnyRow;
}

function plainInputs(data: TableData): Inputs {
  const table = tableOf(data);
  const readers = [...table.columns.keys()].map((name) => [name, table.reader(name)] as const);
  return {
    row(i) {
      const row: AnyRow = {};
      for (const [name, read] of readers) row[name] = read(i);
      return row;
    },
    columns(from, to) {
      const columns: AnyRow = {};
      for (const [name, read] of readers) columns[name] = Array.from({ length: to - from }, (_, k) => read(from + k));
      return columns;
    },
  };
}
/** Opens a table once, however many ranges of it are read. */
export function plainInputsOf(): (data: TableData) => Inputs {
  const opened = new WeakMap<TableData, Inputs>();
  return (data) => {
    let inputs = opened.get(data);
    if (!inputs) {
      inputs = plainInputs(data);
      opened.set(data, inputs);
    }
    return inputs;
  };
}

/** The arguments after the inputs: (index, rank) unless one was asked for alone, and fnKwargs at the end. */
export function argumentsFor({ withIndices, withRank, inputColumns, fnKwargs }: CallOptions, rank: number): (inputs: AnyRow, index: unknown) => unknown[] {
  const last = fnKwargs ? [fnKwargs] : [];
  const more: (index: unknown) => unknown[] =
    withIndices === withRank ? (index) => [index, rank, ...last] : withIndices ? (index) => [index, ...last] : () => [rank, ...last];
  return inputColumns ? (inputs, index) => [...inputColumns.map((name) => inputs[name]), ...more(index)] : (inputs, index) => [inputs, ...more(index)];
}

export const isThenable = (value: unknown): value is PromiseLike<unknown> =>
  typeof value === "object" && value !== null && "then" in value && typeof value.then === "function";

/** What the function threw, with the row it was called for; an error of this library keeps its code. */
function failure(error: unknown, where: string): AccelerateError {
  const { name, message } = error instanceof Error ? error : new Error(String(error));
  const known = error instanceof AccelerateError;
  return new AccelerateError(known ? error.code : "ERR_MAP_FAILED", `${where}: ${known ? message : `${name}: ${message}`}`, { cause: error });
}

export const runningAtOnce = 1000;

/** Calls a function; of the promises that it returns, only so many run at once. */
export class Caller {
  #running = 0;
  #failure: AccelerateError | undefined;
  readonly #waiting: (() => void)[] = [];

  /** What the first call that failed threw: there is no use in more. */
  get failure(): AccelerateError | undefined {
    return this.#failure;
  }
  #failed(error: unknown, where: string): AccelerateError {
    const told = failure(error, where);
    this.#failure ??= told;
    return told;
  }
  /** undefined when a call can start at once. */
  room(): Promise<void> | undefined {
    return this.#running < runningAtOnce ? undefined : new Promise((resolve) => this.#waiting.push(resolve));
  }
  call(fn: AnyFunction, args: unknown[], where: () => string): unknown {
    let value: unknown;
    try {
      value = fn(...(args as never[]));
    } catch (error) {
      throw this.#failed(error, where());
    }
    return isThenable(value) ? this.#track(value, where) : value;
  }
  #track(value: PromiseLike<unknown>, where: () => string): Promise<unknown> {
    this.#running++;
    const done = () => {
      this.#running--;
      this.#waiting.shift()?.();
    };
    const tracked = Promise.resolve(value).then(
      (result) => {
        done();
        return result;
      },
      (error: unknown) => {
        const told = this.#failed(error, where());
        done();
        throw told;
      },
    );
    // It is awaited with the others of its batch; until then nobody looks.
    tracked.catch(() => {});
    return tracked;
  }
}
