// Encoding: one row of a tokenizer's result: parts of sequences between special tokens, then padding. Its columns are made when they are asked for.
import type { Layout, PostProcessor } from "./post-processor.js";
import type { Span, TokenSequence } from "./sequence.js";
import type { Part } from "./truncation.js";

/** What fills the places behind (or, side left, before) a text. */
export interface Filling {
  readonly id: number;
  readonly type: number;
  readonly side: "right" | "left";
}
type Block =
  | { readonly kind: "special"; readonly ids: readonly number[]; readonly tokens: readonly string[]; readonly type: number }
  | { readonly kind: "sequence"; readonly index: 0 | 1; readonly type: number; readonly of: TokenSequence; readonly start: number; readonly end: number };

const lengthOf = (block: Block): number => (block.kind === "special" ? block.ids.length : block.end - block.start);

const nowhere: Span = [0, 0];
/** A byte-level token's leading and trailing spaces: Ġ stands for one. */
const leading = /^[Ġ\s]*/u;
const trailing = /[Ġ\s]*$/u;

export class Encoding {
  readonly #blocks: readonly Block[];
  readonly #trim: PostProcessor["trim"];
  /** Tokens without padding. */
  readonly filled: number;
  #before = 0;
  #after = 0;
  #filling: Filling | undefined;
  #padToken = "";

  /** @param parts Of each sequence, what this row holds. */
  constructor(layout: Layout, sequences: readonly TokenSequence[], parts: readonly Part[], trim: PostProcessor["trim"], addSpecialTokens: boolean) {
    const pieces = addSpecialTokens ? layout : layout.filter((piece) => piece.kind === "sequence");
    this.#blocks = pieces.map((piece): Block => {
      if (piece.kind === "special") return piece;
      const [start, end] = parts[piece.index]!;
      return { kind: "sequence", index: piece.index, type: piece.type, of: sequences[piece.index]!, start, end };
    });
    this.#trim = trim;
    this.filled = this.#blocks.reduce((sum, block) => sum + lengthOf(block), 0);
  }
  /** Tokens, padding among them. */
  get length(): number {
    return this.#before + this.filled + this.#after;
  }
  pad(width: number, filling: Filling, padToken: string): void {
    const gap = Math.max(0, width - this.filled);
    this.#before = filling.side === "left" ? gap : 0;
    this.#after = gap - this.#before;
    this.#filling = filling;
    this.#padToken = padToken;
  }

  /** A column: a value for each padding place, for each special token, and of each token of a sequence. */
  #column<T>(
    padding: T,
    special: (block: Block & { kind: "special" }, k: number) => T,
    token: (block: Block & { kind: "sequence" }, k: number, place: number) => T,
  ): T[] {
    const out: T[] = [];
    for (let i = 0; i < this.#before; i++) out.push(padding);
    for (const block of this.#blocks) {
      if (block.kind === "special") for (let k = 0; k < block.ids.length; k++) out.push(special(block, k));
      else for (let k = block.start; k < block.end; k++) out.push(token(block, k, k - block.start));
    }
    for (let i = 0; i < this.#after; i++) out.push(padding);
    return out;
  }
  ids(): number[] {
    const out = new Array<number>(this.length).fill(this.#filling?.id ?? 0);
    let at = this.#before;
    for (const block of this.#blocks) {
      if (block.kind === "special") for (const id of block.ids) out[at++] = id;
      else for (let k = block.start, { ids } = block.of; k < block.end; k++) out[at++] = ids[k]!;
    }
    return out;
  }
  /** A column whose value is one for all tokens of a block. */
  #byBlock<T>(padding: T, read: (block: Block) => T): T[] {
    const out = new Array<T>(this.length).fill(padding);
    let at = this.#before;
    for (const block of this.#blocks) {
      const end = at + lengthOf(block);
      out.fill(read(block), at, end);
      at = end;
    }
    return out;
  }
  typeIds(): number[] {
    return this.#byBlock(this.#filling?.type ?? 0, ({ type }) => type);
  }
  attentionMask(): number[] {
    return this.#byBlock(0, () => 1);
  }
  specialTokensMask(): number[] {
    return this.#byBlock(1, ({ kind }) => (kind === "special" ? 1 : 0));
  }
  sequenceIds(): (number | null)[] {
    return this.#byBlock<number | null>(null, (block) => (block.kind === "special" ? null : block.index));
  }
  tokens(): string[] {
    return this.#column(
      this.#padToken,
      ({ tokens }, k) => tokens[k]!,
      ({ of }, k) => of.token(k),
    );
  }
  wordIds(): (number | null)[] {
    return this.#column<number | null>(
      null,
      () => null,
      ({ of }, k) => of.word(k),
    );
  }
  offsets(): Span[] {
    return this.#column<Span>(
      nowhere,
      () => nowhere,
      ({ of }, k, place) => {
        const span = of.span(k);
        return this.#trim ? trimmed(span, of.token(k), place === 0, this.#trim.addPrefixSpace) : span;
      },
    );
  }
}

/** As Hugging Face tokenizers: one space before the text may be the tokenizer's own and stays; of more none is. */
function trimmed([start, end]: Span, token: string, first: boolean, addPrefixSpace: boolean): Span {
  let before = leading.exec(token)![0].length;
  const after = trailing.exec(token)![0].length;
  if (before === 0 && after === 0) return [start, end];
  let [from, to] = [start, end];
  if (before > 0) {
    if (before === 1 && (first || from === 0) && addPrefixSpace) before = 0;
    from = Math.min(from + before, to);
  }
  if (after > 0 && to >= after) to = Math.max(to - after, from);
  return [from, to];
}
