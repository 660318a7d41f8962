// Which tokens a model has to guess: draws that depend on a seed, the epoch, the row and the place, and on nothing else.
import { philox4x32 } from "../../runtime/philox.js";

export interface MaskRules {
  /** The part of the tokens to be guessed. */
  readonly probability: number;
  /** Of those: become the mask, become any token; the others stay what they are. */
  readonly maskReplaceProb: number;
  readonly randomReplaceProb: number;
  readonly maskTokenId: number;
  /** Tokens there are. */
  readonly vocabSize: number;
}
/** What draws of a row depend on: `stream` tells rows of a loader from those of other calls. */
export interface RowKey {
  readonly seed: number;
  readonly stream: number;
  readonly epoch: number;
  readonly row: number;
}

const WORD = 2 ** 32;
/** Left out of losses. */
export const IGNORED = -100n;

/** Masks `ids`, and returns the labels: what was there, where it has to be guessed. Places where `special` is not 0 stay. */
export function maskRow(
  ids: BigInt64Array,
  special: (place: number) => boolean,
  rules: MaskRules,
  { seed, stream, epoch, row }: RowKey,
): BigInt64Array<ArrayBuffer> {
  const { probability, maskReplaceProb, randomReplaceProb, maskTokenId, vocabSize } = rules;
  const labels = new BigInt64Array(ids.length).fill(IGNORED);
  const [mask, below] = [BigInt(maskTokenId), maskReplaceProb + randomReplaceProb];
  const [k0, k1] = [seed >>> 0, Math.floor(seed / WORD)];
  // A counter for each place: 16 bits of the epoch are beside the stream's, what is left of it in the key.
  const c3 = ((stream << 16) | (epoch & 0xffff)) >>> 0;
  const key = (k1 ^ Math.floor(epoch / 0x10000)) >>> 0;
  for (let place = 0; place < ids.length; place++) {
    if (special(place)) continue;
    const [chosen, kind, token] = philox4x32(place, row >>> 0, Math.floor(row / WORD), c3, k0, key);
    if (chosen / WORD >= probability) continue;
    labels[place] = ids[place]!;
    const share = kind / WORD;
    if (share < maskReplaceProb) ids[place] = mask;
    else if (share < below) ids[place] = BigInt(Math.floor((token / WORD) * vocabSize));
  }
  return labels;
}
