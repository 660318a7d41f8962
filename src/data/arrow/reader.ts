// Columns of mapped Arrow files, row by row: record batches are opened when a row of theirs is read.
import { chunkOf } from "../columns/chunks.js";
import type { ArrowData } from "../columns/column-data.js";
import type { ColumnValue } from "../types.js";
import { BatchView } from "./batch-view.js";
import type { ArrowColumn } from "./column.js";
import { mappedFile } from "./mapped-file.js";
import { type Mode, type Read, vectorReader } from "./vectors.js";

function columnReader({ name, layout, index }: ArrowColumn, length: number, mode: Mode): Read {
  const { rows } = index;
  const file = length === 0 ? undefined : mappedFile(index.file);
  const open = new Map<number, Read>();
  let [start, end] = [0, 0];
  let read: Read;
  return (i) => {
    if (i < start || i >= end) {
      const batch = chunkOf(rows.starts, i);
      const known = open.get(batch);
      const [first, past] = [rows.starts[batch]!, rows.starts[batch + 1]!];
      // The row is looked up before anything is kept: a batch that cannot be read stays an error.
      read = known ?? vectorReader(layout, new BatchView(file!, index, rows, batch, name), past - first, mode);
      if (!known) open.set(batch, read);
      [start, end] = [first, past];
    }
    return read(i - start);
  };
}

/** A function that reads one row, 0 <= row < length. @throws DataFileError (the function, too) for a damaged file */
export const arrowReader = ({ column, length }: ArrowData): ((row: number) => ColumnValue) =>
  columnReader(column, length, "values") as (row: number) => ColumnValue;

/** As arrowReader, for writing the values into another file: see Mode. */
export const rawArrowReader = ({ column, length }: ArrowData): Read => columnReader(column, length, "raw");
