// The users' program that trains somebody else's ONNX file, as written: on two workers and on one.
import assert from "node:assert/strict";
import { mkdtemp, mkdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { Dataset } from "../../src/data/index.js";
import { Builder, fromOnnx, Graph, toOnnx, type Value } from "../../src/graph/index.js";
import { packageRoot } from "../../src/package-root.js";
import { launched, lines, plain } from "./launched.js";
import { assertAsWritten, programOf } from "./workplace.js";

const root = packageRoot(import.meta.url);
const program = programOf("own-onnx.ts");
const sizes = { "layer1.weight": [8, 12], "layer4.weight": [12, 12], "layer4.bias": [12], "head.weight": [12, 3], "head.bias": [3] } as const;

/** A small network whose weights have a ResNet's names. */
function model(): Uint8Array {
  const graph = new Graph();
  const b = new Builder(graph);
  const weight = (name: keyof typeof sizes): Value => {
    const shape = sizes[name];
    const data = Float32Array.from({ length: shape.reduce((x, y) => x * y, 1) }, (_, i) => Math.sin(i * 1.7 + name.length) / 3);
    return graph.constant({ dtype: "float32", shape, data }, name);
  };
  const first = b.unary("Relu", b.matmul(graph.input("pixels", "float32", ["batch", 8]), weight("layer1.weight")));
  const fourth = b.unary("Relu", b.add(b.matmul(first, weight("layer4.weight")), weight("layer4.bias")));
  graph.output(b.add(b.matmul(fourth, weight("head.weight")), weight("head.bias")), "logits");
  return toOnnx(graph, { name: "resnet" });
}

test("the users' program of the design trains the head and the last layer of a file, and writes it back", { skip: program.skip }, async () => {
  assertAsWritten(program);
  const folder = await mkdtemp(join(tmpdir(), "own-onnx-"));
  try {
    await mkdir(join(folder, "node_modules"));
    await symlink(root, join(folder, "node_modules", "accelerate-ts"));
    await writeFile(join(folder, "package.json"), '{ "type": "module" }');
    await writeFile(join(folder, "own-onnx.ts"), program.text);
    const original = model();
    await writeFile(join(folder, "model.onnx"), original);
    const rows = Array.from({ length: 300 }, (_, i) => ({ pixels: Array.from({ length: 8 }, (_, k) => Math.cos(i * (k + 1))), label: i % 3 }));
    await Dataset.fromRows(rows, { features: { pixels: { sequence: "float32" }, label: "int64" } }).toParquet(join(folder, "train.parquet"));
    const weights = (bytes: Uint8Array) => new Map(fromOnnx(bytes).graph.constants.map(({ name, constant }) => [name, constant!.data]));
    for (const start of [launched(2), plain]) {
      const { stdout } = await start(["own-onnx.ts", "model.onnx", "train.parquet"], { cwd: folder });
      const shown = lines(stdout);
      assert.ok(shown.includes("parameters: 195 trainable, 96 frozen"), stdout);
      assert.ok(shown.includes("ops without a gradient rule: none"), stdout);
      const tuned = await readFile(join(folder, "tuned.onnx"));
      assert.equal(tuned.length, original.length);
      const [before, after] = [weights(original), weights(tuned)];
      const changed = Object.keys(sizes).filter(
        (name) => Buffer.compare(new Uint8Array(after.get(name)!.buffer), new Uint8Array(before.get(name)!.buffer)) !== 0,
      );
      assert.deepEqual(changed, ["layer4.weight", "layer4.bias", "head.weight", "head.bias"]);
      await rm(join(folder, "tuned.onnx"));
    }
  } finally {
    await rm(folder, { recursive: true });
  }
});
