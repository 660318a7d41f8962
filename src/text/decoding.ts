// Ids back to text, and what is tidied up then.
import { ArgumentError } from "../errors.js";
import type { Engine } from "./engine.js";
import type { TokenIds } from "./options.js";

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

const noList = (): ArgumentError =>
  new ArgumentError("decode was given what is no list of ids", {
    code: "ERR_TOKEN_ID",
    hint: "decode takes one row of ids, batchDecode a list of rows; of a tensor, give await ids.toArray()",
  });

/** @throws ArgumentError ERR_TOKEN_ID for what is no list of whole numbers from 0 up */
function idsOf(row: TokenIds): number[] {
  if (!Array.isArray(row) && !ArrayBuffer.isView(row)) throw noList();
  const ids = Array.from(row as ArrayLike<number | bigint>, Number);
  const odd = ids.findIndex((id) => !(Number.isInteger(id) && id >= 0 && id < 2 ** 32));
  if (odd < 0) return ids;
  throw new ArgumentError(`decode: id ${odd} of a row is ${String(row[odd])}`, {
    code: "ERR_TOKEN_ID",
    hint: "ids are whole numbers from 0 up: replace labels that do not count, -100, with padTokenId",
  });
}

/** @param cleanUp Not done for BPE: spaces before marks are text there. */
export async function decodeAll(engine: Engine, rows: readonly TokenIds[], skipSpecialTokens: boolean, cleanUp: boolean): Promise<string[]> {
  if (!Array.isArray(rows)) throw noList();
  const texts = await engine.native.decodeBatch(rows.map(idsOf), skipSpecialTokens);
  return cleanUp && engine.json.model.type !== "BPE" ? texts.map(tidied) : texts;
}
