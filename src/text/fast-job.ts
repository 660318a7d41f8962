// FastJob: our own BERT encoder straight into columns: ids, type ids and masks of a range of rows, without an array per row.
import type { ColumnData, ListData } from "../data/columns/column-data.js";
import { type Plan, widthOf } from "./options.js";
import { addedBy, type Layout, type PostProcessor } from "./post-processor.js";
import { lengthsAfter } from "./truncation.js";
import type { BertEncoder } from "./wordpiece/bert-encoder.js";
import { IdSink } from "./wordpiece/id-sink.js";

export class FastJob {
  readonly #encoder: BertEncoder;
  readonly #post: PostProcessor;
  readonly #plan: Plan;
  readonly #ids = new IdSink(1 << 14);
  #bytes = new Uint8Array(1 << 12);

  constructor(encoder: BertEncoder, post: PostProcessor, plan: Plan) {
    this.#encoder = encoder;
    this.#post = post;
    this.#plan = plan;
  }
  /** Whether the columns are those that ids alone give. */
  static fits(plan: Plan): boolean {
    return !plan.offsets && !plan.overflow && !plan.lengths;
  }

  /** The columns; undefined when a text is one that only the library can do. */
  run(texts: readonly string[], pairs: readonly string[] | undefined): Record<string, ColumnData> | undefined {
    const plan = this.#plan;
    const layout = (pairs ? this.#post.pair : this.#post.single).filter((piece) => plan.addSpecialTokens || piece.kind === "sequence");
    const added = addedBy(layout);
    const sides = pairs ? 2 : 1;
    // Where the ids of each text begin; then how many of them remain.
    const starts = new Uint32Array(texts.length * sides + 1);
    const kept = new Uint32Array(texts.length * sides);
    const sink = this.#ids;
    sink.clear();
    let [total, longest] = [0, 0];
    for (let i = 0; i < texts.length; i++) {
      for (let s = 0; s < sides; s++) {
        if (!this.#encode(s === 0 ? texts[i]! : pairs![i]!)) return undefined;
        const k = i * sides + s;
        starts[k + 1] = sink.length;
        kept[k] = sink.length - starts[k]!;
      }
      const at = i * sides;
      if (plan.truncation && kept[at]! + (pairs ? kept[at + 1]! : 0) + added > plan.truncation.maxLength) {
        const { maxLength, strategy } = plan.truncation;
        const most = lengthsAfter(kept[at]!, pairs ? kept[at + 1]! : undefined, maxLength - added, strategy);
        for (let s = 0; s < sides; s++) kept[at + s] = most[s]!;
      }
      const length = kept[at]! + (pairs ? kept[at + 1]! : 0) + added;
      total += length;
      longest = Math.max(longest, length);
    }
    return this.#columns(layout, texts.length, sides, starts, kept, added, total, widthOf(plan.padding, longest));
  }
  #encode(text: string): boolean {
    // Three bytes for a UTF-16 unit at most.
    if (text.length * 3 > this.#bytes.length) this.#bytes = new Uint8Array(text.length * 6);
    const { written } = encoder.encodeInto(text, this.#bytes);
    return this.#encoder.encode(this.#bytes, 0, written, this.#ids);
  }

  #columns(
    layout: Layout,
    rows: number,
    sides: number,
    starts: Uint32Array,
    kept: Uint32Array,
    added: number,
    total: number,
    width: number,
  ): Record<string, ColumnData> {
    const { filling, truncation, ...plan } = this.#plan;
    let size = total;
    if (width > 0) {
      size = 0;
      for (let i = 0; i < rows; i++) size += Math.max(width, kept[i * sides]! + (sides === 2 ? kept[i * 2 + 1]! : 0) + added);
    }
    const ids = new Int32Array(new SharedArrayBuffer(size * 4));
    const types = plan.typeIds ? filled(size, filling.type) : undefined;
    const mask = plan.attentionMask ? filled(size, 0) : undefined;
    const special = plan.specialTokensMask ? filled(size, 1) : undefined;
    if (width > 0) ids.fill(filling.id);
    const offsets = new Uint32Array(new SharedArrayBuffer((rows + 1) * 4));
    const source = this.#ids.array;
    let at = 0;
    for (let i = 0; i < rows; i++) {
      const length = kept[i * sides]! + (sides === 2 ? kept[i * 2 + 1]! : 0) + added;
      const end = at + Math.max(width, length);
      if (filling.side === "left") at = end - length;
      mask?.fill(1, at, at + length);
      for (const piece of layout) {
        if (piece.kind === "special") {
          types?.fill(piece.type, at, at + piece.ids.length);
          for (const id of piece.ids) ids[at++] = id;
          continue;
        }
        const k = i * sides + piece.index;
        const count = kept[k]!;
        const from = truncation?.side === "left" ? starts[k + 1]! - count : starts[k]!;
        for (let n = 0; n < count; n++) ids[at + n] = source[from + n]!;
        types?.fill(piece.type, at, at + count);
        special?.fill(0, at, at + count);
        at += count;
      }
      at = end;
      offsets[i + 1] = at;
    }
    const list = (type: "int32" | "int8", values: Int32Array | Int8Array): ListData => ({
      kind: "list",
      length: rows,
      items: { kind: "number", type, length: values.length, values },
      offsets,
    });
    return {
      input_ids: list("int32", ids),
      ...(types ? { token_type_ids: list("int8", types) } : {}),
      ...(mask ? { attention_mask: list("int8", mask) } : {}),
      ...(special ? { special_tokens_mask: list("int8", special) } : {}),
    };
  }
}

const encoder = new TextEncoder();

function filled(size: number, value: number): Int8Array {
  const out = new Int8Array(new SharedArrayBuffer(size));
  return value === 0 ? out : out.fill(value);
}
