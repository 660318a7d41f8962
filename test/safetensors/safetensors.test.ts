// Reading and writing safetensors: round trips, every rule of the format, and damaged files.
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { fc } from "../support/properties.js";
import { AccelerateError } from "../../src/errors.js";
import { type DType, dtypes, sizeOf, type TensorData } from "../../src/graph/dtype.js";
import { Checkpoint } from "../../src/models/loading/checkpoint.js";
import { loadSafetensors, SafetensorsError, SafetensorsFile, saveSafetensors, storedTypes } from "../../src/safetensors/index.js";
import { packageRoot } from "../../src/package-root.js";

const folder = mkdtempSync(join(tmpdir(), "safetensors-"));
after(() => rmSync(folder, { recursive: true }));
let counter = 0;
const fresh = () => join(folder, `${counter++}.safetensors`);

const bytesOf = ({ data }: TensorData) => new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
const float32 = (values: readonly number[], shape: readonly number[] = [values.length]): TensorData => ({
  dtype: "float32",
  shape,
  data: new Float32Array(values),
});

/** A file of any header and any data. */
function rawFile(header: unknown, data: Uint8Array = new Uint8Array()): string {
  const json = new TextEncoder().encode(typeof header === "string" ? header : JSON.stringify(header));
  const out = new Uint8Array(8 + json.length + data.length);
  new DataView(out.buffer).setBigUint64(0, BigInt(json.length), true);
  out.set(json, 8);
  out.set(data, 8 + json.length);
  const file = fresh();
  writeFileSync(file, out);
  return file;
}
const entry = (dtype: string, shape: unknown, begin: number, end: number) => ({ dtype, shape, data_offsets: [begin, end] });

async function rejected(file: string, code: string): Promise<SafetensorsError> {
  try {
    await using opened = await SafetensorsFile.open(file);
    assert.fail(`${file} was read: ${[...opened.tensors.keys()]}`);
  } catch (error) {
    assert.ok(error instanceof SafetensorsError, String(error));
    assert.equal(error.code, code, error.message);
    assert.equal(error.file, file);
    return error;
  }
}

const tensorData: fc.Arbitrary<TensorData> = fc
  .record({ dtype: fc.constantFrom(...(Object.keys(dtypes) as DType[])), shape: fc.array(fc.nat(4), { maxLength: 3 }), seed: fc.nat(255) })
  .map(({ dtype, shape, seed }) => {
    const data = new dtypes[dtype].array(sizeOf(shape));
    new Uint8Array(data.buffer).forEach((_, i, all) => {
      all[i] = (i * 31 + seed) & 0x3f;
    });
    return { dtype, shape, data };
  });
const names = fc
  .oneof(fc.string({ minLength: 1, maxLength: 12 }), fc.constantFrom("__proto__", "7", "constructor", "größe"))
  .filter((n) => n !== "__metadata__");

