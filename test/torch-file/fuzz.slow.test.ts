// Damaged and made-up files: each is read or gives an error of ours, in bounded time and memory, and changes nothing outside.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fc } from "../support/properties.js";
import { readTorchFile, TorchFileError } from "../../src/torch-file/index.js";
import { archiveOf, dictPickle, golden, tensorPickle, withFiles } from "./files.js";

const files = ["views.zip.pt", "views.legacy.pt", "checkpoint.zip.pt", "checkpoint.legacy.pt", "deflated.zip.pt", "protocol4.zip.pt"].map((name) =>
  readFileSync(join(golden, name)),
);
const file = fc.constantFrom(...files);

type Write = (bytes: Uint8Array) => Promise<string>;
async function survives(write: Write, bytes: Uint8Array): Promise<void> {
  try {
    for (const [, tensor] of await readTorchFile(await write(bytes))) await tensor.read();
  } catch (error) {
    assert.ok(error instanceof TorchFileError, `${(error as Error).stack}`);
  }
}
const fuzz = <T>(bytes: fc.Arbitrary<T>, make: (value: T) => Uint8Array, numRuns: number) =>
  withFiles(async (write) => {
    await fc.assert(
      fc.asyncProperty(bytes, (value) => survives(write, make(value))),
      { numRuns },
    );
    assert.deepEqual(Object.keys(Object.prototype), []);
  });

test("files that are cut off anywhere", () => fuzz(fc.tuple(file, fc.nat()), ([bytes, end]) => bytes.subarray(0, end % bytes.length), 300));

test("files with flipped bytes", () =>
  fuzz(
    fc.tuple(file, fc.array(fc.tuple(fc.nat(), fc.integer({ min: 1, max: 255 })), { minLength: 1, maxLength: 8 })),
    ([bytes, flips]) => {
      const damaged = Uint8Array.from(bytes);
      for (const [at, mask] of flips) damaged[at % damaged.length]! ^= mask;
      return damaged;
    },
    500,
  ));

const opcode = fc.constantFrom(..."(.012NJKMGUTXCB]})aestuqrhjcRbQ\x80\x81\x82\x85\x86\x87\x88\x89\x8a\x8b\x8c\x8d\x8e\x8f\x90\x91\x93\x94\x95");
const name = fc.constantFrom(
  "ctorch\nFloatStorage\n",
  "ctorch._utils\n_rebuild_tensor_v2\n",
  "ccollections\nOrderedDict\n",
  "ctorch\nSize\n",
  "X\x07\0\0\0storage",
  "X\x01\0\0\x000",
  "X\x09\0\0\0__proto__",
);
test("random opcodes", () =>
  fuzz(
    fc.array(
      fc.oneof(
        { arbitrary: opcode, weight: 6 },
        { arbitrary: name, weight: 2 },
        { arbitrary: fc.integer({ min: 0, max: 255 }).map((x) => String.fromCharCode(x)), weight: 1 },
      ),
      { maxLength: 60 },
    ),
    (codes) => archiveOf(`${codes.join("")}.`, { 0: new Uint8Array(8) }),
    800,
  ));

test("random bytes behind each format's first ones", () =>
  fuzz(
    fc.tuple(fc.constantFrom("PK\x03\x04", "\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.", ""), fc.uint8Array({ maxLength: 200 })),
    ([head, rest]) => Buffer.concat([Buffer.from(head, "latin1"), rest]),
    300,
  ));

test("any view of a storage gives the elements that its strides name, row by row", () =>
  withFiles(async (write) => {
    const numbers = Float32Array.from({ length: 200 }, (_, i) => i);
    const storage = { 0: new Uint8Array(numbers.buffer) };
    const dims = fc.array(fc.tuple(fc.integer({ min: 0, max: 4 }), fc.integer({ min: 0, max: 12 })), { maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(dims, fc.nat(20), async (view, offset) => {
        const [shape, strides] = [view.map(([size]) => size), view.map(([, stride]) => stride)];
        const expected = shape.reduce<number[]>((at, size, d) => at.flatMap((a) => Array.from({ length: size }, (_, i) => a + i * strides[d]!)), [offset]);
        const file = await write(archiveOf(dictPickle("v", tensorPickle({ shape, strides, offset, length: 200 })), storage));
        const tensor = (await readTorchFile(file)).get("v")!;
        assert.deepEqual(tensor.shape, shape);
        assert.deepEqual([...(await tensor.read())], expected);
        assert.deepEqual([...(await tensor.readFloat32())], expected);
      }),
      { numRuns: 200 },
    );
  }));
