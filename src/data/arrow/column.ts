// What a column of a memory-mapped Arrow file is: plain data that survives structured clone.
import type { PlainFeature } from "../columns/column-data.js";
import type { FileIndex } from "./file-index.js";
import type { Layout } from "./layout.js";

export interface ArrowColumn {
  readonly name: string;
  readonly feature: PlainFeature;
  readonly layout: Layout;
  /** Shared by all columns of the file. */
  readonly index: FileIndex;
}
