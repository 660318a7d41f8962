// Many tensors at once: neighbours in the file share reads, whatever lies between the others.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, statSync, truncateSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { fc } from "../support/properties.js";
import type { TensorData } from "../../src/graph/dtype.js";
import { SafetensorsFile, saveSafetensors } from "../../src/safetensors/index.js";

const folder = mkdtempSync(join(tmpdir(), "reads-"));
after(() => rmSync(folder, { recursive: true }));
let counter = 0;
const fresh = () => join(folder, `${counter++}.safetensors`);
const floats = (length: number, first: number): TensorData => ({
  dtype: "float32",
  shape: [length],
  data: Float32Array.from({ length }, (_, i) => first + i),
});

describe("reading many tensors", () => {
  it("gives each its own numbers, in any order, with gaps between them and other types among them", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(40), { minLength: 1, maxLength: 12 }), fc.array(fc.nat(11), { maxLength: 12 }), async (lengths, picks) => {
        const file = fresh();
        const all = lengths.map((length, i) => [`t${i}`, floats(length, i * 1000)] as const);
        const half: TensorData = { dtype: "float16", shape: [2], data: Uint16Array.of(0x3c00, 0xc000) };
        await saveSafetensors(file, [...all, ["half", half]]);
        await using opened = await SafetensorsFile.open(file);
        const wanted = [...new Set(picks)].filter((i) => i < lengths.length).map((i) => [`t${i}`, new Float32Array(lengths[i]!)] as const);
        const widened = new Float32Array(2);
        await opened.readFloat32Into([...wanted, ["half", widened]]);
        for (const [name, data] of wanted) assert.deepEqual(data, all.find(([n]) => n === name)![1].data, name);
        assert.deepEqual(widened, Float32Array.of(1, -2));
      }),
      { numRuns: 25 },
    );
  });

  it("cuts what is larger than a read, and fills parts of larger memory", async () => {
    const file = fresh();
    const sizes = [1_300_000, 5, 2_500_000];
    await saveSafetensors(
      file,
      sizes.map((length, i) => [`t${i}`, floats(length, i)] as const),
    );
    const memory = new Float32Array(4_000_000);
    let at = 0;
    const wanted = sizes.map((length, i) => {
      const into = memory.subarray(at, at + length);
      at += length + 16;
      return [`t${i}`, into] as const;
    });
    await using opened = await SafetensorsFile.open(file);
    await opened.readFloat32Into(wanted);
    for (const [i, [name, into]] of wanted.entries()) assert.deepEqual([name, into[0], into.at(-1)], [`t${i}`, i, Math.fround(i + sizes[i]! - 1)]);
    assert.ok(memory.subarray(sizes[0]!, sizes[0]! + 16).every((x) => x === 0));
  });

  it("says which tensor is cut off, and which does not fit its memory", async () => {
    const file = fresh();
    await saveSafetensors(file, [
      ["a", floats(10, 0)],
      ["b", floats(1000, 0)],
    ]);
    await using opened = await SafetensorsFile.open(file);
    await assert.rejects(opened.readFloat32Into([["a", new Float32Array(9)]]), { code: "ERR_SAFETENSORS_SIZE", message: /tensor a has 10 elements/ });
    await assert.rejects(opened.readFloat32Into([["c", new Float32Array(9)]]), { code: "ERR_SAFETENSORS_NAME" });
    truncateSync(file, statSync(file).size - 100);
    const wanted = [
      ["a", new Float32Array(10)],
      ["b", new Float32Array(1000)],
    ] as const;
    await assert.rejects(opened.readFloat32Into(wanted), { code: "ERR_SAFETENSORS_TRUNCATED", message: /tensor b .*was cut off/ });
  });
});
