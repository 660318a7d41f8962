// Damaged Arrow files: an error that names the file, never a crash, wherever the damage is.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { fc } from "../support/properties.js";
import type { AccelerateError } from "../../src/errors.js";
import { byteChanges, files, names, readAll, wordChanges } from "./arrow-damage.js";

describe("A damaged Arrow file", () => {
  it("that ends too early is an error with the place", async () => {
    for (const name of names) {
      const whole = files[name];
      const rows = (await readAll(whole)) as Record<string, unknown>[];
      // At these places a stream may end: its rows so far are a table.
      for (let length = 0; length < whole.length - 8; length += name.startsWith("types") ? 197 : 24) {
        const read = await readAll(whole.subarray(0, length));
        if (Array.isArray(read)) assert.deepEqual(read, rows.slice(0, read.length), `${name} cut at ${length}`);
        else if (read.code === "ERR_DATA_FILE") assert.equal(typeof (read as AccelerateError & { byte?: number }).byte, "number");
      }
    }
  });
  it("with bytes that are others is read or refused, and ends no process", async () => {
    await fc.assert(byteChanges, { numRuns: 300 });
  });
  it("with numbers that are huge or negative is read or refused", async () => {
    await fc.assert(wordChanges, { numRuns: 200 });
  });
  it("whose texts are said to lie outside their buffer is refused where they are read", async () => {
    const bytes = Buffer.from(files["slice.arrow"]);
    const text = bytes.indexOf("dda"); // the texts of the first column; their offsets, 13 of them and one more, lie before
    const first = bytes.lastIndexOf(Buffer.from([0, 0, 0, 0, 2, 0, 0, 0]), text);
    assert.ok(first > 0);
    bytes.writeInt32LE(1_000_000, first + 4);
    const error = await readAll(bytes);
    assert.ok(!Array.isArray(error));
    assert.match(error.message, /byte \d+: column "s": row \d of its batch is said to lie from \d+ to \d+ of \d+/);
  });
});
