// Tables of a training: one row per evaluation, or steps and losses where nothing is evaluated.
import { pythonFixed } from "../../python-numbers.js";
import type { TrainingArguments } from "../arguments/index.js";
import type { TrainerState } from "../state/index.js";
import { isSpeed, metricTitle } from "./names.js";

type Row = ReadonlyMap<string, string>;
const nothing = "No log";
const decimals = 6;

/** Columns as wide as what stands in them. */
function aligned(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column]!))
      .join("  ")
      .trimEnd(),
  );
}

/** What the metrics of an evaluation are called and how they are shown; those of named sets bear the set's name. */
function metricCells(metrics: Readonly<Record<string, number>>): (readonly [string, string])[] {
  const shown = Object.entries(metrics).filter(([name]) => name !== "total_flos" && name !== "epoch" && !isSpeed(name));
  return shown.map(([name, value]) => {
    const title = metricTitle(name);
    return [title === "Loss" ? "Validation Loss" : title, typeof value === "number" ? pythonFixed(value, decimals) : String(value)];
  });
}

/** The evaluations of a training: Epoch (or Step), Training Loss, Validation Loss, metrics. */
export class EvaluationTable {
  readonly #first: "Epoch" | "Step";
  readonly #columns: string[];
  #row: Map<string, string> | undefined;

  constructor(args: Pick<TrainingArguments, "evalStrategy">) {
    this.#first = args.evalStrategy === "epoch" ? "Epoch" : "Step";
    this.#columns = [this.#first, "Training Loss", "Validation Loss"];
  }

  /** Adds what was measured to the row of this step: several named sets share one. */
  add(state: TrainerState, metrics: Readonly<Record<string, number>>): void {
    const loss = state.logHistory.findLast((row) => row.loss !== undefined)?.loss;
    this.#row ??= new Map([["Validation Loss", nothing]]);
    this.#row.set("Training Loss", loss === undefined ? nothing : pythonFixed(loss, decimals));
    this.#row.set(this.#first, String(this.#first === "Epoch" ? Math.trunc(state.epoch) : state.globalStep));
    for (const [title, text] of metricCells(metrics)) {
      if (!this.#columns.includes(title)) this.#columns.push(title);
      this.#row.set(title, text);
    }
  }
  /** The lines of the row that was added to, none where there is none. */
  take(): string[] {
    const row: Row | undefined = this.#row;
    this.#row = undefined;
    return row ? aligned([this.#columns, this.#columns.map((column) => row.get(column) ?? nothing)]) : [];
  }
}

/** No more rows than a screen or two. */
const maxRows = 60;

/** Step and Training Loss of all logs; of very many those at equal distances. */
export function lossTable(losses: readonly (readonly [step: number, loss: number])[]): string[] {
  const every = Math.ceil(losses.length / maxRows);
  const shown = losses.filter((_, i) => (losses.length - 1 - i) % every === 0);
  const lines = aligned([["Step", "Training Loss"], ...shown.map(([step, loss]) => [String(step), pythonFixed(loss, decimals)])]);
  return every === 1 ? lines : [...lines, `(${shown.length} of ${losses.length} logs; trainer.state.logHistory has all)`];
}
