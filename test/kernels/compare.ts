// Nodes of the library's own ops against their decompositions, on every instruction set and as with several numbers of threads.
import assert from "node:assert/strict";
import { decompose } from "../../src/graph/passes/decompose.js";
import { type Attributes, type DType, Graph, sizeOf, type TensorData, typedArray, type Value } from "../../src/graph/index.js";
import { evaluate } from "../support/evaluate.js";
import { instructionSets, testKernels } from "./fixtures.js";

export interface OpInput {
  readonly shape: readonly number[];
  readonly values: ArrayLike<number>;
  /** Default: float32. */
  readonly dtype?: DType;
}
export interface OpCase {
  readonly op: string;
  readonly inputs: readonly (OpInput | undefined)[];
  readonly attributes?: Attributes;
  /** Which outputs are read; default: all. */
  readonly outputs?: readonly number[];
  /** Allowed difference, relative to the greatest number of the output or 1; default 2e-6. */
  readonly tolerance?: number;
}

function graphOf({ op, inputs, attributes = {}, outputs }: OpCase): { graph: Graph; feeds: Map<Value, TensorData>; read: Value[] } {
  const graph = new Graph();
  const feeds = new Map<Value, TensorData>();
  const values = inputs.map((input, i) => {
    if (!input) return undefined;
    const { shape, values, dtype = "float32" } = input;
    const value = graph.input(
      `x${i}`,
      dtype,
      shape.map((d) => d),
    );
    feeds.set(value, { dtype, shape, data: typedArray(dtype, values) });
    return value;
  });
  const max = graph.ops.get(op, "accelerate_ts")!.outputs[1];
  const made = graph.add(op, values, attributes, { domain: "accelerate_ts", outputs: max });
  return { graph, feeds, read: outputs ? outputs.map((i) => made[i]!) : made };
}

/** The outputs of the op's decomposition. */
async function oracle(c: OpCase): Promise<TensorData[]> {
  const { graph, feeds, read } = graphOf(c);
  for (const value of read) graph.output(value);
  decompose(graph, (node) => node.domain === "accelerate_ts");
  return evaluate(graph, feeds, graph.outputs);
}

/** Fails where a kernel differs from the decomposition by more than rounding, or gives other bits with another number of threads. */
export async function checkOp(c: OpCase, threads: readonly number[] = [1, 3]): Promise<void> {
  const expected = await oracle(c);
  const { graph, feeds, read } = graphOf(c);
  for (const isa of instructionSets()) {
    let first: TensorData[] | undefined;
    for (const count of threads) {
      testKernels().limit(isa, count);
      try {
        const found = await evaluate(graph, feeds, read);
        if (first) assert.deepEqual(found, first, `${c.op}: other bits with ${count} threads`);
        first = found;
      } finally {
        testKernels().limit(-1, 0);
      }
    }
    for (const [i, output] of first!.entries())
      same(output, expected[i]!, c.tolerance ?? 2e-6, `${c.op}, output ${c.outputs?.[i] ?? i}, instruction set ${isa}`);
  }
}

function same(found: TensorData, expected: TensorData, tolerance: number, where: string): void {
  assert.deepEqual(found.shape, expected.shape, where);
  assert.equal(found.data.length, sizeOf(expected.shape));
  const numbers = Array.from(expected.data as ArrayLike<number | bigint>, Number);
  const greatest = Math.max(1, ...numbers.map((v) => (Number.isFinite(v) ? Math.abs(v) : 0)));
  for (const [i, b] of numbers.entries()) {
    const a = Number(found.data[i]);
    assert.ok(Object.is(a, b) || Math.abs(a - b) <= tolerance * greatest, `${where}, element ${i}: ${a}, not ${b}`);
  }
}
