// Many texts by our BERT encoder: their ids one after the other.
import type { BertEncoder } from "./bert-encoder.js";
import { IdSink } from "./id-sink.js";

export interface EncodedTexts {
  /** Of all texts, one after the other. */
  readonly ids: Int32Array;
  /** How many are of each text; -1 for a text that only the library can do. */
  readonly counts: Int32Array;
}

const utf8 = new TextEncoder();

export function encodeTexts(encoder: BertEncoder, texts: readonly string[]): EncodedTexts {
  const sink = new IdSink(texts.length * 32 + 64);
  const counts = new Int32Array(texts.length);
  let bytes = new Uint8Array(1 << 12);
  texts.forEach((text, i) => {
    // Three bytes for a UTF-16 unit at most.
    if (text.length * 3 > bytes.length) bytes = new Uint8Array(text.length * 6);
    const before = sink.length;
    counts[i] = encoder.encode(bytes, 0, utf8.encodeInto(text, bytes).written, sink) ? sink.length - before : -1;
  });
  return { ids: sink.array.subarray(0, sink.length), counts };
}
