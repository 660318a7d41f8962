// Random graphs over the op table: a list of small numbers, each of which picks an op and its operands among the values made so far.
import { fc } from "../support/properties.js";
import { Builder, type Dim, Graph, type Value } from "../../src/graph/index.js";

export interface Step {
  readonly kind: number;
  /** Which value it is applied to, and a choice within the step. */
  readonly on: number;
  readonly choice: number;
}
export interface RandomGraph {
  readonly graph: Graph;
  readonly sizes: ReadonlyMap<string, number>;
}

type Apply = (b: Builder, x: Value, choice: number) => readonly Value[];
const known = (x: Value, axis: number): number => x.shape.length && axis % x.shape.length;
const last = (x: Value): number => x.rank - 1;

/** What a step may do to a float value of any shape; nothing where the op does not take it. */
const steps: readonly Apply[] = [
  (b, x, c) => [b.unary(["Tanh", "Sigmoid", "Neg", "Abs", "Relu", "Erf", "Sign", "Identity"][c % 8]!, x)],
  (b, x, c) => [b.op(["Add", "Mul", "Sub", "Max", "Min"][c % 5]!, [x, x])],
  (b, x, c) => [b.mulScalar(x, c + 2)],
  (b, x, c) => (x.rank ? [b.add(x, b.reduce("ReduceMean", x, [known(x, c)], true))] : []),
  (b, x, c) => [b.reduce(["ReduceSum", "ReduceMax", "ReduceMin"][c % 3] as "ReduceSum", x, x.rank ? [known(x, c)] : undefined)],
  (b, x) => (x.rank > 1 ? [b.matmul(x, x, { transposeB: true, alpha: 0.5 })] : []),
  (b, x) => (x.rank > 1 ? [b.transpose(x, [...x.shape.keys()].reverse())] : []),
  (b, x) => [b.reshape(x, [-1])],
  (b, x) => (x.rank > 1 ? [b.reshape(x, [b.graph.env.mul(x.shape[0]!, x.shape[1]!), ...x.shape.slice(2)])] : []),
  (b, x) => (x.rank < 5 ? [b.reshape(x, [...x.shape, 1])] : []),
  (b, x, c) => (x.rank < 5 ? [b.unsqueeze(x, [c % (x.rank + 1)])] : []),
  (b, x, c) => (x.rank ? [b.op(c % 2 ? "Softmax" : "LogSoftmax", [x], { axis: -1 })] : []),
  (b, x, c) => (x.rank ? [b.slice(x, known(x, c), 0, 1)] : []),
  (b, x, c) => (x.rank ? [b.slice(x, known(x, c), -1, 2 ** 40)] : []),
  (b, x, c) => (x.rank ? [b.concat([x, x], known(x, c))] : []),
  (b, x, c) => (x.rank ? b.ops("TopK", [x, b.int64([1])], { axis: known(x, c) }).slice(0, 1) : []),
  (b, x, c) => (x.rank ? [b.cast(b.op("ArgMax", [x], { axis: known(x, c), keepdims: 0 }), "float32")] : []),
  (b, x) => [b.where(b.op("Greater", [x, b.scalar(0, "float32")]), x, b.unary("Neg", x))],
  (b, x) => [b.fill(b.shapeOf(x), 0.5, "float32")],
  (b, x, c) => (x.rank ? [b.gather(x, b.int64([0, 0]), known(x, c))] : []),
  (b, x, c) => (x.rank ? [b.op("Pad", [x, b.int64([...x.shape.keys(), ...x.shape.keys()].map((_, i) => (i % x.rank === known(x, c) ? 1 : 0)))])] : []),
  (b, x) => (x.rank ? [b.op("Tile", [x, b.int64(x.shape.map((_, i) => (i === last(x) ? 2 : 1)))])] : []),
  (b, x) => (x.rank ? b.ops("LayerNormalization", [x, b.fill([x.shape[last(x)]!], 1, "float32", [x])], { axis: -1 }, { outputs: 3 }).slice(0, 2) : []),
  (b, x) => [b.op("Expand", [b.op("Cast", [b.op("Size", [x])], { to: 1 }), b.shapeOf(x)])],
  (b, x, c) => (x.rank ? b.ops("Split", [b.concat([x, x], known(x, c))], { axis: known(x, c), num_outputs: 2 }, { outputs: 2 }) : []),
];

/** A graph with two inputs [B, S] and [S] (or numbers instead of symbols), grown by the steps; the last values are its outputs. */
export function grow(list: readonly Step[], sizes: readonly [number, number], symbolic: boolean): RandomGraph {
  const graph = new Graph();
  const named = new Map<string, number>([
    ["B", sizes[0]],
    ["S", sizes[1]],
  ]);
  const [B, S] = [...named].map(([name, size]): Dim => (symbolic ? graph.env.symbol(size, name) : size)) as [Dim, Dim];
  const b = new Builder(graph);
  const values = [graph.input("x", "float32", [B, S]), graph.input("y", "float32", [S])];
  for (const value of values) b.source(value);
  for (const step of list) values.push(...steps[step.kind % steps.length]!(b, values[step.on % values.length]!, step.choice));
  for (const value of new Set([...values.slice(2).slice(-3), values[0]!])) graph.output(value);
  return { graph, sizes: named };
}

export const stepLists: fc.Arbitrary<Step[]> = fc.array(fc.record({ kind: fc.nat(steps.length - 1), on: fc.nat(40), choice: fc.nat(7) }), {
  minLength: 1,
  maxLength: 14,
});
export const sizePairs: fc.Arbitrary<[number, number]> = fc.tuple(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 4 }));
