// What a run shows: its bar, its tables, its curves.
import type { LogEntry } from "../state/index.js";
import { unfinished } from "../unfinished.js";

/** Writes the curves of losses and metrics as SVG. */
export async function plotHistory(_history: readonly LogEntry[], _file: string): Promise<void> {
  throw unfinished("plot");
}
