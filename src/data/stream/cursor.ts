// The parts of a stream: nodes say what is to be done, cursors do it, row by row, and can say where they stand.
import { ArgumentError } from "../../errors.js";
import { Pcg64 } from "../pcg64.js";

export type StreamRow = Record<string, unknown>;
/** Where a cursor stands: JSON, named for the node that it belongs to. */
export interface CursorState {
  readonly type: string;
  readonly [key: string]: unknown;
}

export interface Cursor {
  /** The next row; undefined: there is none. */
  next(): Promise<StreamRow | undefined>;
  /** What `open` needs to go on behind the row given last. */
  state(): CursorState;
  /** Closes files; no `next` after it. */
  close(): Promise<void>;
}

/** A seed of numpy's generator: beyond 2^53 a bigint. */
export type Seed = number | bigint;

export interface StreamNode {
  /** Parts that can be read for themselves: files, or ranges of a table. */
  readonly shards: number;
  /** The rows come in tables: a shuffle then takes many rows of a shard at a time, as Python's does. */
  readonly tabular: boolean;
  open(state?: CursorState): Cursor;
  /** With the shards in another order; undefined: skip or take has fixed it. */
  shuffled(seed: Seed): StreamNode | undefined;
  /** The shards of one of several readers. */
  part(part: Part): StreamNode;
  /** With other random numbers, for an epoch. */
  shifted(by: number): StreamNode;
}
export interface Part {
  readonly count: number;
  readonly index: number;
  /** Neighbouring shards; false: every count-th. */
  readonly contiguous: boolean;
}

/** The numbers of the shards that a part has. */
export function shardsOfPart(shards: number, { count, index, contiguous }: Part): readonly number[] {
  if (!contiguous) return Array.from({ length: Math.max(0, Math.ceil((shards - index) / count)) }, (_, k) => index + k * count);
  const [each, more] = [Math.floor(shards / count), shards % count];
  const start = each * index + Math.min(index, more);
  return Array.from({ length: each + (index < more ? 1 : 0) }, (_, k) => start + k);
}

/** As Python's shift of a generator: a seed drawn from it, less the shift. */
export const shiftedSeed = (seed: Seed, by: number): bigint => (new Pcg64(seed).nextUint64() >> 1n) - BigInt(by);

/** The state, when it is of a node of that type. @throws ArgumentError ERR_STREAM_STATE */
export function stateFor<S extends CursorState>(type: S["type"], state: CursorState | undefined): S | undefined {
  if (state === undefined || state.type === type) return state as S | undefined;
  throw new ArgumentError(`the state is of another stream: it says ${String(state.type)} where this one has ${type}`, {
    code: "ERR_STREAM_STATE",
    hint: "build the stream with the same calls before loadStateDict",
  });
}
