// Parts of unlike sizes, joined and cut without the tables that CUDA's provider would send up in each run: the same numbers, with sizes that only a run knows.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Builder } from "../../src/graph/builder.js";
import { type DType, dtypes, sizeOf } from "../../src/graph/dtype.js";
import { Graph } from "../../src/graph/graph.js";
import { toOnnx } from "../../src/graph/onnx/write.js";
import { lowerFor } from "../../src/graph/passes/lower/index.js";
import { Engine } from "../../src/runtime/index.js";

interface Case {
  readonly dtype: DType;
  readonly axis: number;
  /** Sizes along the axis. */
  readonly parts: readonly number[];
}
const cases: readonly Case[] = [
  { dtype: "float32", axis: 0, parts: [3, 5] },
  { dtype: "float32", axis: -1, parts: [2, 1, 4] },
  { dtype: "int64", axis: 1, parts: [6, 1] },
  { dtype: "int64", axis: 1, parts: [1, 3, 2] },
  { dtype: "bool", axis: 0, parts: [1, 4] },
  { dtype: "float32", axis: 0, parts: Array.from({ length: 40 }, () => 1) },
];
const [rows, columns] = [2, 3];

for (const { dtype, axis, parts } of cases)
  for (const symbolic of [false, true])
    test(`${dtype} [${parts.join()}] along axis ${axis}${symbolic ? ", sizes of the run" : ""}`, async () => {
      const graph = new Graph();
      const b = new Builder(graph);
      const at = axis < 0 ? axis + 3 : axis;
      const shapeOf = (n: number): number[] => [rows, columns, 2].map((d, i) => (i === at ? n : d));
      const named = new Map<string, number>();
      const xs = parts.map((n, i) => {
        const size = symbolic && n !== 1 ? graph.env.symbol(n) : n;
        if (typeof size === "string") named.set(size, n);
        return graph.input(
          `x${i}`,
          dtype,
          shapeOf(n).map((d, k) => (k === at ? size : d)),
        );
      });
      const whole = b.concat(xs, axis);
      graph.output(whole);
      const { sizes } = lowerFor(graph, { type: "cuda", kernels: new Set(), half: true });
      for (const { op, inputs } of graph.nodes)
        if (op === "Concat") {
          assert.ok(inputs.length <= 32);
          assert.equal(new Set(inputs.map((x) => String(graph.env.resolve(x!.shape.at(axis)!)))).size, 1);
        }
      await using session = await Engine.default().createSession(toOnnx(graph), {});
      using binding = session.createBinding();
      let next = 0;
      const given = parts.map((n) =>
        Array.from({ length: sizeOf(shapeOf(n)) }, () =>
          dtype === "bool" ? (next++ % 3 === 0 ? 1 : 0) : dtype === "int64" ? 2 ** 52 - next++ : Math.fround(Math.sin(next++)),
        ),
      );
      const array = (numbers: readonly number[]) => (dtype === "int64" ? BigInt64Array.from(numbers, BigInt) : new dtypes[dtype].array(numbers as never));
      for (const [i, { name }] of session.inputs.entries()) {
        const part = xs.findIndex((x) => x.name === name);
        if (part >= 0) binding.bindInput(i, array(given[part]!), shapeOf(parts[part]!));
        else {
          const { value, dims } = sizes.find((s) => s.value.name === name)!;
          const data = BigInt64Array.from(dims, (d) => BigInt(typeof d === "number" ? d : graph.env.evaluate(d, named)));
          binding.bindInput(i, data, value.rank === 0 ? [] : [data.length]);
        }
      }
      const total = parts.reduce((a, n) => a + n, 0);
      const out = array(Array.from({ length: sizeOf(shapeOf(total)) }, () => 0));
      binding.bindOutput(0, out, shapeOf(total));
      await binding.run();
      const expected: number[] = [];
      const outer = sizeOf(shapeOf(0).slice(0, at));
      const inner = sizeOf(shapeOf(0).slice(at + 1));
      for (let o = 0; o < outer; o++) for (const [k, n] of parts.entries()) expected.push(...given[k]!.slice(o * n * inner, (o + 1) * n * inner));
      assert.deepEqual(Array.from(out as never, Number), expected);
    });
