// Shuffling a stream as Python's datasets 5 does: several shards in turn fill a buffer; when it is full it is permuted, and half of it is given out.
import { Pcg64 } from "../pcg64.js";
import { type Cursor, type CursorState, type Seed, type StreamNode, type StreamRow, shiftedSeed, stateFor } from "./cursor.js";
import { InnerNode } from "./inner.js";

export interface ShuffleSettings {
  readonly seed: Seed;
  readonly bufferSize: number;
  /** So many shards are read side by side. */
  readonly inputShards: number;
}
interface ShuffleState extends CursorState {
  readonly type: "shuffle";
  /** Rows given out. */
  readonly given: number;
}

export class Shuffle extends InnerNode {
  readonly #settings: ShuffleSettings;
  constructor(inner: StreamNode, settings: ShuffleSettings) {
    super(inner);
    this.#settings = settings;
  }
  protected over(inner: StreamNode): StreamNode {
    return new Shuffle(inner, this.#settings);
  }
  override shifted(by: number): StreamNode {
    return new Shuffle(this.inner.shifted(by), { ...this.#settings, seed: shiftedSeed(this.#settings.seed, by) });
  }
  open(state?: CursorState): Cursor {
    return new ShuffleCursor(this.inner, this.#settings, stateFor<ShuffleState>("shuffle", state));
  }
}

/** Rows of several cursors in turn, a group of each at a time. */
class Groups {
  readonly cursors: readonly Cursor[];
  readonly #group: number;
  readonly #ended: boolean[];
  #turn = 0;
  constructor(cursors: readonly Cursor[], group: number) {
    this.cursors = cursors;
    this.#group = group;
    this.#ended = cursors.map(() => false);
  }
  async next(): Promise<readonly StreamRow[] | undefined> {
    while (this.#ended.includes(false)) {
      const turn = this.#turn;
      this.#turn = (turn + 1) % this.cursors.length;
      if (this.#ended[turn]) continue;
      const rows: StreamRow[] = [];
      while (rows.length < this.#group) {
        const row = await this.cursors[turn]!.next();
        if (!row) {
          this.#ended[turn] = true;
          break;
        }
        rows.push(row);
      }
      if (rows.length > 0) return rows;
    }
    return undefined;
  }
}

/** Its state names no rows of the buffer: going on reads the rows before once more. */
class ShuffleCursor implements Cursor {
  readonly #groups: Groups;
  readonly #generator: Pcg64;
  readonly #size: number;
  #held: StreamRow[] = [];
  /** Permuted, given out from the end. */
  #ready: StreamRow[] = [];
  #ended = false;
  #given = 0;
  #skip: number;

  constructor(node: StreamNode, { seed, bufferSize, inputShards }: ShuffleSettings, state: ShuffleState | undefined) {
    const streams = Math.min(node.shards, inputShards);
    const nodes = streams > 1 ? Array.from({ length: streams }, (_, index) => node.part({ count: streams, index, contiguous: true })) : [node];
    const group = node.tabular ? Math.max(1, Math.floor(bufferSize / Math.max(1, inputShards))) : 1;
    this.#groups = new Groups(
      nodes.map((one) => one.open()),
      group,
    );
    this.#generator = new Pcg64(seed);
    this.#size = bufferSize;
    this.#skip = state?.given ?? 0;
  }
  async next(): Promise<StreamRow | undefined> {
    for (; this.#skip > 0; this.#skip--) if (!(await this.#row())) return undefined;
    return this.#row();
  }
  async #row(): Promise<StreamRow | undefined> {
    while (this.#ready.length === 0) {
      if (this.#ended) return undefined;
      await this.#fill();
    }
    this.#given++;
    return this.#ready.pop();
  }
  async #fill(): Promise<void> {
    while (this.#held.length < this.#size) {
      const rows = await this.#groups.next();
      if (!rows) {
        this.#ended = true;
        break;
      }
      for (const row of rows) this.#held.push(row);
    }
    const keep = this.#ended ? 0 : Math.floor(this.#size / 2);
    const rows = this.#held;
    if (rows.length === 0) return;
    const permuted = Array.from(this.#generator.permutation(rows.length), (i) => rows[i]!);
    this.#ready = permuted.slice(0, rows.length - keep).reverse();
    this.#held = permuted.slice(rows.length - keep);
  }
  state(): ShuffleState {
    // While rows are skipped, those count, too.
    return { type: "shuffle", given: this.#given + this.#skip };
  }
  async close(): Promise<void> {
    this.#held = [];
    this.#ready = [];
    this.#ended = true;
    for (const cursor of this.#groups.cursors) await cursor.close();
  }
}
