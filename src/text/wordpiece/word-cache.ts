// WordCache: from the raw bytes of a word to its ids; a hash table over flat arrays, without a string or an object per word.

/** Slots of an entry: hash, start of its bytes, how many, first id (or where the ids start), number of ids. */
const WIDTH = 5;
/** Longer words are not kept: they are rarely seen again. */
export const MAX_CACHED_WORD = 64;

export class WordCache {
  /** Entries by hash, open addressing; 0 in the fifth slot is a free place. */
  table: Int32Array;
  bytes = new Uint8Array(1 << 16);
  /** Ids of words of several pieces. */
  ids = new Int32Array(1 << 14);
  mask: number;
  #used = 0;
  #bytesUsed = 0;
  #idsUsed = 0;
  readonly #limit: number;

  /** @param limit Words kept; when there are more, the cache starts anew. */
  constructor(limit = 1 << 18) {
    this.#limit = limit;
    this.mask = (1 << 13) - 1;
    this.table = new Int32Array((this.mask + 1) * WIDTH);
  }

  /** The entry of the word at bytes[start..end], or -1. */
  find(source: Uint8Array, start: number, end: number, hash: number): number {
    const { table, bytes, mask } = this;
    const length = end - start;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const entry = slot * WIDTH;
      if (table[entry + 4] === 0) return -1;
      if (table[entry] !== hash || table[entry + 2] !== length) continue;
      const key = table[entry + 1]!;
      let k = 0;
      while (k < length && bytes[key + k] === source[start + k]) k++;
      if (k === length) return entry;
    }
  }
  countAt(entry: number): number {
    return this.table[entry + 4]!;
  }
  /** The one id of an entry, or where its ids start in `ids`. */
  valueAt(entry: number): number {
    return this.table[entry + 3]!;
  }

  /** Keeps a word with ids[from..to] of an array; words without ids (of removed characters) are not kept. */
  add(source: Uint8Array, start: number, end: number, hash: number, ids: Int32Array, from: number, to: number): void {
    const [length, count] = [end - start, to - from];
    if (count === 0) return;
    if (this.#used >= this.#limit) this.#clear();
    if (this.#used * 2 > this.mask) this.#grow();
    while (this.#bytesUsed + length > this.bytes.length) this.bytes = doubled(this.bytes);
    this.bytes.set(source.subarray(start, end), this.#bytesUsed);
    let value = ids[from]!;
    if (count > 1) {
      while (this.#idsUsed + count > this.ids.length) this.ids = doubled(this.ids);
      this.ids.set(ids.subarray(from, to), this.#idsUsed);
      value = this.#idsUsed;
      this.#idsUsed += count;
    }
    this.#place(hash, this.#bytesUsed, length, value, count);
    this.#bytesUsed += length;
    this.#used++;
  }
  #place(hash: number, key: number, length: number, value: number, count: number): void {
    const { table, mask } = this;
    let slot = hash & mask;
    while (table[slot * WIDTH + 4] !== 0) slot = (slot + 1) & mask;
    const entry = slot * WIDTH;
    table[entry] = hash;
    table[entry + 1] = key;
    table[entry + 2] = length;
    table[entry + 3] = value;
    table[entry + 4] = count;
  }
  #grow(): void {
    const old = this.table;
    this.mask = this.mask * 2 + 1;
    this.table = new Int32Array((this.mask + 1) * WIDTH);
    for (let i = 0; i < old.length; i += WIDTH) if (old[i + 4] !== 0) this.#place(old[i]!, old[i + 1]!, old[i + 2]!, old[i + 3]!, old[i + 4]!);
  }
  #clear(): void {
    this.table.fill(0);
    this.#used = 0;
    this.#bytesUsed = 0;
    this.#idsUsed = 0;
  }
}

function doubled<A extends Uint8Array | Int32Array>(array: A): A {
  const out = new (array.constructor as new (length: number) => A)(array.length * 2);
  out.set(array);
  return out;
}
