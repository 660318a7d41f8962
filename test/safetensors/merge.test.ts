// Shards into one file: the same bytes, and a clear word for every set that is not whole.
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { fc } from "../support/properties.js";
import { type DType, dtypes, sizeOf, type TensorData } from "../../src/graph/dtype.js";
import { loadSafetensors, mergeShards, SafetensorsError, saveSafetensors, saveShards } from "../../src/safetensors/index.js";

const root = mkdtempSync(join(tmpdir(), "merge-"));
after(() => rmSync(root, { recursive: true }));
let counter = 0;
const fresh = (): string => join(root, String(counter++));
const indexFile = "model.safetensors.index.json";
const bytesOf = ({ data }: TensorData): Uint8Array => new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
const floats = (...values: number[]): TensorData => ({ dtype: "float32", shape: [values.length], data: Float32Array.from(values) });

const tensorData: fc.Arbitrary<TensorData> = fc
  .record({ dtype: fc.constantFrom(...(Object.keys(dtypes) as DType[])), shape: fc.array(fc.nat(5), { maxLength: 3 }), seed: fc.nat(255) })
  .map(({ dtype, shape, seed }) => {
    const data = new dtypes[dtype].array(sizeOf(shape));
    new Uint8Array(data.buffer).forEach((_, i, all) => {
      all[i] = (i * 31 + seed) & 0x3f;
    });
    return { dtype, shape, data };
  });

/** A folder of shards as they are told, with an index that is true unless told otherwise. */
async function shards(
  files: Readonly<Record<string, Readonly<Record<string, TensorData>>>>,
  index: { readonly weight_map?: Readonly<Record<string, string>>; readonly metadata?: unknown } = {},
): Promise<string> {
  const folder = fresh();
  mkdirSync(folder);
  for (const [name, tensors] of Object.entries(files)) await saveSafetensors(join(folder, name), Object.entries(tensors));
  const weight_map = Object.fromEntries(Object.entries(files).flatMap(([name, tensors]) => Object.keys(tensors).map((tensor) => [tensor, name])));
  writeFileSync(join(folder, indexFile), JSON.stringify({ weight_map, ...index }));
  return folder;
}

async function refused(folder: string, message: RegExp, code = "ERR_SAFETENSORS_INDEX"): Promise<void> {
  const out = fresh();
  await assert.rejects(mergeShards(folder, out), (error) => {
    assert.ok(error instanceof SafetensorsError, String(error));
    assert.equal(error.code, code, error.message);
    assert.match(error.message, message);
    return true;
  });
  assert.throws(() => readFileSync(out), { code: "ENOENT" });
}

