// Animator: curves that grow while a program runs, in the terminal and as SVG.
import { writeFile } from "node:fs/promises";
import { stderr } from "node:process";
import { type Chart, isShown } from "../charts/chart.js";
import { svgChart } from "../charts/svg-chart.js";
import { terminalChart } from "../charts/terminal-chart.js";
import { ArgumentError } from "../errors.js";
import { processTerminal } from "../progress/terminal.js";
import { pythonFixed } from "../python-numbers.js";

/** Where a chart is drawn. */
export interface Screen {
  /** Lines can be drawn over; else there is a plain line for each whole x. */
  readonly isTTY: boolean;
  readonly columns: number;
  readonly color: boolean;
  write(text: string): void;
}
export interface AnimatorOptions {
  readonly xlabel?: string;
  readonly ylabel?: string;
  /** Limits of the axes; those of the points unless told. */
  readonly xlim?: readonly [number, number];
  readonly ylim?: readonly [number, number];
  /** Names of the curves. */
  readonly legend?: readonly string[];
  /** Default: stderr. */
  readonly screen?: Screen;
}

/** stderr; one that leads to a terminal through a launcher shares it with others, so it is written to line by line. */
function processScreen(): Screen {
  const terminal = processTerminal();
  return { isTTY: stderr.isTTY === true, columns: terminal.columns, color: terminal.color, write: terminal.write };
}

const clearLine = "\x1b[K";
const up = (lines: number): string => (lines > 0 ? `\x1b[${lines}A\r` : "");

/**
 * Draws curves point by point: a chart that moves on a terminal, a line per epoch elsewhere, and an SVG file of what there is.
 *
 * @example
 * const animator = new Animator({ xlabel: "epoch", xlim: [1, 5], legend: ["train loss", "train acc"] });
 * animator.add(1, [0.92, 0.61]);
 * await animator.save("training.svg");
 */
export class Animator {
  readonly #options: AnimatorOptions;
  readonly #curves: { readonly x: number[]; readonly y: number[] }[] = [];
  #screen: Screen | undefined;
  #drawn = 0;
  #row: { readonly x: number; readonly values: (number | undefined)[] } | undefined;

  constructor(options: AnimatorOptions = {}) {
    for (const name of ["xlim", "ylim"] as const) {
      const limits: readonly number[] | undefined = options[name];
      if (limits !== undefined && !(limits.length === 2 && limits.every(isShown)))
        throw new ArgumentError(`Animator: ${name} is [${limits.join(", ")}]`, { hint: "give two numbers" });
    }
    this.#options = options;
  }

  /** Points of all curves, or of some (undefined for the others), at one x. Each call has a value, or undefined, for every curve. */
  add(x: number, y: number | readonly (number | undefined)[]): void {
    const values = typeof y === "number" ? [y] : [...y];
    while (this.#curves.length < Math.max(values.length, this.#options.legend?.length ?? 0)) this.#curves.push({ x: [], y: [] });
    for (const [i, value] of values.entries()) {
      if (value === undefined) continue;
      this.#curves[i]!.x.push(x);
      this.#curves[i]!.y.push(value);
    }
    this.#screen ??= this.#options.screen ?? processScreen();
    if (this.#screen.isTTY) this.#draw(this.#screen);
    else this.#tell(this.#screen, x, values);
  }

  /** The chart so far as text of an SVG file. */
  svg(): string {
    return svgChart(this.#chart());
  }
  /** Writes the chart so far into an SVG file. */
  async save(file: string): Promise<void> {
    await writeFile(file, this.svg());
  }

  #chart(): Chart {
    const { xlabel, ylabel, xlim, ylim, legend } = this.#options;
    return { xlabel, ylabel, xlim, ylim, curves: this.#curves.map((curve, i) => ({ ...curve, name: legend?.[i] })) };
  }
  #draw(screen: Screen): void {
    const lines = terminalChart(this.#chart(), screen.columns - 1, screen.color);
    screen.write(`${up(this.#drawn)}${lines.map((line) => `${line}${clearLine}\n`).join("")}`);
    this.#drawn = lines.length;
  }
  /** One line for each whole x, once all curves have a value there or the next x begins. */
  #tell(screen: Screen, x: number, values: readonly (number | undefined)[]): void {
    if (this.#row && this.#row.x !== x) this.#flush(screen);
    if (!Number.isInteger(x)) return;
    this.#row ??= { x, values: this.#curves.map(() => undefined) };
    for (const [i, value] of values.entries()) if (value !== undefined) this.#row.values[i] = value;
    if (this.#row.values.every((value) => value !== undefined)) this.#flush(screen);
  }
  #flush(screen: Screen): void {
    if (!this.#row) return;
    const { legend, xlabel = "x" } = this.#options;
    const parts = this.#row.values.flatMap((value, i) => (value === undefined ? [] : [`${legend?.[i] ?? `y${i}`} ${pythonFixed(value, 3)}`]));
    screen.write(`${xlabel} ${this.#row.x}  ${parts.join("  ")}\n`);
    this.#row = undefined;
  }
}
