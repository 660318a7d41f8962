// Weights in several files: how tensors are dealt, what an index says, what is left of an earlier save.
import assert from "node:assert/strict";
import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { fc } from "../support/properties.js";
import { type AccelerateError, ArgumentError } from "../../src/errors.js";
import type { TensorData } from "../../src/graph/dtype.js";
import { Checkpoint } from "../../src/models/loading/checkpoint.js";
import { loadSafetensors, parseSize, planShards, saveShards } from "../../src/safetensors/index.js";

const root = mkdtempSync(join(tmpdir(), "shards-"));
after(() => rmSync(root, { recursive: true }));
let counter = 0;
const fresh = (): string => join(root, String(counter++));
const indexFile = "model.safetensors.index.json";

const floats = (...values: number[]): TensorData => ({ dtype: "float32", shape: [values.length], data: Float32Array.from(values) });
const sized = (bytes: number, value = 1): TensorData => ({ dtype: "uint8", shape: [bytes], data: new Uint8Array(bytes).fill(value) });

describe("sizes", () => {
  it("are decimal as in Python, or binary, or plain bytes", () => {
    const sizes: readonly (readonly [number | string, number])[] = [
      ["5MB", 5_000_000],
      ["10GB", 1e10],
      ["1.5 kb", 1500],
      ["2TB", 2e12],
      ["1GiB", 2 ** 30],
      [100, 100],
    ];
    for (const [size, bytes] of sizes) assert.equal(parseSize(size), bytes);
  });
  it("that cannot be meant are refused", () => {
    for (const size of ["", "10", "GB", "-1GB", "10 apples", 0, -5, Number.NaN, Number.POSITIVE_INFINITY, "0MB"])
      assert.throws(() => parseSize(size, "maxShardSize"), /maxShardSize is .*give bytes as a number/, String(size));
  });
});

describe("shards", () => {
  // Made with huggingface_hub's split_state_dict_into_shards_factory.
  const golden: readonly (readonly [limit: number, sizes: readonly number[], shards: readonly (readonly number[])[]])[] = [
    [10, [3, 60, 1, 10, 1, 25, 25, 25, 100, 24, 8, 1, 25, 0], [[1], [0, 2], [3], [5], [6], [7], [8], [9], [12], [4, 10, 11, 13]]],
    [25, [24, 24, 60, 0, 101, 25, 10, 101, 8, 60, 1, 11, 0, 0], [[0], [2], [4], [1, 3], [5], [7], [9], [6, 8, 10], [11, 12, 13]]],
    [100, [0, 100, 26, 0, 24, 100, 8, 24, 101, 0, 26, 8, 25, 25], [[0, 1], [2, 3, 4], [5], [8], [6, 7, 9, 10, 11, 12], [13]]],
  ];
  for (const [limit, sizes, shards] of golden) {
    it(`of at most ${limit} bytes hold what Python's hold`, () => {
      const planned = planShards(
        sizes.map((bytes, i) => [String(i), bytes]),
        limit,
      );
      assert.deepEqual(
        planned.map((shard) => shard.map(Number)),
        shards,
      );
    });
  }
  it("hold every tensor once, in order, within the limit or alone", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(50), { maxLength: 30 }), fc.integer({ min: 1, max: 60 }), (sizes, limit) => {
        const shards = planShards(
          sizes.map((bytes, i) => [String(i), bytes]),
          limit,
        ).map((shard) => shard.map(Number));
        assert.deepEqual(
          shards.flat().sort((a, b) => a - b),
          sizes.map((_, i) => i),
        );
        for (const shard of shards) assert.ok(shard.length === 1 || shard.reduce((sum, i) => sum + sizes[i]!, 0) <= limit);
      }),
    );
  });
});

