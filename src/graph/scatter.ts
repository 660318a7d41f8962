// Adding at places of a tensor, exact with any number of threads: ONNX Runtime's ScatterND loses some of the updates on more than one.
import type { Builder } from "./builder.js";
import type { Value } from "./graph.js";
import { counted, reshapeLike } from "./reshape.js";

/** Adds rows of dY at indices along an axis of zeros of a shape (an int64 vector), by our own op. */
export const scatterRows = (b: Builder, indices: Value, dy: Value, shape: Value, axis: number, padding = -1): Value =>
  b.op("EmbeddingGrad", [indices, dy, shape], { axis, padding_idx: padding }, { domain: "accelerate_ts" });

/**
 * Row numbers [i..] of index tuples [i.., n] into dims d1..dn of the data that follow `batchDims` dims: where the rows lie when those dims are folded into one. Batch dims count, too.
 */
function rowNumbers(b: Builder, data: Value, indices: Value, batchDims: number): Value {
  const { env } = b.graph;
  const n = env.resolve(indices.shape.at(-1)!) as number;
  const dims = data.shape.slice(batchDims, batchDims + n);
  const sizes = b.sizes(dims, [data]);
  const tuples = b.cast(indices, "int64");
  const wrapped = b.where(b.op("Less", [tuples, b.scalar(0, "int64")]), b.add(tuples, sizes), tuples);
  const strides = b.sizes(
    dims.map((_, i) => env.product(dims.slice(i + 1))),
    [data],
  );
  let rows = b.reduce("ReduceSum", b.mul(wrapped, strides), [indices.rank - 1], false);
  // The k-th batch dim counts blocks of all that follows it.
  for (let k = 0; k < batchDims; k++) {
    const block = b.sizes([env.product(data.shape.slice(k + 1, batchDims + n))], [data]);
    const counts = b.mul(counted(b, data.shape[k]!, [data]), block);
    rows = b.add(rows, b.op("Reshape", [counts, b.int64([-1, ...new Array<number>(rows.rank - k - 1).fill(1)])]));
  }
  return rows;
}

/** Adds updates at index tuples of zeros like the data. ScatterND's own addition loses some on more than one thread. */
export function addAt(b: Builder, data: Value, indices: Value, updates: Value, batchDims: number): Value {
  const { env } = b.graph;
  const rank = batchDims + (env.resolve(indices.shape.at(-1)!) as number);
  const folded = [env.product(data.shape.slice(0, rank)), ...data.shape.slice(rank)];
  const rows = scatterRows(b, rowNumbers(b, data, indices, batchDims), updates, b.sizes(folded, [data]), 0);
  return rank === 1 ? rows : reshapeLike(b, rows, data);
}
