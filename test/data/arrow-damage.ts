// Damaged copies of Python's Arrow files: read whole, or refused with one of our errors.
import assert from "node:assert/strict";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fc } from "../support/properties.js";
import { openArrow } from "../../src/data/arrow/index.js";
import { AccelerateError } from "../../src/errors.js";
import { goldenFolder, rowsOf, temporaryFolder } from "./arrow-support.js";

const folder = temporaryFolder("arrow-damage-");
export const names = ["types.arrow", "types-file.arrow", "dictionary.arrow", "slice.arrow", "map.arrow"] as const;
export const files = Object.fromEntries(names.map((name) => [name, readFileSync(join(goldenFolder, name))])) as Record<(typeof names)[number], Buffer>;
let count = 0;

/** Opens and reads everything: rows, or the error, which must be one of ours. */
export async function readAll(bytes: Uint8Array): Promise<Record<string, unknown>[] | AccelerateError> {
  const file = join(folder, `${count++}.arrow`);
  writeFileSync(file, bytes);
  try {
    return rowsOf(await openArrow([file]));
  } catch (error) {
    assert.ok(error instanceof AccelerateError, String((error as Error).stack));
    assert.match(error.code, /^ERR_(DATA_FILE|ARROW_TYPE)$/);
    if (error.code === "ERR_DATA_FILE") assert.equal((error as AccelerateError & { file: string }).file, file);
    return error;
  } finally {
    rmSync(file);
  }
}

/** Some bytes are others. */
export const byteChanges = fc.asyncProperty(
  fc.constantFrom(...names),
  fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 }),
  async (name, changes) => {
    const bytes = Buffer.from(files[name]);
    for (const [at, value] of changes) bytes[at % bytes.length] = value;
    await readAll(bytes);
  },
);

/** A number of 32 bits is huge, negative or nothing. */
export const wordChanges = fc.asyncProperty(
  fc.constantFrom(...names),
  fc.nat(),
  fc.constantFrom(0x7fffffff, -1, -0x80000000, 0x10000, 0, 1),
  async (name, at, value) => {
    const bytes = Buffer.from(files[name]);
    bytes.writeInt32LE(value, (at % (bytes.length >> 2)) * 4);
    await readAll(bytes);
  },
);
