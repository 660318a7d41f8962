// Where rows come from: shards, one after the other.
import { Pcg64 } from "../pcg64.js";
import { type Cursor, type CursorState, type Part, type Seed, type StreamNode, type StreamRow, shardsOfPart, stateFor } from "./cursor.js";

export interface ShardSource {
  /** The rows from the `skip`-th on. */
  rows(skip: number): AsyncIterable<StreamRow> | Iterable<StreamRow>;
}
interface SourceState extends CursorState {
  readonly type: "source";
  readonly shard: number;
  /** Rows given of it. */
  readonly row: number;
}

export class Source implements StreamNode {
  readonly #list: readonly ShardSource[];
  readonly tabular: boolean;
  constructor(shards: readonly ShardSource[], tabular: boolean) {
    this.#list = shards;
    this.tabular = tabular;
  }
  get shards(): number {
    return this.#list.length;
  }
  open(state?: CursorState): Cursor {
    return new SourceCursor(this.#list, stateFor<SourceState>("source", state));
  }
  shuffled(seed: Seed): StreamNode {
    return new Source(
      Array.from(new Pcg64(seed).permutation(this.shards), (i) => this.#list[i]!),
      this.tabular,
    );
  }
  part(part: Part): StreamNode {
    return new Source(
      shardsOfPart(this.shards, part).map((i) => this.#list[i]!),
      this.tabular,
    );
  }
  shifted(): StreamNode {
    return this;
  }
}

class SourceCursor implements Cursor {
  readonly #list: readonly ShardSource[];
  #shard: number;
  #row: number;
  #rows: AsyncIterator<StreamRow> | Iterator<StreamRow> | undefined;
  constructor(list: readonly ShardSource[], state: SourceState | undefined) {
    this.#list = list;
    this.#shard = state?.shard ?? 0;
    this.#row = state?.row ?? 0;
  }
  async next(): Promise<StreamRow | undefined> {
    while (this.#shard < this.#list.length) {
      this.#rows ??= iteratorOf(this.#list[this.#shard]!.rows(this.#row));
      const { done, value } = await this.#rows.next();
      if (!done) {
        this.#row++;
        return value;
      }
      this.#rows = undefined;
      this.#shard++;
      this.#row = 0;
    }
    return undefined;
  }
  state(): SourceState {
    return { type: "source", shard: this.#shard, row: this.#row };
  }
  async close(): Promise<void> {
    const rows = this.#rows;
    this.#rows = undefined;
    this.#shard = this.#list.length;
    await rows?.return?.();
  }
}

const iteratorOf = <T>(rows: AsyncIterable<T> | Iterable<T>): AsyncIterator<T> | Iterator<T> =>
  Symbol.asyncIterator in rows ? rows[Symbol.asyncIterator]() : rows[Symbol.iterator]();
