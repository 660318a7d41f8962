// Pairs of sentences to numbers of tokens: what the threads of SNLIBERTDataset do, and where the results lie.
import { cuts, type Truncation } from "./truncate.js";
import { words } from "./tokens.js";
import type { Vocab } from "./vocab.js";

/** Rows in shared memory: numbers of tokens one row after the other, without padding. */
export interface EncodedRows {
  readonly ids: Int32Array;
  /** Where each row ends in `ids`. */
  readonly ends: Int32Array;
  /** Tokens of each row that belong to the first segment. */
  readonly firsts: Int32Array;
}

export interface EncodeOptions {
  readonly maxLen: number;
  readonly truncation: Truncation;
}

/** `<cls>` and two `<sep>`. */
const specials = 3;

const shared = (values: readonly number[]): Int32Array => {
  const out = new Int32Array(new SharedArrayBuffer(values.length * 4));
  out.set(values);
  return out;
};

/** Lower-cases, tokenizes, cuts and numbers pairs of sentences. */
export function encodePairs(premises: readonly string[], hypotheses: readonly string[], vocab: Vocab, { maxLen, truncation }: EncodeOptions): EncodedRows {
  const cut = cuts[truncation];
  const [cls, sep] = [vocab.get("<cls>"), vocab.get("<sep>")];
  const ids: number[] = [];
  const ends: number[] = [];
  const firsts: number[] = [];
  for (const [i, premise] of premises.entries()) {
    const p = words(premise.toLowerCase());
    const h = words(hypotheses[i]!.toLowerCase());
    const [first, second] = cut(p.length, h.length, maxLen - specials);
    ids.push(cls);
    for (let k = 0; k < first; k++) ids.push(vocab.get(p[k]!));
    ids.push(sep);
    for (let k = 0; k < second; k++) ids.push(vocab.get(h[k]!));
    ids.push(sep);
    ends.push(ids.length);
    firsts.push(first + 2);
  }
  return { ids: shared(ids), ends: shared(ends), firsts: shared(firsts) };
}
