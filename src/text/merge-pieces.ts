// Byte pair encoding over word counts: the most frequent pair of neighbouring pieces becomes a piece, until the vocabulary is full.
import { setImmediate as turn } from "node:timers/promises";

interface Pair {
  readonly a: number;
  readonly b: number;
  count: number;
  /** Words that hold (or held) the pair. */
  readonly words: Set<number>;
}
interface Entry {
  readonly pair: Pair;
  /** The count when it was queued; a stale entry is queued again with the true one. */
  readonly count: number;
}

/** More frequent first; of equal counts the pair of older pieces, so that nothing depends on the order of the words. */
const before = (x: Entry, y: Entry): boolean =>
  x.count > y.count || (x.count === y.count && (x.pair.a < y.pair.a || (x.pair.a === y.pair.a && x.pair.b < y.pair.b)));

class Queue {
  readonly #heap: Entry[] = [];
  push(entry: Entry): void {
    const heap = this.#heap;
    let i = heap.push(entry) - 1;
    for (let up = (i - 1) >> 1; i > 0 && before(entry, heap[up]!); up = (i - 1) >> 1) {
      heap[i] = heap[up]!;
      i = up;
    }
    heap[i] = entry;
  }
  pop(): Entry | undefined {
    const heap = this.#heap;
    const top = heap[0];
    const last = heap.pop();
    if (!last || heap.length === 0) return top;
    let i = 0;
    for (;;) {
      let down = 2 * i + 1;
      if (down >= heap.length) break;
      if (down + 1 < heap.length && before(heap[down + 1]!, heap[down]!)) down++;
      if (!before(heap[down]!, last)) break;
      heap[i] = heap[down]!;
      i = down;
    }
    heap[i] = last;
    return top;
  }
}

export interface MergeOptions {
  /** Most pieces; the characters are all kept even when there are more. */
  readonly size: number;
  readonly minFrequency: number;
}

/** The pieces in the order in which they came: characters at the start of words, inside words ("##x"), then merges. */
export async function mergePieces(words: ReadonlyMap<string, number>, alphabet: ReadonlySet<string>, options: MergeOptions): Promise<string[]> {
  const pieces: string[] = [];
  const ids = new Map<string, number>();
  const add = (piece: string): number => {
    let id = ids.get(piece);
    if (id === undefined) {
      id = pieces.push(piece) - 1;
      ids.set(piece, id);
    }
    return id;
  };
  for (const c of [...alphabet].sort()) add(c);
  const inner = new Set<string>();
  for (const word of words.keys()) for (const c of [...word].slice(1)) if (alphabet.has(c)) inner.add(c);
  for (const c of [...inner].sort()) add(`##${c}`);

  const symbols: number[][] = [];
  const counts: number[] = [];
  for (const [word, count] of words) {
    symbols.push([...word].flatMap((c, i) => (alphabet.has(c) ? [ids.get(i === 0 ? c : `##${c}`)!] : [])));
    counts.push(count);
  }

  const pairs = new Map<number, Pair>();
  const bump = (a: number, b: number, word: number, by: number): Pair => {
    // Ids stay below 2^26, so the key is exact.
    const key = a * 2 ** 26 + b;
    let pair = pairs.get(key);
    if (!pair) {
      pair = { a, b, count: 0, words: new Set() };
      pairs.set(key, pair);
    }
    pair.count += by;
    if (by > 0) pair.words.add(word);
    return pair;
  };
  symbols.forEach((word, w) => {
    for (let i = 1; i < word.length; i++) bump(word[i - 1]!, word[i]!, w, counts[w]!);
  });
  const queue = new Queue();
  for (const pair of pairs.values()) queue.push({ pair, count: pair.count });

  for (let merges = 0; pieces.length < options.size; ) {
    const top = queue.pop();
    if (!top) break;
    const { pair } = top;
    if (top.count !== pair.count) {
      if (pair.count > 0) queue.push({ pair, count: pair.count });
      continue;
    }
    if (pair.count < Math.max(1, options.minFrequency)) break;
    const merged = add(pieces[pair.a]! + pieces[pair.b]!.slice(2));
    const changed = new Set<Pair>();
    for (const w of pair.words) symbols[w] = mergeWord(symbols[w]!, pair, merged, (a, b, by) => changed.add(bump(a, b, w, by * counts[w]!)));
    pair.count = 0;
    pair.words.clear();
    for (const other of changed) if (other.count > 0 && other !== pair) queue.push({ pair: other, count: other.count });
    if (++merges % 200 === 0) await turn();
  }
  return pieces;
}

/** The word with the pair joined everywhere; reports neighbours that vanish (-1) and appear (+1). */
function mergeWord(word: readonly number[], { a, b }: Pair, merged: number, change: (a: number, b: number, by: 1 | -1) => void): number[] {
  const out: number[] = [];
  for (let i = 0; i < word.length; i++) {
    if (word[i] === a && word[i + 1] === b) {
      out.push(merged);
      i++;
    } else out.push(word[i]!);
  }
  if (out.length === word.length) return out;
  for (let i = 1; i < word.length; i++) change(word[i - 1]!, word[i]!, -1);
  for (let i = 1; i < out.length; i++) change(out[i - 1]!, out[i]!, 1);
  return out;
}
