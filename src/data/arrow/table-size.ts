// How many bytes the columns of a table take, nearly: decides into how many files it is saved.
import type { ColumnData } from "../columns/column-data.js";
import type { Table } from "../columns/table.js";
import type { ArrowColumn } from "./column.js";
import { buffersOf, type Layout } from "./layout.js";

function buffersIn(layout: Layout): number {
  const own = buffersOf[layout.kind];
  if (layout.kind === "list" || layout.kind === "fixed-list") return own + buffersIn(layout.items);
  return layout.kind === "struct" ? layout.fields.reduce((sum, field) => sum + buffersIn(field.layout), own) : own;
}

function arrowBytes({ layout, index: { rows } }: ArrowColumn): number {
  const count = buffersIn(layout);
  let sum = 0;
  for (let batch = 0; batch < rows.batches; batch++)
    for (let k = layout.buffer; k < layout.buffer + count; k++) sum += rows.buffers[(batch * rows.bufferCount + k) * 2 + 1]!;
  return sum;
}

function columnBytes(data: ColumnData): number {
  switch (data.kind) {
    case "number":
    case "wide":
    case "time":
      return data.values.byteLength;
    case "text":
    case "binary":
      return data.bytes.byteLength + data.offsets.byteLength;
    case "list":
      return data.offsets.byteLength + columnBytes(data.items);
    case "struct":
      return data.fields.reduce((sum, { data: field }) => sum + columnBytes(field), 0);
    case "null":
      return 0;
    case "chunked":
      return data.chunks.reduce((sum, chunk) => sum + columnBytes(chunk), 0);
    case "arrow":
      return arrowBytes(data.column);
  }
}

export function tableBytes(table: Table): number {
  let sum = 0;
  for (const { data, indices } of table.columns.values()) if (data.length > 0) sum += columnBytes(data) * (indices ? table.length / data.length : 1);
  return sum;
}

/** The mapped files that a table's columns come from. */
export function filesOf(table: Table): ReadonlySet<string> {
  const files = new Set<string>();
  const visit = (data: ColumnData): void => {
    if (data.kind === "arrow") files.add(data.column.index.file.path);
    else if (data.kind === "chunked") data.chunks.forEach(visit);
    else if (data.kind === "list") visit(data.items);
    else if (data.kind === "struct") data.fields.forEach((field) => void visit(field.data));
  };
  for (const { data } of table.columns.values()) visit(data);
  return files;
}
