// Convolutions, pools, normalizations of channels and resizing against torch (test/golden/make/conv_gradients.py).
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { decomposeForGradients, differentiate } from "../../src/autograd/differentiate.js";
import { type Attributes, Builder, type DType, float, Graph, type TensorData, typedArray, type Value } from "../../src/graph/index.js";
import { packageRoot } from "../../src/package-root.js";
import { evaluate } from "../support/evaluate.js";

interface Described {
  readonly shape: readonly number[];
  readonly values: readonly number[];
}
interface Case {
  readonly name: string;
  readonly op: string;
  readonly attributes: Readonly<Record<string, number | string | readonly number[] | { readonly float: number }>>;
  readonly inputs: readonly (Described | null)[];
  /** Inputs that are part of the graph, by position. */
  readonly constants: Readonly<Record<string, { readonly dtype: DType; readonly values: readonly number[] }>>;
  readonly output: Described;
  readonly dy: readonly number[];
  readonly gradients: Readonly<Record<string, readonly number[]>>;
}
const cases = JSON.parse(readFileSync(join(packageRoot(), "test/golden/conv-gradients.json"), "utf8")) as readonly Case[];

function near(actual: TensorData, expected: readonly number[], what: string): void {
  assert.equal(actual.data.length, expected.length, what);
  const size = Math.max(1, ...expected.map(Math.abs));
  for (const [i, want] of expected.entries()) {
    const got = Number(actual.data[i]);
    assert.ok(Math.abs(got - want) <= 3e-5 * size, `${what}: ${got} in place ${i}, torch has ${want}`);
  }
}

/** The case as a graph of one op, its loss the product with dy; sizes are numbers, or symbols with hints. */
async function check(c: Case, symbolic: boolean): Promise<void> {
  const graph = new Graph();
  const b = new Builder(graph);
  const data = (d: Described): TensorData => ({ dtype: "float32", shape: d.shape, data: typedArray("float32", d.values) });
  const feeds = new Map<Value, TensorData>();
  const last = Math.max(c.inputs.length - 1, ...Object.keys(c.constants).map(Number));
  const inputs = Array.from({ length: last + 1 }, (_, i) => {
    const constant = c.constants[i];
    if (constant) return graph.constant({ dtype: constant.dtype, shape: [constant.values.length], data: typedArray(constant.dtype, constant.values) });
    const d = c.inputs[i];
    if (!d) return undefined;
    const value = graph.input(`x${i}`, "float32", symbolic && i === 0 ? d.shape.map((size) => graph.env.symbol(size)) : d.shape);
    feeds.set(value, data(d));
    return value;
  });
  const attributes: Attributes = Object.fromEntries(
    Object.entries(c.attributes).map(([name, a]) => [name, typeof a === "object" && "float" in a ? float(a.float) : a]),
  );
  const y = b.op(c.op, inputs, attributes);
  assert.deepEqual(
    y.shape.map((d) => graph.env.hint(d)),
    c.output.shape,
  );
  const dy = graph.input("dy", "float32", [symbolic ? graph.env.symbol(c.dy.length) : c.dy.length]);
  feeds.set(dy, { dtype: "float32", shape: [c.dy.length], data: typedArray("float32", c.dy) });
  graph.output(b.reduce("ReduceSum", b.mul(b.op("Reshape", [y, b.int64([-1])]), dy), undefined));
  graph.output(y);
  decomposeForGradients(graph);
  const [loss, out] = graph.outputs as [Value, Value];
  const wanted = Object.keys(c.gradients).map(Number);
  const gradients = differentiate(graph, { loss, wrt: wanted.map((i) => inputs[i]!) });
  const results = await evaluate(graph, feeds, [out, ...wanted.map((i) => gradients.get(inputs[i]!)!)]);
  assert.deepEqual(results[0]!.shape, c.output.shape);
  near(results[0]!, c.output.values, "output");
  for (const [k, i] of wanted.entries()) {
    assert.deepEqual(results[k + 1]!.shape, c.inputs[i]!.shape);
    near(results[k + 1]!, c.gradients[i]!, `gradient of input ${i}`);
  }
}

for (const c of cases) {
  test(`${c.op}: output and gradients are torch's: ${c.name}`, () => check(c, false));
  test(`${c.op}: and with sizes that are symbols: ${c.name}`, () => check(c, true));
}
