// Ops and their gradients against torch (test/golden/make/op_gradients.py), with sizes known and with sizes that only a run tells.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { decomposeForGradients, differentiate } from "../../src/autograd/differentiate.js";
import { standardGradients } from "../../src/autograd/rules.js";
import {
  type Attributes,
  type AttributeValue,
  Builder,
  type DType,
  float,
  Graph,
  isFloat,
  sizeOf,
  type TensorData,
  typedArray,
  type Value,
} from "../../src/graph/index.js";
import { decomposeComposites } from "../../src/graph/passes/decompose.js";
import { packageRoot } from "../../src/package-root.js";
import { evaluate } from "../support/evaluate.js";

type Numbers = readonly (number | string)[];
interface Case {
  readonly name: string;
  readonly op: string;
  readonly attributes: Readonly<
    Record<string, { readonly int: number } | { readonly float: number } | { readonly string: string } | { readonly ints: readonly number[] }>
  >;
  readonly inputs: readonly ({
    readonly dtype: DType;
    readonly shape: readonly number[];
    readonly values: readonly number[];
    readonly fixed?: boolean;
  } | null)[];
  readonly outputs: readonly { readonly shape: readonly number[]; readonly values: Numbers }[];
  readonly gradients: readonly (Numbers | null)[];
}
const cases = JSON.parse(readFileSync(join(packageRoot(import.meta.url), "test/golden/op-gradients.json"), "utf8")) as readonly Case[];

const attributesOf = (c: Case): Attributes =>
  Object.fromEntries(
    Object.entries(c.attributes).map(([name, a]): [string, AttributeValue] => [
      name,
      "int" in a ? a.int : "float" in a ? float(a.float) : "string" in a ? a.string : a.ints,
    ]),
  );

/** The numbers of float outputs and of gradients, in float32. */
async function run(c: Case, symbolic: boolean): Promise<{ outputs: TensorData[]; gradients: (TensorData | null)[] }> {
  const graph = new Graph();
  const b = new Builder(graph);
  const feeds = new Map<Value, TensorData>();
  const inputs = c.inputs.map((x, i) => {
    if (!x) return undefined;
    const data = { dtype: x.dtype, shape: x.shape, data: typedArray(x.dtype, x.values) };
    if (x.fixed) return graph.constant(data);
    const value = graph.input(`x${i}`, x.dtype, !symbolic ? x.shape : x.shape.map((d) => graph.env.symbol(d)));
    feeds.set(value, data);
    return value;
  });
  const made = graph.add(c.op, inputs, attributesOf(c), { outputs: Math.max(c.outputs.length, c.op === "TopK" ? 2 : 1) });
  const parts = made.flatMap((y, k) => {
    if (!isFloat(y.dtype) || !c.outputs[k]) return [];
    const n = sizeOf(c.outputs[k].shape);
    const weights = graph.input(`w${k}`, y.dtype, [n]);
    feeds.set(weights, {
      dtype: y.dtype,
      shape: [n],
      data: typedArray(
        y.dtype,
        Array.from({ length: n }, (_, i) => Math.cos(0.7 * i + k + 0.3)),
      ),
    });
    return [b.reduce("ReduceSum", b.mul(b.op("Reshape", [y, b.int64([-1])]), weights), undefined)];
  });
  graph.output(b.sumOf(parts.map((p) => b.cast(p, "float32"))));
  for (const y of made) graph.output(y);
  decomposeComposites(graph, (node) => standardGradients.get(node.op, node.domain) !== undefined);
  decomposeForGradients(graph);
  const [loss, ...outputs] = graph.outputs.splice(0);
  const wrt = inputs.filter((x, i): x is Value => x !== undefined && c.gradients[i] !== null && !x.constant);
  const found = differentiate(graph, { loss: loss!, wrt });
  const present = wrt.filter((x) => found.has(x));
  graph.outputs.push(...outputs, ...present.map((x) => found.get(x)!));
  decomposeComposites(graph);
  const results = graph.outputs.splice(0);
  const values = await evaluate(
    graph,
    feeds,
    results.map((y) => (isFloat(y.dtype) ? b.cast(y, "float32") : y)),
  );
  return {
    outputs: values.slice(0, outputs.length),
    gradients: inputs.map((x) => (x && present.includes(x) ? values[outputs.length + present.indexOf(x)]! : null)),
  };
}

function near(found: TensorData, expected: Numbers, what: string): void {
  assert.equal(found.data.length, expected.length, `${what}: ${found.data.length} elements`);
  const largest = expected.reduce<number>((m, v) => Math.max(m, Math.abs(Number(v))), 1);
  for (const [i, v] of expected.entries()) {
    const got = Number(found.data[i]);
    assert.ok(Math.abs(got - Number(v)) <= 1e-5 * largest, `${what}: element ${i} is ${got}, torch has ${v}`);
  }
}

describe("ops and their gradients are torch's", () => {
  for (const c of cases) {
    test(c.name, async () => {
      for (const symbolic of [false, true]) {
        const { outputs, gradients } = await run(c, symbolic);
        const how = symbolic ? " with symbolic sizes" : "";
        for (const [k, expected] of c.outputs.entries()) {
          assert.deepEqual([...outputs[k]!.shape], expected.shape, `shape of output ${k}${how}`);
          near(outputs[k]!, expected.values, `output ${k}${how}`);
        }
        for (const [i, expected] of c.gradients.entries()) {
          if (!expected) continue;
          const gradient = gradients[i];
          // No gradient at all means zeros.
          if (!gradient)
            assert.ok(
              expected.every((v) => Number(v) === 0),
              `input ${i} has no gradient${how}`,
            );
          else {
            assert.deepEqual([...gradient.shape], c.inputs[i]!.shape, `shape of the gradient of input ${i}${how}`);
            near(gradient, expected, `gradient of input ${i}${how}`);
          }
        }
      }
    });
  }
});

test("the golden file covers every gradient rule of an op of ONNX, but for those of images", () => {
  const covered = new Set(cases.map((c) => c.op));
  const elsewhere = /Conv|Pool|BatchNorm|InstanceNorm|GroupNorm|Resize|Upsample|DepthToSpace|SpaceToDepth|LRN|^Dropout$/;
  const missing = [...standardGradients].filter(({ op, domain = "" }) => domain === "" && !covered.has(op) && !elsewhere.test(op)).map(({ op }) => op);
  assert.deepEqual(missing, []);
});
