// accelerate-ts merge-weights, as it is called.
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import type { TensorData } from "../../src/graph/dtype.js";
import { loadSafetensors, saveShards } from "../../src/safetensors/index.js";
import { commandOf } from "./call-command.js";

const root = mkdtempSync(join(tmpdir(), "merge-weights-"));
after(() => rmSync(root, { recursive: true }));

const call = commandOf("merge-weights");
const floats = (...values: number[]): TensorData => ({ dtype: "float32", shape: [values.length], data: Float32Array.from(values) });

describe("merge-weights", async () => {
  const sharded = join(root, "sharded");
  await saveShards(
    sharded,
    [
      ["x", floats(1, 2)],
      ["y", floats(3, 4, 5)],
    ],
    { maxShardSize: 12 },
  );

  it("writes model.safetensors into a folder that it makes, and says what is in it", async () => {
    const { code, stdout, stderr } = await call(sharded, join(root, "out", "deep"));
    assert.deepEqual([code, stderr], [0, ""]);
    const file = join(root, "out", "deep", "model.safetensors");
    assert.equal(stdout, `${file}: 2 tensors of 2 files, 20 bytes\n`);
    assert.deepEqual((await loadSafetensors(file)).get("y")!.data, Float32Array.of(3, 4, 5));
  });

  it("writes the file that is named, and tells programs in JSON; options may stand anywhere", async () => {
    const file = join(root, "named.safetensors");
    const { stdout } = await call(sharded, file, "--json");
    assert.deepEqual(JSON.parse(stdout), { file, tensors: 2, shards: 2, bytes: 20, warnings: [] });
  });

  it("does not write over a file unless told", async () => {
    const file = join(root, "there.safetensors");
    writeFileSync(file, "precious");
    const refused = await call(sharded, file);
    assert.deepEqual([refused.code, refused.stdout, refused.stderr], [2, "", `${file} is there already: --force writes over it\n`]);
    assert.equal(readFileSync(file, "utf8"), "precious");
    assert.equal((await call("--force", sharded, file)).code, 0);
    assert.equal((await loadSafetensors(file)).size, 2);
  });

  it("does not write over a shard, even when told", async () => {
    const { code, stderr } = await call(sharded, join(sharded, "model-00001-of-00002.safetensors"), "--force");
    assert.equal(code, 2);
    assert.match(stderr, /lies among the shards and may be one of them/);
  });

  it("says what is wrong in one line: the call with code 2, the shards with code 1", async () => {
    const broken = join(root, "broken");
    await saveShards(
      broken,
      [
        ["x", floats(1, 2)],
        ["y", floats(3, 4, 5)],
      ],
      { maxShardSize: 12 },
    );
    rmSync(join(broken, "model-00002-of-00002.safetensors"));
    const cases: readonly (readonly [args: readonly string[], code: number, stderr: RegExp])[] = [
      [[join(root, "nowhere"), join(root, "o")], 2, /^.*nowhere: no such folder\n$/],
      [[join(root, "named.safetensors"), join(root, "o")], 2, /^.*named\.safetensors: a file, not a folder with shards\n$/],
      [[sharded], 2, /^missing required argument out\n$/],
      [[root, join(root, "o")], 1, /^.*: there is neither model\.safetensors\.index\.json nor model\.safetensors: give the folder.*\n$/],
      [[broken, join(root, "o", "inner")], 1, /^.*the shard model-00002-of-00002\.safetensors is missing: download it into the same folder\n$/],
    ];
    for (const [args, code, stderr] of cases) {
      const found = await call(...args);
      assert.equal(found.code, code, found.stderr);
      assert.match(found.stderr, stderr);
      assert.equal(found.stdout, "");
    }
    assert.ok(!existsSync(join(root, "o")), "nothing is left of a merge that fails");
  });
});
