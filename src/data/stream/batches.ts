// Nodes that change many rows at a time: batched map and filter, batch.
import { ArgumentError } from "../../errors.js";
import { type Cursor, type CursorState, type StreamNode, type StreamRow, stateFor } from "./cursor.js";
import { InnerNode } from "./inner.js";

export type StreamColumns = Record<string, unknown[]>;
/** Columns in, columns out: those of the result, all of one length. */
export type BatchChange = (columns: StreamColumns, indices: readonly number[]) => StreamColumns | Promise<StreamColumns>;
export interface BatchSettings {
  readonly batchSize: number;
  readonly dropLastBatch: boolean;
}
interface BatchState extends CursorState {
  readonly type: "batches";
  /** Where the rows stood before the batch whose results are being given out. */
  readonly source: CursorState;
  readonly index: number;
  /** Results of that batch that were given. */
  readonly given: number;
}

export class BatchNode extends InnerNode {
  readonly #change: BatchChange;
  readonly #settings: BatchSettings;
  constructor(inner: StreamNode, change: BatchChange, settings: BatchSettings) {
    super(inner);
    this.#change = change;
    this.#settings = settings;
  }
  override get tabular(): boolean {
    return false;
  }
  protected over(inner: StreamNode): StreamNode {
    return new BatchNode(inner, this.#change, this.#settings);
  }
  open(state?: CursorState): Cursor {
    return new BatchCursor(this.inner, this.#change, this.#settings, stateFor<BatchState>("batches", state));
  }
}

/** Columns in the order in which they appear; null where a row lacks one. */
export function columnsOf(rows: readonly StreamRow[]): StreamColumns {
  const names = new Set(rows.flatMap((row) => Object.keys(row)));
  return Object.fromEntries([...names].map((name) => [name, rows.map((row) => row[name] ?? null)]));
}

/** @throws ArgumentError ERR_MAP_RESULT when the columns have different lengths. */
export function rowsOf(columns: StreamColumns, where: string): StreamRow[] {
  const entries = Object.entries(columns);
  const [first] = entries;
  if (!first) return [];
  const odd = entries.find(([, values]) => values.length !== first[1].length);
  if (odd) {
    throw new ArgumentError(`map: column ${odd[0]} of ${where} has ${odd[1].length} rows, ${first[0]} ${first[1].length}`, {
      code: "ERR_MAP_RESULT",
      hint: "return lists of one length; with another number of rows replace every column or name the others in removeColumns",
    });
  }
  return first[1].map((_, i) => Object.fromEntries(entries.map(([name, values]) => [name, values[i]])));
}

class BatchCursor implements Cursor {
  readonly #inner: Cursor;
  readonly #change: BatchChange;
  readonly #settings: BatchSettings;
  #before: CursorState;
  #index: number;
  #nextIndex: number;
  #results: readonly StreamRow[] = [];
  #given = 0;
  #skip: number;
  #ended = false;

  constructor(node: StreamNode, change: BatchChange, settings: BatchSettings, state: BatchState | undefined) {
    this.#inner = node.open(state?.source);
    this.#change = change;
    this.#settings = settings;
    this.#before = this.#inner.state();
    this.#index = state?.index ?? 0;
    this.#nextIndex = this.#index;
    this.#skip = state?.given ?? 0;
  }
  async next(): Promise<StreamRow | undefined> {
    while (this.#given >= this.#results.length) {
      if (this.#ended) return undefined;
      await this.#batch();
      this.#given = Math.min(this.#skip, this.#results.length);
      this.#skip -= this.#given;
    }
    return this.#results[this.#given++];
  }
  async #batch(): Promise<void> {
    this.#before = this.#inner.state();
    this.#index = this.#nextIndex;
    this.#results = [];
    this.#given = 0;
    const { batchSize, dropLastBatch } = this.#settings;
    const rows: StreamRow[] = [];
    while (rows.length < batchSize) {
      const row = await this.#inner.next();
      if (!row) {
        this.#ended = true;
        break;
      }
      rows.push(row);
    }
    if (rows.length === 0 || (dropLastBatch && rows.length < batchSize)) return;
    const indices = rows.map((_, i) => this.#index + i);
    this.#nextIndex = this.#index + rows.length;
    this.#results = rowsOf(await this.#change(columnsOf(rows), indices), `rows ${this.#index} to ${this.#nextIndex - 1}`);
  }
  state(): BatchState {
    return { type: "batches", source: this.#before, index: this.#index, given: this.#given + this.#skip };
  }
  close(): Promise<void> {
    this.#results = [];
    this.#ended = true;
    return this.#inner.close();
  }
}
