// Ids back to text, and what is tidied up then.
import type { Engine } from "./engine.js";

/** transformers' clean_up_tokenization: made for WordPiece. */
const untidy: readonly (readonly [string, string])[] = [
  [" .", "."],
  [" ?", "?"],
  [" !", "!"],
  [" ,", ","],
  [" ' ", "'"],
  [" n't", "n't"],
  [" 'm", "'m"],
  [" 's", "'s"],
  [" 've", "'ve"],
  [" 're", "'re"],
];
const tidied = (text: string): string => untidy.reduce((done, [from, to]) => done.replaceAll(from, to), text);

/** @param cleanUp Not done for BPE: spaces before marks are text there. */
export async function decodeAll(engine: Engine, rows: readonly (readonly number[])[], skipSpecialTokens: boolean, cleanUp: boolean): Promise<string[]> {
  const texts = await engine.native.decodeBatch(
    rows.map((row) => [...row]),
    skipSpecialTokens,
  );
  return cleanUp && engine.json.model.type !== "BPE" ? texts.map(tidied) : texts;
}
