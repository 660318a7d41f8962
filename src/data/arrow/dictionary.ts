// Dictionary-encoded columns: indices into values that dictionary batches hold; a batch replaces the values or goes on with them.
import { chunkOf } from "../columns/chunks.js";
import { BatchView } from "./batch-view.js";
import type { DictionaryIndex } from "./file-index.js";
import type { Layout } from "./layout.js";
import { type Mode, type Read, vectorReader } from "./vectors.js";

/** The dictionary batches that count for a record batch (or another dictionary's, which comes after them): the last that is no delta, and the deltas after it. */
function segmentsFor({ before, delta }: DictionaryIndex, moment: number): readonly number[] {
  const out: number[] = [];
  for (let d = 0; d < before.length && before[d]! <= moment; d++) {
    if (delta[d] === 0) out.length = 0;
    out.push(d);
  }
  return out;
}

export function dictionaryReader(layout: Extract<Layout, { kind: "dictionary" }>, view: BatchView, indices: (row: number) => number, mode: Mode): Read {
  const dictionary = view.fileIndex.dictionaries.get(layout.id);
  if (!dictionary) throw view.fault(`there is no dictionary ${layout.id}`);
  const segments = segmentsFor(dictionary, view.moment).map((d) => {
    const rows = dictionary.index.starts[d + 1]! - dictionary.index.starts[d]!;
    const values = new BatchView(view.file, view.fileIndex, dictionary.index, d, view.column, dictionary.before[d]);
    return { rows, read: vectorReader(layout.values, values, rows, mode) };
  });
  const starts = new Float64Array(segments.length + 1);
  segments.forEach(({ rows }, k) => {
    starts[k + 1] = starts[k]! + rows;
  });
  const count = starts[segments.length]!;
  return (row) => {
    const index = indices(row);
    if (!(index >= 0 && index < count)) throw view.fault(`row ${row} of its batch is value ${index} of a dictionary of ${count}`);
    const k = chunkOf(starts, index);
    return segments[k]!.read(index - starts[k]!);
  };
}
