// Checks gradients against central finite differences along random directions, in float64.
import assert from "node:assert/strict";
import { differentiate } from "../../src/autograd/index.js";
import { Builder, type DType, Graph, isFloat, sizeOf, type TensorData, typedArray, type Value } from "../../src/graph/index.js";
import { compileGraph } from "../support/evaluate.js";

/** An input of the function under test. */
export interface Operand {
  readonly shape: readonly number[];
  /** Default: float64. */
  readonly dtype?: DType;
  /** Default: uniform in [-1.5, 1.5]. */
  readonly values?: ArrayLike<number>;
  /** Whether its gradient is checked; default: if it is a float. */
  readonly gradient?: boolean;
  /** Dims that stay numbers in a symbolic case: sizes that decide ranks. */
  readonly known?: boolean;
}

export interface GradientCase {
  readonly operands: readonly Operand[];
  readonly build: (b: Builder, inputs: readonly Value[]) => Value | readonly Value[];
  /** Seed of values, weights and directions. */
  readonly seed: number;
  /** Feed every input with dims that are symbols with hints. */
  readonly symbolic?: boolean;
  readonly step?: number;
  /** Allowed |finite difference - derivative|, relative to the largest term. */
  readonly tolerance?: number;
}

/** Uniform numbers in [0, 1) from a seed. */
export function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Numbers that are at least `gap` apart from each other and from 0, in random order: no kink is within a step. */
export function apart(n: number, seed: number, gap = 0.1): number[] {
  const next = random(seed);
  const values = Array.from({ length: n }, (_, i) => (i - Math.floor(n / 2) + 0.5) * gap);
  for (let i = n - 1; i > 0; i--) {
    const j = Math.floor(next() * (i + 1));
    [values[i], values[j]] = [values[j]!, values[i]!];
  }
  return values;
}

/** Numbers in [low, high). */
export const within = (n: number, seed: number, low: number, high: number): number[] => {
  const next = random(seed);
  return Array.from({ length: n }, () => low + (high - low) * next());
};

export interface Differentiated {
  readonly loss: number;
  readonly gradients: readonly (TensorData | undefined)[];
}

/** The function as a graph whose loss is a randomly weighted sum of the outputs, with its gradients. */
async function compileCase(c: GradientCase) {
  const graph = new Graph();
  const b = new Builder(graph);
  const inputs = c.operands.map((o, i) =>
    graph.input(`x${i}`, o.dtype ?? "float64", c.symbolic && !o.known ? o.shape.map((d) => graph.env.symbol(d)) : o.shape),
  );
  const built = c.build(b, inputs);
  const outputs = "dtype" in built ? [built] : built;
  const weights: Value[] = [];
  const sums = outputs.map((y, i) => {
    const size = y.shape.map((d) => graph.env.hint(d)!).reduce((p, d) => p * d, 1);
    const w = graph.input(`w${i}`, y.dtype, [c.symbolic ? graph.env.symbol(size) : size]);
    weights.push(w);
    return b.reduce("ReduceSum", b.mul(b.op("Reshape", [y, b.int64([-1])]), w), undefined);
  });
  const loss = b.sumOf(sums);
  const wrt = inputs.filter((x, i) => isFloat(x.dtype) && c.operands[i]!.gradient !== false);
  const gradients = differentiate(graph, { loss, wrt });
  const present = wrt.filter((x) => gradients.has(x));
  const compiled = await compileGraph(graph, [loss, ...present.map((x) => gradients.get(x)!)]);
  const feeds = new Map<Value, TensorData>();
  for (const [i, x] of inputs.entries()) {
    const o = c.operands[i]!;
    feeds.set(x, { dtype: x.dtype, shape: o.shape, data: typedArray(x.dtype, o.values ?? within(sizeOf(o.shape), c.seed + 101 * i, -1.5, 1.5)) });
  }
  for (const [i, w] of weights.entries()) {
    const size = graph.env.hint(w.shape[0]!)!;
    feeds.set(w, { dtype: w.dtype, shape: [size], data: typedArray(w.dtype, within(size, c.seed + 7919 * (i + 1), -1, 1)) });
  }
  return { graph, inputs, wrt, present, compiled, feeds };
}

/** Loss and gradients of a case; undefined where an input gets none. */
export async function gradientsOf(c: GradientCase): Promise<Differentiated> {
  const { inputs, present, compiled, feeds } = await compileCase(c);
  try {
    const [loss, ...found] = await compiled.run(feeds);
    return { loss: Number(loss!.data[0]), gradients: inputs.map((x) => found[present.indexOf(x)]) };
  } finally {
    await compiled.close();
  }
}

/** Fails where a derivative along a random direction, or a random coordinate, is not what the loss does. */
export async function checkGradient(c: GradientCase): Promise<void> {
  const { wrt, present, compiled, feeds } = await compileCase(c);
  const step = c.step ?? 1e-5;
  const tolerance = c.tolerance ?? 2e-7;
  try {
    const [, ...gradients] = await compiled.run(feeds);
    for (const [i, x] of present.entries()) {
      assert.deepEqual(gradients[i]!.shape, feeds.get(x)!.shape, `shape of the gradient of ${x.name}`);
    }
    const next = random(c.seed + 17);
    const sizes = wrt.map((x) => feeds.get(x)!.data.length);
    const total = sizes.reduce((p, n) => p + n, 0);
    if (total === 0) return;
    const coordinates = Math.min(total, 4);
    for (let trial = 0; trial < coordinates + 2; trial++) {
      const chosen = trial < coordinates ? Math.floor(next() * total) : -1;
      let at = 0;
      const directions = sizes.map((n) => Float64Array.from({ length: n }, () => (chosen < 0 ? next() * 2 - 1 : at++ === chosen ? 1 : 0)));
      const lossAt = async (distance: number): Promise<number> => {
        const moved = new Map(feeds);
        for (const [k, x] of wrt.entries()) {
          const base = feeds.get(x)!;
          moved.set(x, { ...base, data: (base.data as Float64Array).map((v, j) => v + distance * directions[k]![j]!) });
        }
        return Number((await compiled.run(moved))[0]!.data[0]);
      };
      const measured = ((await lossAt(step)) - (await lossAt(-step))) / (2 * step);
      let derivative = 0;
      let largest = 1;
      for (const [k, x] of wrt.entries()) {
        const gradient = gradients[present.indexOf(x)];
        if (!gradient) continue;
        for (const [j, d] of directions[k]!.entries()) {
          const term = Number(gradient.data[j]) * d;
          derivative += term;
          largest = Math.max(largest, Math.abs(term));
        }
      }
      assert.ok(
        Math.abs(measured - derivative) <= tolerance * largest,
        `derivative ${derivative}, finite difference ${measured} (${chosen < 0 ? "a random direction" : `element ${chosen}`}, seed ${c.seed})`,
      );
    }
  } finally {
    await compiled.close();
  }
}
