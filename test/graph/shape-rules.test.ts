// The shape rules against ONNX's own node tests, whose outputs were computed with numpy (test/golden/make/shape_rules.py).
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { typedArray } from "../../src/graph/dtype.js";
import { type Attributes, type AttributeValue, type DType, float, Graph, type Value } from "../../src/graph/index.js";
import { packageRoot } from "../../src/package-root.js";

interface Described {
  readonly dtype: DType;
  readonly shape: readonly (number | null)[];
  readonly values?: readonly number[];
}
type StoredAttribute =
  | { readonly int: number }
  | { readonly float: number }
  | { readonly ints: readonly number[] }
  | { readonly floats: readonly number[] }
  | { readonly string: string }
  | { readonly tensor: Required<Described> };
interface Case {
  readonly name: string;
  readonly op: string;
  readonly attributes: Readonly<Record<string, StoredAttribute>>;
  readonly inputs: readonly (Described | null)[];
  readonly outputs: readonly (Described | null)[];
}

const cases = JSON.parse(readFileSync(join(packageRoot(), "test/golden/shape_rules.json"), "utf8")) as readonly Case[];

function attribute(a: StoredAttribute): AttributeValue {
  if ("int" in a) return a.int;
  if ("float" in a) return float(a.float);
  if ("ints" in a) return a.ints;
  if ("floats" in a) return { floats: a.floats };
  if ("string" in a) return a.string;
  return { dtype: a.tensor.dtype, shape: a.tensor.shape as number[], data: typedArray(a.tensor.dtype, a.tensor.values) };
}

/** The case's node over inputs whose dims the caller names; returns the outputs. */
function build(
  c: Case,
  dims: (graph: Graph, shape: readonly number[], dtype: DType) => readonly (number | string)[],
): { graph: Graph; outputs: readonly Value[] } {
  const graph = new Graph();
  const inputs = c.inputs.map((d, i) => {
    if (!d) return undefined;
    const shape = d.shape as number[];
    if (d.values) return graph.constant({ dtype: d.dtype, shape, data: typedArray(d.dtype, d.values) });
    return graph.input(`x${i}`, d.dtype, dims(graph, shape, d.dtype));
  });
  const attributes: Attributes = Object.fromEntries(Object.entries(c.attributes).map(([name, a]) => [name, attribute(a)]));
  return { graph, outputs: graph.add(c.op, inputs, attributes, { outputs: c.outputs.length }) };
}

function check(c: Case, size: (graph: Graph, value: Value, i: number) => number | undefined, graph: Graph, outputs: readonly Value[]): void {
  for (const [i, expected] of c.outputs.entries()) {
    if (!expected) continue;
    const value = outputs[i]!;
    assert.equal(value.dtype, expected.dtype, `${c.name}: dtype of output ${i}`);
    assert.equal(value.shape.length, expected.shape.length, `${c.name}: rank of output ${i}`);
    for (const [axis, d] of expected.shape.entries()) {
      const got = size(graph, value, axis);
      if (d !== null && got !== undefined) assert.equal(got, d, `${c.name}: dim ${axis} of output ${i}`);
    }
  }
}

test("the golden file covers the op table", () => {
  const covered = new Set(cases.map((c) => c.op));
  assert.ok(covered.size >= 90, `${covered.size} ops`);
});

test("outputs have the dtypes and shapes that numpy gives, with sizes known", () => {
  let known = 0;
  for (const c of cases) {
    const { graph, outputs } = build(c, (_, shape) => shape);
    check(
      c,
      (_, value, axis) => {
        const d = value.shape[axis]!;
        if (typeof d === "number") known++;
        return typeof d === "number" ? d : undefined;
      },
      graph,
      outputs,
    );
  }
  assert.ok(known > 800, `${known} sizes were known`);
});

test("the hints of symbolic sizes are the sizes that numpy gives, and their guards hold", () => {
  for (const c of cases) {
    const symbols = new Map<string, number>();
    const { graph, outputs } = build(c, (g, shape, dtype) =>
      shape.map((d, i) => {
        // The length of an index tuple decides the rank of the output: never symbolic.
        if (dtype === "int64" && i === shape.length - 1) return d;
        const s = g.env.symbol(d);
        symbols.set(s, d);
        return s;
      }),
    );
    assert.ok(graph.env.holds(symbols), `${c.name}: guards`);
    check(c, (g, value, axis) => g.env.hint(value.shape[axis]!), graph, outputs);
    for (const value of outputs) {
      for (const d of value.shape) {
        const hint = graph.env.hint(d);
        if (hint !== undefined && !graph.env.isUnknown(d)) assert.equal(graph.env.evaluate(d, symbols), hint, `${c.name}: ${d}`);
      }
    }
  }
});
