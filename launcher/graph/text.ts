// What the compiler makes of a model, as a table.
import type { GraphCost } from "../../src/graph/cost.js";
import type { StepSizes } from "../estimate/subject.js";

/** The graph with the passes up to this one. */
export interface GraphRow extends GraphCost {
  readonly name: string;
  /** Nodes by op. */
  readonly ops: Readonly<Record<string, number>>;
  /** Places that the pass of this name changed. */
  readonly changes: number | undefined;
}
export interface GraphReport {
  readonly model: string;
  readonly mode: "training" | "inference";
  readonly sizes: StepSizes;
  readonly rows: readonly GraphRow[];
}

const giga = (x: number): string => (x / 1e9).toFixed(x >= 1e11 ? 0 : x >= 1e10 ? 1 : 2);
const mega = (x: number): string => (x / 1e6).toFixed(0);
const change = (now: number, before: number | undefined): string => {
  if (before === undefined || before === 0 || now === before) return "";
  const percent = (100 * (now - before)) / before;
  return Math.abs(percent) < 0.05 ? "" : `${percent > 0 ? "+" : ""}${percent.toFixed(Math.abs(percent) < 10 ? 1 : 0)} %`;
};

/** Ops of which there are more or fewer than before, as "MatMul 44 -> 20". */
function differences(before: GraphRow, after: GraphRow): string[] {
  const names = [...new Set([...Object.keys(before.ops), ...Object.keys(after.ops)])];
  return names
    .map((op) => ({ op, from: before.ops[op] ?? 0, to: after.ops[op] ?? 0 }))
    .filter(({ from, to }) => from !== to)
    .sort((a, b) => Math.abs(b.to - b.from) - Math.abs(a.to - a.from))
    .map(({ op, from, to }) => `  ${op} ${from} -> ${to}`);
}

/** The table, and for one pass alone the ops whose numbers it changes. */
export function graphText({ model, mode, sizes, rows }: GraphReport, onePass: boolean): string {
  const { batchSize, sequenceLength, filled = 1 } = sizes;
  const head = ["", "nodes", "", "GFLOP", "", "MB moved", ""];
  const cells = rows.map((row, i) => {
    const before = rows[i - 1];
    return [
      row.name,
      `${row.nodes}`,
      change(row.nodes, before?.nodes),
      giga(row.flops),
      change(row.flops, before?.flops),
      mega(row.bytes),
      change(row.bytes, before?.bytes),
    ];
  });
  const all = [head, ...cells];
  const widths = head.map((_, column) => Math.max(...all.map((line) => line[column]!.length)));
  const table = all.map((line) =>
    line
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!)))
      .join("  ")
      .trimEnd(),
  );
  const title = `${model}, ${mode === "training" ? "forward and backward" : "forward"}, ${batchSize} rows of ${sequenceLength} tokens, ${Math.round(filled * 100)} % of them filled`;
  const last = rows.at(-1)!;
  return `${[title, ...table, ...(onePass ? ["", ...differences(rows[0]!, last)] : [])].join("\n")}\n`;
}
