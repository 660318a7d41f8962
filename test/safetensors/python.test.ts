// Files of ours in the format's own library and back, and what the two make of random files. Runs where ACCELERATE_TS_TEST_PYTHON names a Python with safetensors and torch.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { fc } from "../support/properties.js";
import type { TensorData } from "../../src/graph/dtype.js";
import { loadSafetensors, type SafetensorsError, SafetensorsFile, saveSafetensors } from "../../src/safetensors/index.js";
import { encoded, right, wrong } from "./random-files.js";

const python = process.env.ACCELERATE_TS_TEST_PYTHON;
const options = { skip: python ? false : "ACCELERATE_TS_TEST_PYTHON names no Python with safetensors" };
const folder = mkdtempSync(join(tmpdir(), "safetensors-python-"));
after(() => rmSync(folder, { recursive: true }));
const run = (code: readonly string[], ...args: readonly string[]): string => execFileSync(python!, ["-c", code.join("\n"), ...args], { encoding: "utf8" });

const tensors: readonly (readonly [name: string, tensor: TensorData])[] = [
  ["größe.weight", { dtype: "float32", shape: [2, 2], data: Float32Array.of(1, -0, 3e38, Number.NaN) }],
  ["張量", { dtype: "float64", shape: [1], data: Float64Array.of(0.1) }],
  ["__proto__", { dtype: "float16", shape: [3], data: Uint16Array.of(0x3c00, 0x0001, 0x7e00) }],
  ["7", { dtype: "bfloat16", shape: [1, 1, 2], data: Uint16Array.of(0x3f80, 0xff80) }],
  ['"quoted" \\ \n', { dtype: "int64", shape: [2], data: BigInt64Array.of(-(2n ** 63n), 2n ** 63n - 1n) }],
  ["", { dtype: "int32", shape: [], data: Int32Array.of(-5) }],
  ["i8", { dtype: "int8", shape: [3], data: Int8Array.of(1, -2, 3) }],
  ["u8", { dtype: "uint8", shape: [0, 4], data: new Uint8Array() }],
  ["bool", { dtype: "bool", shape: [2], data: Uint8Array.of(1, 0) }],
];
const bytesOf = ({ data }: TensorData): Buffer => Buffer.from(data.buffer, data.byteOffset, data.byteLength);

describe("the format's own library", options, () => {
  it("reads what we write, and what it writes we read, bit for bit", async () => {
    const [ours, theirs] = [join(folder, "ours.safetensors"), join(folder, "theirs.safetensors")];
    await saveSafetensors(ours, tensors, { metadata: { format: "pt", größe: "groß" } });
    run(
      [
        "import sys; from safetensors import safe_open; from safetensors.torch import save_file",
        "with safe_open(sys.argv[1], 'pt') as f: save_file({k: f.get_tensor(k) for k in f.keys()}, sys.argv[2], f.metadata())",
      ],
      ours,
      theirs,
    );
    const back = await loadSafetensors(theirs);
    assert.equal(back.size, tensors.length);
    for (const [name, tensor] of tensors) {
      const { dtype, shape } = back.get(name)!;
      assert.deepEqual([dtype, shape], [tensor.dtype, tensor.shape], name);
      assert.deepEqual(bytesOf(back.get(name)!), bytesOf(tensor), name);
    }
    await using opened = await SafetensorsFile.open(theirs);
    assert.deepEqual({ ...opened.metadata }, { format: "pt", größe: "groß" });
  });

  it("reads and refuses the random files that we read and refuse", async () => {
    const seed = Number(process.env.FC_SEED ?? 1);
    const files = [
      ...fc.sample(right, { numRuns: 300, seed }),
      ...fc.sample(fc.tuple(wrong, fc.uint8Array({ maxLength: 20 })), { numRuns: 1500, seed }).map(([header, data]) => encoded(header, data)),
      ...fc.sample(fc.tuple(right, fc.nat(1_000_000), fc.integer({ min: 1, max: 255 })), { numRuns: 1500, seed }).map(([bytes, at, mask]) => {
        bytes[at % bytes.length]! ^= mask;
        return bytes;
      }),
    ];
    for (const [i, bytes] of files.entries()) writeFileSync(join(folder, `${i}.bin`), bytes);
    const code = [
      "import sys, json; from safetensors import deserialize",
      "def verdict(i):",
      "    try: return sorted(k for k, _ in deserialize(open(f'{sys.argv[1]}/{i}.bin', 'rb').read()))",
      "    except Exception as e: return str(e)",
      "print(json.dumps([verdict(i) for i in range(int(sys.argv[2]))]))",
    ];
    const theirs = JSON.parse(run(code, folder, String(files.length))) as (readonly string[] | string)[];
    let read = 0;
    for (const [i, verdict] of theirs.entries()) {
      const what = `${i}: ${files[i]!.subarray(8)} ${JSON.stringify(verdict)}`;
      try {
        await using opened = await SafetensorsFile.open(join(folder, `${i}.bin`));
        assert.ok(typeof verdict !== "string", what);
        assert.equal(verdict.length, opened.tensors.size, what);
        for (const name of verdict) assert.ok(opened.tensors.has(name), what);
        read++;
      } catch (error) {
        if ((error as Error).name === "AssertionError") throw error;
        // It takes keys that are there twice, which the format's description forbids.
        assert.ok(typeof verdict === "string" || (error as SafetensorsError).code === "ERR_SAFETENSORS_NAME", `${what} ${(error as Error).message}`);
      }
    }
    assert.ok(read > 300, `${read} read`);
  });
});
