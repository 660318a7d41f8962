// Nodes that count rows: take, skip, repeat, every n-th.
import { type Cursor, type CursorState, type Part, type StreamNode, type StreamRow, stateFor } from "./cursor.js";
import { InnerNode } from "./inner.js";

interface CountState extends CursorState {
  readonly source: CursorState;
  readonly count: number;
}

/** Counts on its way to rows. */
abstract class CountingCursor implements Cursor {
  protected readonly type: string;
  protected inner: Cursor;
  protected count: number;
  constructor(type: string, node: StreamNode, given: CursorState | undefined) {
    const state = stateFor<CountState>(type, given);
    this.type = type;
    this.inner = node.open(state?.source);
    this.count = state?.count ?? 0;
  }
  abstract next(): Promise<StreamRow | undefined>;
  state(): CountState {
    return { type: this.type, source: this.inner.state(), count: this.count };
  }
  close(): Promise<void> {
    return this.inner.close();
  }
}

/** `n` rows in all parts together, as even as can be: the first ones get the rest. */
const shareOf = (n: number, { count, index }: Part, shards: number): number => {
  const readers = Math.min(count, shards);
  return index < readers ? Math.floor(n / readers) + (index < n % readers ? 1 : 0) : 0;
};

/** Take and skip fix the order of the shards: other rows would be taken. */
abstract class Window extends InnerNode {
  readonly n: number;
  constructor(inner: StreamNode, n: number) {
    super(inner);
    this.n = n;
  }
  protected abstract of(inner: StreamNode, n: number): StreamNode;
  protected over(inner: StreamNode): StreamNode {
    return this.of(inner, this.n);
  }
  override shuffled(): undefined {
    return undefined;
  }
  override part(part: Part): StreamNode {
    return this.of(this.inner.part(part), shareOf(this.n, part, this.shards));
  }
}

export class Take extends Window {
  protected of(inner: StreamNode, n: number): StreamNode {
    return new Take(inner, n);
  }
  open(state?: CursorState): Cursor {
    return new TakeCursor(this.inner, this.n, state);
  }
}
class TakeCursor extends CountingCursor {
  readonly #n: number;
  constructor(inner: StreamNode, n: number, state: CursorState | undefined) {
    super("take", inner, state);
    this.#n = n;
  }
  async next(): Promise<StreamRow | undefined> {
    if (this.count >= this.#n) return undefined;
    const row = await this.inner.next();
    if (row) this.count++;
    return row;
  }
}

export class Skip extends Window {
  protected of(inner: StreamNode, n: number): StreamNode {
    return new Skip(inner, n);
  }
  open(state?: CursorState): Cursor {
    return new SkipCursor(this.inner, this.n, state);
  }
}
class SkipCursor extends CountingCursor {
  readonly #n: number;
  constructor(inner: StreamNode, n: number, state: CursorState | undefined) {
    super("skip", inner, state);
    this.#n = n;
  }
  async next(): Promise<StreamRow | undefined> {
    for (; this.count < this.#n; this.count++) if (!(await this.inner.next())) return undefined;
    return this.inner.next();
  }
}

/** The rows again, `times` times in all. */
export class Repeat extends InnerNode {
  readonly #times: number;
  constructor(inner: StreamNode, times: number) {
    super(inner);
    this.#times = times;
  }
  protected over(inner: StreamNode): StreamNode {
    return new Repeat(inner, this.#times);
  }
  open(state?: CursorState): Cursor {
    return new RepeatCursor(this.inner, this.#times, state);
  }
}
class RepeatCursor extends CountingCursor {
  readonly #node: StreamNode;
  readonly #times: number;
  constructor(node: StreamNode, times: number, state: CursorState | undefined) {
    super("repeat", node, state);
    this.#node = node;
    this.#times = times;
  }
  async next(): Promise<StreamRow | undefined> {
    // A whole pass without a row: there are none, however often it is tried.
    for (let empty = 0; this.count < this.#times && empty < 2; empty++) {
      const row = await this.inner.next();
      if (row) return row;
      await this.inner.close();
      this.count++;
      this.inner = this.#node.open();
    }
    return undefined;
  }
}

/** Rows offset, offset + step, ...: what one of several readers keeps where the shards cannot be shared out. */
export class Step extends InnerNode {
  readonly #step: number;
  readonly #offset: number;
  constructor(inner: StreamNode, step: number, offset: number) {
    super(inner);
    this.#step = step;
    this.#offset = offset;
  }
  protected over(inner: StreamNode): StreamNode {
    return new Step(inner, this.#step, this.#offset);
  }
  open(state?: CursorState): Cursor {
    return new StepCursor(this.inner, this.#step, this.#offset, state);
  }
}
class StepCursor extends CountingCursor {
  readonly #step: number;
  readonly #offset: number;
  constructor(inner: StreamNode, step: number, offset: number, state: CursorState | undefined) {
    super("step", inner, state);
    this.#step = step;
    this.#offset = offset;
  }
  async next(): Promise<StreamRow | undefined> {
    for (;;) {
      const row = await this.inner.next();
      if (!row) return undefined;
      if (this.count++ % this.#step === this.#offset) return row;
    }
  }
}
