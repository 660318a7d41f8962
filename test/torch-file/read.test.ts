// Files that PyTorch itself wrote, in both formats, give its names, types, shapes and numbers.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { appendFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { readTorchFile } from "../../src/torch-file/index.js";
import { archiveOf, dictPickle, golden, tensorPickle, withFiles } from "./files.js";

interface Expected {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly data: readonly number[];
}
const { files } = JSON.parse(readFileSync(join(golden, "expected.json"), "utf8")) as { files: Record<string, Record<string, Expected>> };

for (const [name, tensors] of Object.entries(files)) {
  test(`${name} holds what PyTorch put into it`, async () => {
    const read = await readTorchFile(join(golden, name));
    assert.deepEqual([...read.keys()], Object.keys(tensors));
    for (const [key, { dtype, shape, data }] of Object.entries(tensors)) {
      const tensor = read.get(key)!;
      assert.equal(tensor.dtype, dtype, key);
      assert.deepEqual(tensor.shape, shape, key);
      assert.deepEqual([...(await tensor.read())].map(Number), data, key);
    }
  });
}

test("floats of every width are read as float32, into memory that is given", async () => {
  const read = await readTorchFile(join(golden, "dtypes.zip.pt"));
  for (const dtype of ["float32", "float64", "float16", "bfloat16"]) {
    const into = new Float32Array(6);
    assert.equal(await read.get(dtype)!.readFloat32(into), into);
    assert.deepEqual([...into], [-2, -1, 0, 1, 2, 3], dtype);
  }
  const views = await readTorchFile(join(golden, "views.zip.pt"));
  assert.deepEqual([...(await views.get("halves")!.readFloat32())], [0, 3, 1, 4, 2, 5]);
  await assert.rejects(read.get("int64")!.readFloat32(), { code: "ERR_TORCH_FILE_DTYPE", message: /int64.*floating point/ });
  await assert.rejects(read.get("float32")!.readFloat32(new Float32Array(5)), { code: "ERR_TORCH_FILE_TENSOR", message: /6 elements.*5/ });
  await assert.rejects(read.get("float32")!.read(new Int32Array(6)), { code: "ERR_TORCH_FILE_DTYPE", message: /takes a Float32Array, not a Int32Array/ });
});

test("an archive with the wide fields of zip64 is read", () =>
  withFiles(async (write) => {
    const data = new Uint8Array(new Float32Array([1.5, -2]).buffer);
    for (const zip64 of [true, false]) {
      const read = await readTorchFile(await write(archiveOf(dictPickle("w", tensorPickle()), { 0: data }, { zip64 })));
      assert.deepEqual([...(await read.get("w")!.read())], [1.5, -2]);
    }
  }));

test("a file that changes after it was opened is not read as if it had not", () =>
  withFiles(async (write) => {
    const file = await write(readFileSync(join(golden, "single.zip.pt")));
    const read = await readTorchFile(file);
    await appendFile(file, "x");
    await assert.rejects(read.get("")!.read(), { code: "ERR_TORCH_FILE_CHANGED" });
  }));

test("the members of an object are never names of ours", () =>
  withFiles(async (write) => {
    const read = await readTorchFile(
      await write(archiveOf(dictPickle("__proto__", dictPickle("polluted", tensorPickle()).slice(0, -1)), { 0: new Uint8Array(8) })),
    );
    assert.deepEqual([...read.keys()], ["__proto__.polluted"]);
    assert.equal(({} as { polluted?: unknown }).polluted, undefined);
  }));
