// Truncation of one or two sequences of tokens: which parts of each remain, and which overflow, as in Hugging Face tokenizers.
import { TokenizeError } from "./tokenize-error.js";

export type Strategy = "longest_first" | "only_first" | "only_second";
export type Side = "right" | "left";
export interface Truncation {
  /** In tokens, special ones among them. */
  readonly maxLength: number;
  readonly strategy: Strategy;
  /** Where tokens are cut off; default right. */
  readonly side?: Side;
  /** Tokens that the next part repeats; default 0. */
  readonly stride?: number;
}
/** Tokens start..end of a sequence. */
export type Part = readonly [start: number, end: number];

/** Parts of at most `most` tokens, the one that is kept first. */
export function partsOf(length: number, most: number, side: Side, stride: number): Part[] {
  if (most >= length) return [[0, length]];
  if (most <= 0)
    return [
      [0, 0],
      [0, length],
    ];
  const step = most - stride;
  if (step <= 0)
    throw new TokenizeError(`tokenizer: a stride of ${stride} leaves nothing of parts of ${most} tokens`, { hint: "lower stride, or raise maxLength" });
  const parts: Part[] = [];
  if (side === "right") {
    for (let start = 0; ; start += step) {
      parts.push([start, Math.min(start + most, length)]);
      if (start + most >= length) return parts;
    }
  }
  for (let end = length; ; end -= step) {
    parts.push([Math.max(0, end - most), end]);
    if (end - most <= 0) return parts;
  }
}

/**
 * How many tokens of each sequence remain when together there may be `room`.
 * @throws TokenizeError ERR_TOKENIZE when the sequence that is to be cut is too short for that.
 */
export function lengthsAfter(first: number, second: number | undefined, room: number, strategy: Strategy): readonly [number, number] {
  const other = second ?? 0;
  const excess = first + other - room;
  if (excess <= 0) return [first, other];
  if (room <= 0) return [0, 0];
  if (strategy === "longest_first") return second === undefined ? [room, 0] : shared(first, second, room);
  const target = strategy === "only_first" ? first : other;
  if (target <= excess) {
    throw new TokenizeError(`tokenizer: ${strategy} cannot cut ${excess} tokens of ${target}: the sequence to truncate is too short for maxLength`, {
      hint: 'use truncation: true ("longest_first"), or raise maxLength',
    });
  }
  return strategy === "only_first" ? [first - excess, other] : [first, other - excess];
}

/** The longer sequence is cut until both are equally long, then both; of an odd number the longer one keeps one more. */
function shared(first: number, second: number, room: number): readonly [number, number] {
  const swapped = first > second;
  let short = swapped ? second : first;
  let long = short > room ? short : Math.max(short, room - short);
  if (short + long > room) {
    short = Math.floor(room / 2);
    long = short + (room % 2);
  }
  return swapped ? [long, short] : [short, long];
}

/** Combinations of parts of two sequences, in the order of Hugging Face tokenizers: what is kept first. */
export function combined(first: readonly Part[], second: readonly Part[]): (readonly [Part, Part])[] {
  const [a0, ...as] = first as [Part, ...Part[]];
  const [b0, ...bs] = second as [Part, ...Part[]];
  return [[a0, b0], ...as.flatMap((a) => second.map((b) => [a, b] as const)), ...bs.map((b) => [a0, b] as const)];
}