describe("merging shards", () => {
  it("gives the file that would have been written at once, byte for byte", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.dictionary(fc.string({ minLength: 1, maxLength: 6 }), tensorData, { maxKeys: 12 }),
        fc.integer({ min: 1, max: 400 }),
        async (set, limit) => {
          const tensors = new Map(Object.entries(set));
          tensors.delete("__metadata__");
          const folder = fresh();
          await saveShards(folder, tensors, { maxShardSize: limit });
          const [merged, whole] = [fresh(), fresh()];
          const { bytes } = await mergeShards(folder, merged);
          await saveSafetensors(whole, tensors);
          assert.ok(readFileSync(merged).equals(readFileSync(whole)));
          assert.equal(
            bytes,
            [...tensors.values()].reduce((sum, t) => sum + bytesOf(t).length, 0),
          );
        },
      ),
      { numRuns: 60 },
    );
  });

  it("copies tensors that are longer than a piece, and tells how far it is", async () => {
    const long: TensorData = { dtype: "float32", shape: [2_500_000], data: Float32Array.from({ length: 2_500_000 }, (_, i) => i) };
    const folder = await shards({ "a.safetensors": { long }, "b.safetensors": { short: floats(1) } });
    const out = fresh();
    const steps: (readonly [number, number])[] = [];
    const { shards: count, tensors, bytes } = await mergeShards(folder, out, { onProgress: (...step) => steps.push(step) });
    assert.deepEqual([count, tensors, bytes], [2, 2, 10_000_004]);
    assert.ok(steps.length >= 4);
    assert.deepEqual(steps.at(-1), [10_000_004, 10_000_004]);
    assert.deepEqual((await loadSafetensors(out)).get("long")!.data, long.data);
  });

  it("copies element types that cannot be read here", async () => {
    const folder = await shards({ "b.safetensors": { y: floats(1) } }, { weight_map: { f8: "a.safetensors", y: "b.safetensors" } });
    const json = JSON.stringify({ f8: { dtype: "F8_E4M3", shape: [3], data_offsets: [0, 3] } });
    const head = Buffer.alloc(8);
    head.writeBigUInt64LE(BigInt(json.length));
    writeFileSync(join(folder, "a.safetensors"), Buffer.concat([head, Buffer.from(json), Buffer.of(7, 8, 9)]));
    const out = fresh();
    await mergeShards(folder, out);
    assert.ok(
      readFileSync(out)
        .subarray(-3)
        .equals(Buffer.of(7, 8, 9)),
    );
  });

  it("copies a folder that has one whole file, and says so", async () => {
    const folder = fresh();
    await saveShards(folder, [["x", floats(1)]]);
    const warnings: string[] = [];
    const out = fresh();
    await mergeShards(folder, out, { onWarning: (text) => warnings.push(text) });
    assert.match(warnings.join(), /holds one whole model\.safetensors and no index: it is copied/);
    assert.ok(readFileSync(out).equals(readFileSync(join(folder, "model.safetensors"))));
  });

  it("warns of a total size that is not that of the tensors", async () => {
    const folder = await shards({ "a.safetensors": { x: floats(1, 2) } }, { metadata: { total_size: 9 } });
    const warnings: string[] = [];
    await mergeShards(folder, fresh(), { onWarning: (text) => warnings.push(text) });
    assert.match(warnings.join(), /total_size says 9 bytes, the tensors have 8/);
  });

  it("names what is missing, lies elsewhere, or is not in the index", async () => {
    const two = { "a.safetensors": { x: floats(1) }, "b.safetensors": { y: floats(2) } };
    await refused(await shards(two, { weight_map: { x: "a.safetensors", y: "c.safetensors" } }), /the shard c\.safetensors is missing: download it/);
    await refused(await shards(two, { weight_map: { x: "a.safetensors", y: "a.safetensors" } }), /tensor y is not in the shard a\.safetensors/);
    await refused(
      await shards(two, { weight_map: { x: "b.safetensors", y: "a.safetensors" } }),
      /tensor x is not in the shard b\.safetensors, it is in a\.safetensors/,
    );
    await refused(
      await shards({ "a.safetensors": { x: floats(1), z: floats(3) } }, { weight_map: { x: "a.safetensors" } }),
      /does not name tensor z of the shard a/,
    );
    await refused(
      await shards({ "a.safetensors": { x: floats(1), y: floats(1) }, "b.safetensors": { y: floats(2), z: floats(1) } }),
      /tensor y is in two shards, a\.safetensors and b\.safetensors/,
    );
    await refused(await shards(two, { weight_map: { x: "../a.safetensors" } }), /is not a file of this folder/);
  });

  it("names the shard that is cut off", async () => {
    const folder = await shards({ "a.safetensors": { x: floats(1, 2, 3) } });
    truncateSync(join(folder, "a.safetensors"), 80);
    await refused(folder, /a\.safetensors: .*the file is cut off; download it again/, "ERR_SAFETENSORS_TRUNCATED");
  });

  it("says what it looks for in a folder without weights", async () => {
    const folder = fresh();
    mkdirSync(folder);
    await refused(folder, /neither model\.safetensors\.index\.json nor model\.safetensors/);
  });

  it("leaves nothing behind when it cannot write", async () => {
    const folder = await shards({ "a.safetensors": { x: floats(1) } });
    await assert.rejects(mergeShards(folder, join(fresh(), "no", "such.safetensors")), { code: "ENOENT" });
    assert.deepEqual(readdirSync(folder).sort(), ["a.safetensors", indexFile]);
  });
});