describe("safetensors", () => {
  it("reads back whatever tensors and metadata were written", async () => {
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(fc.tuple(names, tensorData), { selector: ([name]) => name, maxLength: 6 }), fc.string(), async (tensors, note) => {
        const file = fresh();
        await saveSafetensors(file, tensors, { metadata: { format: "pt", note } });
        const back = await loadSafetensors(file);
        assert.deepEqual([...back.keys()].sort(), tensors.map(([name]) => name).sort());
        for (const [name, tensor] of tensors) {
          const read = back.get(name)!;
          assert.equal(read.dtype, tensor.dtype);
          assert.deepEqual(read.shape, tensor.shape);
          assert.deepEqual(bytesOf(read), bytesOf(tensor));
        }
        await using opened = await SafetensorsFile.open(file);
        assert.equal(opened.metadata.note, note);
        for (const { begin, stored } of opened.tensors.values()) assert.equal(begin % storedTypes[stored].bytes, 0);
      }),
      { numRuns: 60 },
    );
  });

  it("gives an error with a code and never crashes when a file is cut off or has flipped bits", async () => {
    const whole = fresh();
    await saveSafetensors(whole, [
      ["a.weight", float32([1, 2, 3, 4], [2, 2])],
      ["b", { dtype: "int64", shape: [2], data: BigInt64Array.of(1n, 2n) }],
    ]);
    const bytes = readFileSync(whole);
    const file = fresh();
    await fc.assert(
      fc.asyncProperty(
        fc.nat(bytes.length - 1),
        fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 })), { maxLength: 3 }),
        fc.boolean(),
        async (length, flips, cut) => {
          const damaged = Buffer.from(bytes);
          for (const [at, mask] of flips) damaged[at]! ^= mask;
          writeFileSync(file, cut ? damaged.subarray(0, length) : damaged);
          try {
            await loadSafetensors(file);
            assert.ok(!cut, "a file without its end was read");
          } catch (error) {
            assert.ok(error instanceof SafetensorsError, String(error));
            assert.match(error.code, /^ERR_SAFETENSORS_/);
          }
        },
      ),
      { numRuns: 300 },
    );
  });

  it("says at which byte a cut-off file should have ended", async () => {
    const file = rawFile({ "encoder.dense.weight": entry("F32", [1000, 2], 0, 8000) }, new Uint8Array(5000));
    const error = await rejected(file, "ERR_SAFETENSORS_TRUNCATED");
    assert.match(error.message, /: tensor encoder\.dense\.weight ends at byte 8,0\d\d of a file of 5,0\d\d: the file is cut off; download it again$/);
    assert.equal(error.offset, readFileSync(file).length);
  });

  it("refuses headers that break the format", async () => {
    const data = new Uint8Array(8);
    await rejected(rawFile("not json"), "ERR_SAFETENSORS_HEADER");
    await rejected(rawFile("[]"), "ERR_SAFETENSORS_HEADER");
    await rejected(rawFile({ __metadata__: { format: 1 } }), "ERR_SAFETENSORS_HEADER");
    await rejected(rawFile({ x: entry("F32", [-2], 0, 8) }, data), "ERR_SAFETENSORS_HEADER");
    await rejected(rawFile({ x: entry("F33", [2], 0, 8) }, data), "ERR_SAFETENSORS_DTYPE");
    await rejected(rawFile({ x: entry("toString", [2], 0, 8) }, data), "ERR_SAFETENSORS_DTYPE");
    await rejected(rawFile({ x: null }, data), "ERR_SAFETENSORS_DTYPE");
    await rejected(rawFile({ x: { dtype: "F32", shape: [2] } }, data), "ERR_SAFETENSORS_OFFSETS");
    await rejected(rawFile({ x: entry("F32", [2], 8, 0) }, data), "ERR_SAFETENSORS_OFFSETS");
    await rejected(rawFile({ x: entry("F32", [2 ** 40, 2 ** 40], 0, 8) }, data), "ERR_SAFETENSORS_SIZE");
    await rejected(rawFile({ x: entry("F32", [3], 0, 8) }, data), "ERR_SAFETENSORS_SIZE");
    await rejected(rawFile({ x: entry("F32", [1], 0, 4), y: entry("F32", [2], 0, 8) }, data), "ERR_SAFETENSORS_OFFSETS");
    await rejected(rawFile({ x: entry("F32", [1], 4, 8) }, data), "ERR_SAFETENSORS_OFFSETS");
    await rejected(rawFile({ x: entry("F32", [1], 0, 4) }, data), "ERR_SAFETENSORS_OFFSETS");
    const empty = fresh();
    writeFileSync(empty, "");
    await rejected(empty, "ERR_SAFETENSORS_TRUNCATED");
    const claims = fresh();
    writeFileSync(claims, Uint8Array.of(0, 0, 0, 0, 1, 0, 0, 0, 0x7b));
    assert.match((await rejected(claims, "ERR_SAFETENSORS_HEADER")).message, /the header claims 4,294,967,296 bytes/);
  });

  it("widens float16 and bfloat16 exactly", async () => {
    const file = fresh();
    const half = Uint16Array.of(0x3c00, 0xc000, 0x0001, 0x7c00, 0x8000, 0x7bff, 0x3555);
    await saveSafetensors(file, [
      ["f16", { dtype: "float16", shape: [7], data: half }],
      ["bf16", { dtype: "bfloat16", shape: [3], data: Uint16Array.of(0x3f80, 0xc040, 0x7f80) }],
      ["f64", { dtype: "float64", shape: [1], data: Float64Array.of(0.1) }],
      ["i64", { dtype: "int64", shape: [1], data: BigInt64Array.of(1n) }],
    ]);
    await using opened = await SafetensorsFile.open(file);
    assert.deepEqual([...(await opened.readFloat32("f16"))], [1, -2, 2 ** -24, Infinity, -0, 65504, 0.333251953125]);
    assert.deepEqual([...(await opened.readFloat32("bf16"))], [1, -3, Infinity]);
    assert.deepEqual(await opened.readFloat32("f64", new Float32Array(1)), Float32Array.of(0.1));
    await assert.rejects(opened.readFloat32("i64"), { code: "ERR_SAFETENSORS_DTYPE" });
    await assert.rejects(opened.readFloat32("f16", new Float32Array(2)), { code: "ERR_SAFETENSORS_SIZE" });
    await assert.rejects(opened.read("none"), { code: "ERR_SAFETENSORS_NAME" });
  });

  it("leaves the old file in place when writing fails", async () => {
    const file = fresh();
    await saveSafetensors(file, [["x", float32([1])]]);
    const before = readFileSync(file);
    await assert.rejects(saveSafetensors(file, [["x", float32([1, 2], [3])]]), { code: "ERR_SAFETENSORS_SIZE" });
    await assert.rejects(
      saveSafetensors(file, [
        ["x", float32([1])],
        ["x", float32([2])],
      ]),
      { code: "ERR_SAFETENSORS_NAME" },
    );
    await assert.rejects(saveSafetensors(join(folder, "no", "such", "folder"), [["x", float32([1])]]), { code: "ENOENT" });
    assert.deepEqual(readFileSync(file), before);
    assert.deepEqual(
      readdirSync(folder).filter((name) => name.includes(".tmp-")),
      [],
    );
  });

  it("reads what Python's safetensors wrote, name by name", async () => {
    await using opened = await SafetensorsFile.open(join(packageRoot(), "test/golden/models/tiny-bert/model.safetensors"));
    assert.equal(opened.metadata.format, "pt");
    assert.deepEqual(opened.entry("bert.embeddings.word_embeddings.weight").shape, [100, 32]);
    assert.equal((await opened.readFloat32("classifier.bias")).length, 3);
  });
});

