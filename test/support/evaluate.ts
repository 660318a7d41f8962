// Runs a graph on the real engine: numbers for some of its inputs in, numbers of any of its values out.
import { dtypes, type Graph, type TensorData, type Value } from "../../src/graph/index.js";
import { toOnnx } from "../../src/graph/onnx/write.js";
import { Engine, type SessionOptions } from "../../src/runtime/index.js";

export interface CompiledGraph extends AsyncDisposable {
  /** Every input of the graph that the outputs need must be fed; others may be left out. */
  run(feeds: ReadonlyMap<Value, TensorData>): Promise<TensorData[]>;
  close(): Promise<void>;
}

/** A session that computes the given values; the graph is left as it was. */
export async function compileGraph(graph: Graph, outputs: readonly Value[], options: SessionOptions = {}): Promise<CompiledGraph> {
  const declared = graph.outputs.splice(0, graph.outputs.length, ...outputs);
  let model: Uint8Array;
  try {
    model = toOnnx(graph);
  } finally {
    graph.outputs.splice(0, graph.outputs.length, ...declared);
  }
  const inputs = [...graph.inputs];
  const session = await Engine.default().createSession(model, options);
  const binding = session.createBinding();
  for (const i of outputs.keys()) binding.bindOutputDynamic(i);
  const close = async () => {
    binding.close();
    await session.close();
  };
  return {
    async run(feeds) {
      const sizes = new Map<string, number>();
      for (const [value, { shape }] of feeds) for (const [i, d] of value.shape.entries()) if (typeof d === "string") sizes.set(d, shape[i]!);
      for (const [i, value] of inputs.entries()) {
        const fed = feeds.get(value) ?? blank(value, sizes);
        binding.bindInput(i, fed.data, fed.shape);
      }
      await binding.run();
      return outputs.map((value, i) => {
        const { shape, data } = binding.takeOutput(i);
        return { dtype: value.dtype, shape, data };
      });
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** Zeros for an input that was not fed. */
function blank(value: Value, sizes: ReadonlyMap<string, number>): TensorData {
  const shape = value.shape.map((d) => (typeof d === "number" ? d : (sizes.get(d) ?? 1)));
  return { dtype: value.dtype, shape, data: new dtypes[value.dtype].array(shape.reduce((p, d) => p * d, 1)) };
}

/**
 * The numbers of some values of a graph for given inputs.
 *
 * @example
 * const [y] = await evaluate(graph, new Map([[x, { dtype: "float32", shape: [2], data: Float32Array.of(1, 2) }]]), [tanh]);
 */
export async function evaluate(graph: Graph, feeds: ReadonlyMap<Value, TensorData>, outputs: readonly Value[]): Promise<TensorData[]> {
  const compiled = await compileGraph(graph, outputs);
  try {
    return await compiled.run(feeds);
  } finally {
    await compiled.close();
  }
}
