// Mapped files by their bytes: larger than an ArrayBuffer, and not what they were.
import assert from "node:assert/strict";
import { appendFileSync, closeSync, ftruncateSync, openSync, renameSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { MappedFile, mappedFile } from "../../src/data/arrow/mapped-file.js";
import { type FileIdentity, PlacedFile } from "../../src/data/arrow/messages.js";
import { temporaryFolder } from "./arrow-support.js";

const folder = temporaryFolder("arrow-mapped-");
const GiB = 2 ** 30;

function identityOf(path: string): FileIdentity {
  using file = new PlacedFile(path);
  return file.identity;
}
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString("latin1");

describe("A mapped file", () => {
  it("may be larger than 4 GiB, and is read at any place, across windows too", () => {
    const path = join(folder, "large");
    const file = openSync(path, "w");
    ftruncateSync(file, 5 * GiB); // takes no room: it is a hole but for the marks
    const marks: readonly number[] = [0, GiB - 4, 2 * GiB - 1, 4 * GiB - 3, 4 * GiB + 70_001, 5 * GiB - 8];
    for (const at of marks) writeSync(file, `mark${at % 10}end`, at);
    closeSync(file);
    const mapped = new MappedFile(identityOf(path));
    for (const at of marks) assert.equal(text(mapped.bytes(at, 8)), `mark${at % 10}end`);
    const across = mapped.bytes(8, GiB + 8);
    assert.equal(text(across.subarray(GiB - 12, GiB - 4)), `mark${(GiB - 4) % 10}end`);
    assert.deepEqual([...mapped.bytes(100, 3)], [0, 0, 0]);
    assert.equal(mapped.bytes(5 * GiB, 0).length, 0);
    for (const [start, length] of [
      [5 * GiB - 7, 8],
      [-1, 2],
      [0, 6 * GiB],
      [Number.NaN, 1],
    ] as const)
      assert.throws(() => mapped.bytes(start, length), { code: "ERR_DATA_FILE", message: /bytes are expected, the file ends at 5368709120/ });
    rmSync(path);
    assert.equal(text(mapped.bytes(0, 8)), "mark0end");
  });
  it("is mapped once, and another one after it was replaced", () => {
    const path = join(folder, "replaced");
    writeFileSync(path, "before");
    const before = identityOf(path);
    const mapped = mappedFile(before);
    assert.equal(mappedFile({ ...before }), mapped);
    writeFileSync(`${path}.new`, "after!");
    renameSync(`${path}.new`, path);
    const after = identityOf(path);
    assert.equal(text(mappedFile(after).bytes(0, 6)), "after!");
    assert.equal(text(mappedFile(before).bytes(0, 6)), "before");
  });
  it("that is not there or not what it was is an error with its name", () => {
    const path = join(folder, "changed");
    writeFileSync(path, "some bytes");
    const identity = identityOf(path);
    appendFileSync(path, "more");
    assert.throws(() => new MappedFile(identity), {
      code: "ERR_DATA_FILE",
      file: path,
      message: /was changed or replaced after it was opened: load the data set again/,
    });
    rmSync(path);
    assert.throws(() => new MappedFile(identity), { code: "ERR_DATA_FILE", message: /changed.*cannot be opened \(No such file or directory\)/ });
  });
});