describe("a checkpoint folder", () => {
  const make = async (files: Readonly<Record<string, string | readonly (readonly [string, TensorData])[]>>) => {
    const path = mkdtempSync(join(folder, "checkpoint-"));
    for (const [name, content] of Object.entries(files)) {
      if (typeof content === "string") writeFileSync(join(path, name), content);
      else await saveSafetensors(join(path, name), content);
    }
    return path;
  };
  const index = (weight_map: unknown) => JSON.stringify({ metadata: { total_size: 8 }, weight_map });

  it("is one set of tensors when it is split into shards", async () => {
    const path = await make({
      "a.safetensors": [["x", float32([1, 2])]],
      "b.safetensors": [["y", float32([3])]],
      "model.safetensors.index.json": index({ x: "a.safetensors", y: "b.safetensors" }),
    });
    await using checkpoint = await Checkpoint.open(path);
    assert.deepEqual([...checkpoint.tensors.keys()], ["x", "y"]);
    assert.deepEqual(await checkpoint.readFloat32("y"), Float32Array.of(3));
  });

  it("names the shard that is missing, foreign, or without its tensor", async () => {
    const shard = { "a.safetensors": [["x", float32([1])] as const] };
    const cases: readonly (readonly [string, RegExp])[] = [
      [index({ x: "b.safetensors" }), /the shard b\.safetensors is missing: download it/],
      [index({ x: "../a.safetensors" }), /is not a file of this folder/],
      [index({ z: "a.safetensors" }), /tensor z is not in the shard a\.safetensors/],
      [index(["x"]), /no index of shards/],
      ["{", /no index of shards/],
    ];
    for (const [text, message] of cases) {
      await assert.rejects(
        make({ ...shard, "model.safetensors.index.json": text }).then(Checkpoint.open),
        (error) => error instanceof SafetensorsError && error.code === "ERR_SAFETENSORS_INDEX" && message.test(error.message),
      );
    }
  });

  it("says what to do about weights of other formats", async () => {
    await assert.rejects(
      make({ "tf_model.h5": "" }).then(Checkpoint.open),
      (error) =>
        error instanceof AccelerateError &&
        error.code === "ERR_WEIGHTS_NOT_FOUND" &&
        /tf_model\.h5 \(TensorFlow weights\).*save_pretrained/.test(error.message),
    );
    await assert.rejects(make({}).then(Checkpoint.open), { code: "ERR_WEIGHTS_NOT_FOUND" });
  });
});

describe("what is written", () => {
  it("is refused when it could not be read again", async () => {
    const file = join(folder, "refused.safetensors");
    const tensor = (data: Float32Array | Float64Array) => new Map([["a", { dtype: "float32", shape: [1], data } as TensorData]]);
    await assert.rejects(saveSafetensors(file, tensor(new Float64Array(1))), { code: "ERR_SAFETENSORS_DTYPE", message: /float32.*Float64Array/ });
    await assert.rejects(saveSafetensors(file, tensor(new Float32Array(1)), { metadata: { step: 5 as never } }), {
      code: "ERR_SAFETENSORS_HEADER",
      message: /metadata\.step is a number/,
    });
    assert.deepEqual(
      readdirSync(folder).filter((name) => name.startsWith("refused")),
      [],
    );
  });
});
