// The entry module of a thread that encodes texts of a big call.
import { threadData } from "../threads/thread-data.js";
import type { TokenizerJson } from "./tokenizer-json.js";
import { BertEncoder } from "./wordpiece/bert-encoder.js";
import { bertRules } from "./wordpiece/eligible.js";
import { type EncodedTexts, encodeTexts } from "./wordpiece/encode-texts.js";

let encoder: BertEncoder | undefined;

/** The ids of texts, in shared memory. */
export function encodeShare(texts: readonly string[]): EncodedTexts {
  const json = threadData<Uint8Array>();
  // Only tokenizers that our encoder can do come here.
  encoder ??= new BertEncoder(bertRules(JSON.parse(Buffer.from(json.buffer, json.byteOffset, json.byteLength).toString("utf8")) as TokenizerJson)!);
  const { ids, counts } = encodeTexts(encoder, texts);
  const shared = (values: Int32Array): Int32Array => {
    const out = new Int32Array(new SharedArrayBuffer(values.byteLength));
    out.set(values);
    return out;
  };
  return { ids: shared(ids), counts: shared(counts) };
}
