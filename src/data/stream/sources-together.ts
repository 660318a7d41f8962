// Nodes over several streams: one after the other, or in turn.
import { Pcg64 } from "../pcg64.js";
import { type Cursor, type CursorState, type Part, type Seed, type StreamNode, type StreamRow, shardsOfPart, shiftedSeed, stateFor } from "./cursor.js";

interface ChainState extends CursorState {
  readonly type: "chain";
  readonly at: number;
  readonly source: CursorState | undefined;
}

/** One after the other. */
export class Chain implements StreamNode {
  readonly #nodes: readonly StreamNode[];
  constructor(nodes: readonly StreamNode[]) {
    this.#nodes = nodes;
  }
  get shards(): number {
    return this.#nodes.reduce((sum, { shards }) => sum + shards, 0);
  }
  get tabular(): boolean {
    return this.#nodes.every(({ tabular }) => tabular);
  }
  open(state?: CursorState): Cursor {
    return new ChainCursor(this.#nodes, stateFor<ChainState>("chain", state));
  }
  get #pieces(): readonly StreamNode[] {
    return this.#nodes.flatMap((node) => Array.from({ length: node.shards }, (_, index) => node.part({ count: node.shards, index, contiguous: true })));
  }
  shuffled(seed: Seed): StreamNode {
    const pieces = this.#pieces;
    return new Chain(Array.from(new Pcg64(seed).permutation(pieces.length), (i) => pieces[i]!));
  }
  part(part: Part): StreamNode {
    const pieces = this.#pieces;
    return new Chain(shardsOfPart(pieces.length, part).map((i) => pieces[i]!));
  }
  shifted(by: number): StreamNode {
    return new Chain(this.#nodes.map((node) => node.shifted(by)));
  }
}

class ChainCursor implements Cursor {
  readonly #nodes: readonly StreamNode[];
  #at: number;
  #cursor: Cursor | undefined;
  constructor(nodes: readonly StreamNode[], state: ChainState | undefined) {
    this.#nodes = nodes;
    this.#at = state?.at ?? 0;
    this.#cursor = nodes[this.#at]?.open(state?.source);
  }
  async next(): Promise<StreamRow | undefined> {
    while (this.#cursor) {
      const row = await this.#cursor.next();
      if (row) return row;
      await this.#cursor.close();
      this.#cursor = this.#nodes[++this.#at]?.open();
    }
    return undefined;
  }
  state(): ChainState {
    return { type: "chain", at: this.#at, source: this.#cursor?.state() };
  }
  async close(): Promise<void> {
    const cursor = this.#cursor;
    this.#cursor = undefined;
    this.#at = this.#nodes.length;
    await cursor?.close();
  }
}

export interface TurnSettings {
  /** Sources are drawn with these; undefined: one after the other. */
  readonly draws: { readonly probabilities: readonly number[]; readonly seed: Seed } | undefined;
  readonly strategy: "first_exhausted" | "all_exhausted" | "all_exhausted_without_replacement";
}
interface TurnState extends CursorState {
  readonly type: "turns";
  readonly turn: number;
  readonly ended: readonly boolean[];
  readonly sources: readonly CursorState[];
}

/** A row of each in turn, or of those that are drawn. */
export class Turns implements StreamNode {
  readonly #nodes: readonly StreamNode[];
  readonly #settings: TurnSettings;
  constructor(nodes: readonly StreamNode[], settings: TurnSettings) {
    this.#nodes = nodes;
    this.#settings = settings;
  }
  get shards(): number {
    return Math.min(...this.#nodes.map(({ shards }) => shards));
  }
  get tabular(): boolean {
    return this.#nodes.every(({ tabular }) => tabular);
  }
  open(state?: CursorState): Cursor {
    return new TurnsCursor(this.#nodes, this.#settings, stateFor<TurnState>("turns", state));
  }
  #seeded(nodes: readonly StreamNode[], seedOf: (seed: Seed) => Seed): Turns {
    const { draws, strategy } = this.#settings;
    return new Turns(nodes, { draws: draws && { ...draws, seed: seedOf(draws.seed) }, strategy });
  }
  shuffled(seed: Seed): StreamNode {
    return this.#seeded(
      this.#nodes.map((node) => node.shuffled(seed) ?? node),
      () => seed,
    );
  }
  part(part: Part): StreamNode {
    const count = Math.min(part.count, this.shards);
    if (part.index >= count) return new Chain([]);
    return new Turns(
      this.#nodes.map((node) => node.part({ ...part, count })),
      this.#settings,
    );
  }
  shifted(by: number): StreamNode {
    return this.#seeded(
      this.#nodes.map((node) => node.shifted(by)),
      (seed) => shiftedSeed(seed, by),
    );
  }
}

/** Draws are made in blocks, as Python's datasets makes them. */
const BLOCK = 1000;

/** A source with one row read ahead: that it has no more is known with its last row. */
class Ahead {
  readonly #node: StreamNode;
  #cursor: Cursor;
  #next: { readonly row: StreamRow | undefined } | undefined;
  /** Where it stood before the row ahead. */
  #before: CursorState | undefined;
  constructor(node: StreamNode, state: CursorState | undefined) {
    this.#node = node;
    this.#cursor = node.open(state);
  }
  async #read(): Promise<StreamRow | undefined> {
    this.#before = this.#cursor.state();
    this.#next = { row: await this.#cursor.next() };
    return this.#next.row;
  }
  async take(): Promise<{ readonly row: StreamRow | undefined; readonly ended: boolean }> {
    const row = this.#next ? this.#next.row : await this.#read();
    return { row, ended: row === undefined || (await this.#read()) === undefined };
  }
  async again(): Promise<void> {
    await this.#cursor.close();
    this.#cursor = this.#node.open();
    this.#next = undefined;
  }
  state(): CursorState {
    return this.#next ? this.#before! : this.#cursor.state();
  }
  close(): Promise<void> {
    return this.#cursor.close();
  }
}

class TurnsCursor implements Cursor {
  readonly #sources: readonly Ahead[];
  readonly #settings: TurnSettings;
  readonly #ended: boolean[];
  readonly #random: Pcg64 | undefined;
  #drawn: readonly number[] = [];
  #blocks = 0;
  #turn: number;
  #closed = false;

  constructor(nodes: readonly StreamNode[], settings: TurnSettings, state: TurnState | undefined) {
    this.#sources = nodes.map((node, i) => new Ahead(node, state?.sources[i]));
    this.#settings = settings;
    this.#ended = nodes.map((_, i) => state?.ended[i] ?? false);
    this.#random = settings.draws && new Pcg64(settings.draws.seed);
    this.#turn = state?.turn ?? 0;
  }
  async next(): Promise<StreamRow | undefined> {
    const { strategy } = this.#settings;
    const once = strategy === "all_exhausted_without_replacement";
    while (!this.#closed && !(strategy === "first_exhausted" ? this.#ended.includes(true) : !this.#ended.includes(false))) {
      const i = this.#source(this.#turn++);
      if (once && this.#ended[i]) continue;
      const source = this.#sources[i]!;
      const { row, ended } = await source.take();
      if (ended) {
        this.#ended[i] = true;
        if (!once) await source.again();
      }
      if (row) return row;
    }
    return undefined;
  }
  #source(turn: number): number {
    const { draws } = this.#settings;
    if (!draws) return turn % this.#sources.length;
    for (; this.#blocks <= Math.floor(turn / BLOCK); this.#blocks++) this.#drawn = this.#random!.choice(BLOCK, draws.probabilities);
    return this.#drawn[turn % BLOCK]!;
  }
  state(): TurnState {
    return { type: "turns", turn: this.#turn, ended: [...this.#ended], sources: this.#sources.map((source) => source.state()) };
  }
  async close(): Promise<void> {
    this.#closed = true;
    for (const source of this.#sources) await source.close();
  }
}
