// A chart of characters: Braille patterns, of which each holds two by four points.
import { createColors } from "picocolors";
import { axesOf, type Chart, isShown } from "./chart.js";
import { pythonFixed } from "../python-numbers.js";

const rows = 12;
const maxColumns = 72;
const blank = 0x2800;
/** Bits of the points of a Braille pattern, by column and row. */
const bits = [
  [0x01, 0x02, 0x04, 0x40],
  [0x08, 0x10, 0x20, 0x80],
] as const;
const paints = ["blue", "magenta", "green", "red"] as const;

/** Lines of at most `columns` columns, the last ones the names and latest values. */
export function terminalChart(chart: Chart, columns: number, color: boolean): string[] {
  const colors = createColors(color);
  const { x, y } = axesOf(chart, [6, 4]);
  const margin = Math.max(...y.ticks.map((tick) => y.label(tick).length)) + 1;
  const width = Math.max(8, Math.min(maxColumns, columns - margin - 2));
  const cells = Array.from({ length: rows }, () => Array.from({ length: width }, () => ({ pattern: 0, curve: 0 })));
  const [right, bottom] = [width * 2 - 1, rows * 4 - 1];
  const dot = (px: number, py: number, curve: number) => {
    if (px < 0 || px > right || py < 0 || py > bottom) return;
    const cell = cells[py >> 2]![px >> 1]!;
    cell.pattern |= bits[px & 1]![py & 3]!;
    cell.curve = curve;
  };
  for (const [i, curve] of chart.curves.entries()) {
    let before: readonly [number, number] | undefined;
    for (const [k, value] of curve.x.entries()) {
      if (!isShown(value) || !isShown(curve.y[k]!)) continue;
      const point = [x.place(value) * right, (1 - y.place(curve.y[k]!)) * bottom] as const;
      const from = before ?? point;
      // No more steps than points on the canvas, wherever the curve goes.
      const steps = Math.min(right + bottom, Math.max(1, Math.ceil(Math.max(Math.abs(point[0] - from[0]), Math.abs(point[1] - from[1])))));
      for (let s = 0; s <= steps; s++)
        dot(Math.round(from[0] + ((point[0] - from[0]) * s) / steps), Math.round(from[1] + ((point[1] - from[1]) * s) / steps), i);
      before = point;
    }
  }
  const labels = new Map(y.ticks.map((tick) => [Math.round((1 - y.place(tick)) * (rows - 1)), y.label(tick)]));
  const lines = cells.map((row, r) => {
    const drawn = row.map(({ pattern, curve }) => (pattern === 0 ? " " : colors[paints[curve % 4]!](String.fromCharCode(blank + pattern)))).join("");
    return `${(labels.get(r) ?? "").padStart(margin - 1)} ${colors.dim(labels.has(r) ? "┤" : "│")}${drawn}`;
  });
  lines.push(`${" ".repeat(margin)}${colors.dim(`└${"─".repeat(width)}`)}`);
  const scale = Array.from({ length: width + 1 }, () => " ");
  for (const tick of x.ticks) {
    const label = x.label(tick);
    const start = Math.min(Math.max(0, Math.round(x.place(tick) * (width - 1)) + 1 - (label.length >> 1)), width + 1 - label.length);
    // Labels do not touch.
    if (scale.slice(Math.max(0, start - 1), start + label.length + 1).every((c) => c === " "))
      for (let c = 0; c < label.length; c++) scale[start + c] = label[c]!;
  }
  lines.push(`${" ".repeat(margin)}${scale.join("")}`);
  const names = chart.curves.map(
    ({ name, y: values }, i) => `${colors[paints[i % 4]!]("━━")} ${name ?? `y${i}`}${values.length > 0 ? ` ${pythonFixed(values.at(-1)!, 3)}` : ""}`,
  );
  lines.push(`${" ".repeat(margin + 1)}${names.join("  ")}${chart.xlabel ? `   ${colors.dim(`(${chart.xlabel})`)}` : ""}`);
  return lines;
}
