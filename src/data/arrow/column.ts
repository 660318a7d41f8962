// What a column of memory-mapped Arrow files is: plain data that survives structured clone.
import type { PlainFeature } from "../columns/column-data.js";

export interface ArrowColumn {
  readonly feature: PlainFeature;
}
