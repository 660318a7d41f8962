// A profile as text.
import type { ProfileReport, ProfileRow } from "./report.js";

const ms = (value: number): string => (value >= 100 ? value.toFixed(0) : value >= 1 ? value.toFixed(1) : value.toFixed(2));
const percent = (part: number, whole: number): string => (whole > 0 ? `${((100 * part) / whole).toFixed(0)} %` : "");
const megabytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(0)} MiB`;
const rate = ({ flops, milliseconds }: Pick<ProfileRow, "flops" | "milliseconds">): string =>
  milliseconds > 0 && flops > 0 ? (flops / milliseconds / 1e6).toFixed(1) : "";

/** Columns side by side: the first to the left, the others to the right. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const widths = head.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i]!.length)));
  return [head, ...rows].map((row) =>
    row
      .map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)))
      .join("  ")
      .trimEnd(),
  );
}

/** Longer tables are cut; the trace has everything. */
const shown = 16;

/**
 * What `accelerate-ts profile` prints.
 *
 * @example
 * console.log(profileText(report));
 */
export function profileText(report: ProfileReport): string {
  const { times, ops, layers, products, peak, memory, choices } = report;
  const nodes = ops.reduce((sum, row) => sum + row.milliseconds, 0);
  const others = ops.slice(shown);
  const rest = others.reduce((sum, row) => sum + row.milliseconds, 0);
  const opRows = ops
    .slice(0, shown)
    .map((row) => [
      row.name,
      row.calls.toFixed(0),
      ms(row.milliseconds),
      percent(row.milliseconds, nodes),
      rate(row),
      (row.bytes / Math.max(row.milliseconds, 1e-9) / 1e6).toFixed(1),
    ]);
  if (others.length > 0)
    opRows.push([`${others.length} more`, others.reduce((sum, row) => sum + row.calls, 0).toFixed(0), ms(rest), percent(rest, nodes), "", ""]);
  const layerRows = layers.map((row) => [row.name, ms(row.forwardMilliseconds), ms(row.backwardMilliseconds), percent(row.milliseconds, nodes), rate(row)]);
  const gflop = products.flops / 1e9;
  const lines = [
    `profile of rank ${report.rank}: ${report.steps} step${report.steps === 1 ? "" : "s"}, ${ms(times.total)} ms each`,
    `  forward and backward ${ms(times.graph)} ms (${percent(times.graph, times.total)}), exchange and optimizer ${ms(times.update)} ms (${percent(times.update, times.total)}), the rest ${ms(times.rest)} ms (${percent(times.rest, times.total)})`,
    "",
    ...table(["op", "calls", "ms", "share", "GFLOP/s", "GB/s"], opRows),
    "",
    ...table(["part of the model", "forward ms", "backward ms", "share", "GFLOP/s"], layerRows),
    "",
    `matrix products: ${gflop.toFixed(1)} GFLOP a step in ${ms(products.milliseconds)} ms, ${rate(products)} GFLOP/s`,
    ...(peak
      ? [
          `model-FLOPs utilisation: ${((report.utilisation ?? 0) * 100).toFixed(0)} % of ${peak.gflops.toFixed(0)} GFLOP/s, the measured peak of ${peak.engine} with ${peak.threads} thread${peak.threads === 1 ? "" : "s"}`,
        ]
      : []),
    `memory: ${megabytes(memory.peakRss)} of the process at most; ${megabytes(memory.peakValues)} of values alive at once (at ${memory.peakAt || "no node"}); ONNX Runtime's arena ${megabytes(memory.arena)}${memory.device ? `; ${megabytes(memory.device.peak)} in arrays on ${memory.device.name}` : ""}`,
    ...(choices.length > 0
      ? [
          "",
          ...table(
            ["product (rows x inner x columns)", "engine", "MLAS GFLOP/s", "other"],
            choices.map((c) => [c.shape, c.engine, c.mlas.toFixed(0), c.other.toFixed(0)]),
          ),
        ]
      : []),
  ];
  return lines.join("\n");
}
