// A reader of W&B's run files, written after the format and not after our writer.
import assert from "node:assert/strict";
import { parseExtendedJson } from "../../src/tracking/extended-json.js";
import { type Fields, fields, message, messages, string } from "./support.js";

/** The records of a run file; LevelDB's log format after a header of 7 bytes. */
export function records(bytes: Buffer): Fields[] {
  assert.equal(bytes.subarray(0, 7).toString("latin1"), ":W&B\xe1\xbe\0");
  const out: Fields[] = [];
  let parts: Buffer[] = [];
  for (let at = 7; at < bytes.length; ) {
    const left = 32768 - (at % 32768);
    if (left < 7) {
      assert.ok(bytes.subarray(at, at + left).every((byte) => byte === 0));
      at += left;
      continue;
    }
    const length = bytes.readUInt16LE(at + 4);
    const type = bytes[at + 6]!;
    assert.ok(length + 7 <= left, "a piece stays in its block");
    assert.equal(parts.length > 0, type === 3 || type === 4, "pieces come in order");
    parts.push(bytes.subarray(at + 7, at + 7 + length));
    if (type === 1 || type === 4) {
      out.push(fields(Buffer.concat(parts)));
      parts = [];
    }
    at += length + 7;
  }
  assert.equal(parts.length, 0);
  return out;
}
export const items = (of: Fields): Record<string, unknown> =>
  Object.fromEntries(messages(of, 1).map((item) => [string(item, 1), parseExtendedJson(string(item, 16))]));
/** The rows of the history. */
export const rowsOf = (all: readonly Fields[]): Record<string, unknown>[] => all.filter((of) => of.has(2)).map((of) => items(message(of, 2)));
