// Damaged Arrow files: an error that names the file, never a crash, wherever the damage is.
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import fc from "fast-check";
import { openArrow } from "../../src/data/arrow/index.js";
import { AccelerateError } from "../../src/errors.js";
import { goldenFolder, rowsOf, temporaryFolder } from "./arrow-support.js";

const folder = temporaryFolder("arrow-damage-");
const names = ["types.arrow", "types-file.arrow", "dictionary.arrow", "slice.arrow", "map.arrow"] as const;
const files = Object.fromEntries(names.map((name) => [name, readFileSync(join(goldenFolder, name))])) as Record<(typeof names)[number], Buffer>;
let count = 0;

/** Opens and reads everything: rows, or the error, which must be one of ours. */
async function readAll(bytes: Uint8Array): Promise<Record<string, unknown>[] | AccelerateError> {
  const file = join(folder, `${count++ % 50}.arrow`); // another inode is another file, even under the same name
  writeFileSync(file, bytes);
  try {
    return rowsOf(await openArrow([file]));
  } catch (error) {
    assert.ok(error instanceof AccelerateError, String((error as Error).stack));
    assert.match(error.code, /^ERR_(DATA_FILE|ARROW_TYPE)$/);
    if (error.code === "ERR_DATA_FILE") assert.equal((error as AccelerateError & { file: string }).file, file);
    return error;
  }
}

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
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...names), fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 }), async (name, changes) => {
        const bytes = Buffer.from(files[name]);
        for (const [at, value] of changes) bytes[at % bytes.length] = value;
        await readAll(bytes);
      }),
      { numRuns: 300 },
    );
  });
  it("with numbers that are huge or negative is read or refused", async () => {
    const numbers = fc.constantFrom(0x7fffffff, -1, -0x80000000, 0x10000, 0, 1);
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...names), fc.nat(), numbers, async (name, at, value) => {
        const bytes = Buffer.from(files[name]);
        bytes.writeInt32LE(value, (at % (bytes.length >> 2)) * 4);
        await readAll(bytes);
      }),
      { numRuns: 200 },
    );
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