describe("saving in shards", () => {
  const tensors = new Map([
    ["b", sized(60, 1)],
    ["a", sized(60, 2)],
    ["10", sized(30, 3)],
    ["9", sized(200, 4)],
  ]);

  it("writes files of limited size and an index with sorted keys", async () => {
    const folder = fresh();
    await saveShards(folder, tensors, { maxShardSize: 100 });
    assert.deepEqual(readdirSync(folder).sort(), [
      "model-00001-of-00003.safetensors",
      "model-00002-of-00003.safetensors",
      "model-00003-of-00003.safetensors",
      indexFile,
    ]);
    assert.equal(
      readFileSync(join(folder, indexFile), "utf8"),
      `{
  "metadata": {
    "total_size": 350
  },
  "weight_map": {
    "10": "model-00003-of-00003.safetensors",
    "9": "model-00002-of-00003.safetensors",
    "a": "model-00003-of-00003.safetensors",
    "b": "model-00001-of-00003.safetensors"
  }
}
`,
    );
    await using checkpoint = await Checkpoint.open(folder);
    assert.deepEqual([...checkpoint.tensors.keys()].sort(), ["10", "9", "a", "b"]);
  });

  it("leaves one file without an index when all fits, and removes the shards of before", async () => {
    const folder = fresh();
    await saveShards(folder, tensors, { maxShardSize: 100 });
    writeFileSync(join(folder, "config.json"), "{}");
    writeFileSync(join(folder, "model-mine.safetensors"), "");
    await saveShards(folder, tensors);
    assert.deepEqual(readdirSync(folder).sort(), ["config.json", "model-mine.safetensors", "model.safetensors"]);
    assert.equal((await loadSafetensors(join(folder, "model.safetensors"))).size, 4);
  });

  it("removes the one file, or the shards of another number, of before", async () => {
    const folder = fresh();
    await saveShards(folder, tensors);
    await saveShards(folder, tensors, { maxShardSize: 100 });
    await saveShards(folder, tensors, { maxShardSize: "150B" });
    assert.deepEqual(readdirSync(folder).sort(), ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors", indexFile]);
  });

  it("replaces shards of the same names", async () => {
    const folder = fresh();
    await saveShards(
      folder,
      [
        ["x", floats(1, 2)],
        ["y", floats(3, 4)],
      ],
      { maxShardSize: 8 },
    );
    await saveShards(
      folder,
      [
        ["x", floats(5, 6)],
        ["z", floats(7, 8)],
      ],
      { maxShardSize: 8 },
    );
    await using checkpoint = await Checkpoint.open(folder);
    assert.deepEqual([...checkpoint.tensors.keys()], ["x", "z"]);
    assert.deepEqual([...(await checkpoint.readFloat32("z"))], [7, 8]);
  });

  it("that fails leaves the earlier save and nothing else", async () => {
    const folder = fresh();
    await saveShards(folder, tensors, { maxShardSize: 100 });
    const before = readdirSync(folder).sort();
    const bad: TensorData = { dtype: "float32", shape: [3], data: new Float32Array(2) };
    await assert.rejects(saveShards(folder, [...tensors, ["bad", bad]], { maxShardSize: 100 }), { code: "ERR_SAFETENSORS_SIZE" });
    assert.deepEqual(readdirSync(folder).sort(), before);
    await using checkpoint = await Checkpoint.open(folder);
    assert.equal(checkpoint.tensors.size, 4);
  });

  it("says when the folder is a file", async () => {
    const file = fresh();
    writeFileSync(file, "");
    await assert.rejects(
      saveShards(file, tensors),
      (error) => error instanceof ArgumentError && /is a file, a model is saved into a folder/.test(error.message),
    );
    await assert.rejects(saveShards(join(file, "below"), tensors), /is a file/);
  });
});

describe("a save that is killed", () => {
  const program = fileURLToPath(new URL("./programs/save-shards.js", import.meta.url));

  it("leaves the earlier weights, the new ones, or none that load; never some of both", async () => {
    const folder = fresh();
    let loaded = 0;
    for (let kill = 0; kill < 12; kill++) {
      const child = fork(program, [folder], { stdio: "ignore" });
      await once(child, "message");
      await setTimeout(3 + ((kill * 7.3) % 40));
      child.kill("SIGKILL");
      await once(child, "exit");
      let checkpoint: Checkpoint;
      try {
        checkpoint = await Checkpoint.open(folder);
      } catch (error) {
        assert.equal((error as AccelerateError).code, "ERR_WEIGHTS_NOT_FOUND");
        continue;
      }
      const values = new Set<number>();
      for (const name of checkpoint.tensors.keys()) for (const value of await checkpoint.readFloat32(name)) values.add(value);
      assert.deepEqual([checkpoint.tensors.size, values.size], [6, 1], `kill ${kill}: values ${[...values]}`);
      await checkpoint.close();
      loaded++;
    }
    assert.ok(loaded > 0);
    // The next save removes what those have left.
    await saveShards(folder, [["x", floats(1)]]);
    assert.deepEqual(readdirSync(folder), ["model.safetensors"]);
  });
});
