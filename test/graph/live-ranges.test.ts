// The memory of a graph's values: who lives with whom, in the order of ONNX Runtime.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { fc } from "../support/properties.js";
import { Graph, type Value } from "../../src/graph/graph.js";
import { executionOrder, liveRun } from "../../src/graph/live-ranges.js";

const KB = 1024;
const floats = 256; // [256] float32: 1 KiB
const bytes = ({ shape }: Value): number => shape.reduce<number>((product, d) => product * Number(d), 4);

/** Counts what is given out, and refuses what cannot be. */
class Counter {
  live = 0;
  most = 0;
  readonly blocks = new Set<object>();
  allocate(size: number): { readonly size: number } {
    const block = { size };
    this.blocks.add(block);
    this.live += size;
    this.most = Math.max(this.most, this.live);
    return block;
  }
  free(block: { readonly size: number }): void {
    assert.ok(this.blocks.delete(block), "freed twice");
    this.live -= block.size;
  }
}
function run(graph: Graph): { peak: number; at: string | undefined } {
  const memory = new Counter();
  const peak = liveRun(graph, { bytes, memory });
  assert.equal(memory.most, peak.bytes);
  assert.equal(memory.blocks.size, 0, "all is given back");
  return { peak: peak.bytes, at: peak.node?.op };
}

describe("values between inputs and outputs", () => {
  it("of a chain are two at a time; inputs and outputs are none", () => {
    const g = new Graph();
    let x = g.input("x", "float32", [floats]);
    for (const op of ["Tanh", "Exp", "Erf", "Tanh"]) [x] = g.add(op, [x]) as [Value];
    g.output(x);
    assert.deepEqual(run(g), { peak: 2 * KB, at: "Exp" });
  });

  it("live until their last use", () => {
    const g = new Graph();
    const x = g.input("x", "float32", [floats]);
    const [kept] = g.add("Tanh", [x]) as [Value];
    let y = kept;
    for (let i = 0; i < 3; i++) [y] = g.add("Exp", [y]) as [Value];
    g.output(g.add("Add", [y, kept])[0]!);
    assert.equal(run(g).peak, 3 * KB);
  });

  it("that are the same memory under another shape count once", () => {
    const g = new Graph();
    const x = g.input("x", "float32", [floats]);
    const [a] = g.add("Tanh", [x]) as [Value];
    const shape = g.constant({ dtype: "int64", shape: [2], data: BigInt64Array.of(16n, 16n) });
    const [b] = g.add("Reshape", [a, shape]) as [Value];
    g.output(g.add("Exp", [b])[0]!);
    // An input under another name is no value of its own either.
    g.output(g.add("Tanh", [g.add("Reshape", [x, shape])[0]!])[0]!);
    assert.equal(run(g).peak, KB);
  });

  it("that nobody uses are given back at once", () => {
    const g = new Graph();
    const x = g.input("x", "float32", [floats]);
    g.add("Tanh", [x]);
    g.add("Exp", [x]);
    g.output(g.add("Erf", [x])[0]!);
    assert.equal(run(g).peak, KB);
  });
});

describe("the order of ONNX Runtime", () => {
  it("begins with what the last unused node needs, the last of that first", () => {
    const g = new Graph();
    const x = g.input("x", "float32", [floats]);
    const [a] = g.add("Tanh", [x], {}, { name: "a" }) as [Value];
    const [b] = g.add("Exp", [x], {}, { name: "b" }) as [Value];
    g.output(g.add("Add", [a, a], {}, { name: "first" })[0]!);
    g.output(g.add("Add", [a, b], {}, { name: "last" })[0]!);
    assert.deepEqual(
      executionOrder(g).map(({ name }) => name),
      ["b", "a", "last", "first"],
    );
  });

  it("holds every node once, behind what it needs", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(30), fc.nat(30)), { minLength: 1, maxLength: 30 }), (picks) => {
        const g = new Graph();
        const values = [g.input("x", "float32", [floats])];
        for (const [i, j] of picks) values.push(g.add("Add", [values[i % values.length], values[j % values.length]])[0]!);
        g.output(values.at(-1)!);
        const order = executionOrder(g);
        assert.equal(new Set(order).size, g.nodes.length);
        const places = new Map(order.map((node, place) => [node, place]));
        for (const node of order) for (const value of node.inputs) if (value?.producer) assert.ok(places.get(value.producer)! < places.get(node)!);
        run(g);
      }),
    );
  });
});
