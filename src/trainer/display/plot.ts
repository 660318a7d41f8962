// The curves of a run as an SVG file: losses, metrics, learning rate over the steps.
import { mkdir } from "node:fs/promises";
import { dirname, extname } from "node:path";
import { writing } from "../../accelerator/saving/write-errors.js";
import type { Chart, Curve } from "../../charts/chart.js";
import { svgCharts } from "../../charts/svg-chart.js";
import { ArgumentError } from "../../errors.js";
import { writeWhole } from "../../unfinished.js";
import type { LogEntry } from "../state/index.js";
import { isSpeed, metricTitle } from "./names.js";

type Points = Map<string, { readonly x: number[]; readonly y: number[] }>;

function put(points: Points, name: string, step: number, value: unknown): void {
  if (typeof value !== "number") return;
  const known = points.get(name) ?? { x: [], y: [] };
  points.set(name, known);
  known.x.push(step);
  known.y.push(value);
}
const curves = (points: Points, marks: boolean): Curve[] => [...points].map(([name, { x, y }]) => ({ name, x, y, marks }));

/** The name of a loss: eval_loss, eval_<set>_loss. */
function lossTitle(name: string): string {
  const set = name.slice("eval_".length, -"loss".length).replace(/_$/, "");
  return set === "" ? "Validation loss" : `Validation loss, ${set}`;
}

interface Collected {
  readonly training: Points;
  readonly validation: Points;
  readonly metrics: Points;
  readonly rates: Points;
}
function collect(history: readonly LogEntry[]): Collected {
  const found: Collected = { training: new Map(), validation: new Map(), metrics: new Map(), rates: new Map() };
  for (const row of history) {
    put(found.training, "Training loss", row.step, row.loss);
    put(found.rates, "Learning rate", row.step, row.learning_rate);
    for (const [name, value] of Object.entries(row)) {
      if (!name.startsWith("eval_") || isSpeed(name)) continue;
      if (name.endsWith("_loss")) put(found.validation, lossTitle(name), row.step, value);
      else put(found.metrics, metricTitle(name), row.step, value);
    }
  }
  return found;
}

/** Charts of a history: losses, scores from -1 to 1, every other metric for itself, learning rate. */
function chartsOf(history: readonly LogEntry[]): Chart[] {
  const { training, validation, metrics, rates } = collect(history);
  // One axis for all: what happened at one step stands below each other.
  const steps = history.reduce((most, row) => Math.max(most, row.step), 1);
  const axes = { xlabel: "Step", ylabel: undefined, xlim: [0, steps * 1.02], ylim: undefined } as const;
  const chart = (title: string, shown: readonly Curve[]): Chart[] =>
    shown.length === 0 ? [] : [{ ...axes, title, curves: shown.map((curve) => (curve.name === title ? { ...curve, name: undefined } : curve)) }];
  const isScore = ({ y }: Curve): boolean => y.every((value) => !(Math.abs(value) > 1));
  const measured = curves(metrics, true);
  return [
    ...chart("Loss", [...curves(training, false), ...curves(validation, true)]),
    ...chart("Metrics", measured.filter(isScore)),
    ...measured.filter((curve) => !isScore(curve)).flatMap((curve) => chart(curve.name ?? "", [curve])),
    ...chart("Learning rate", curves(rates, false)),
  ];
}

function titleOf(history: readonly LogEntry[]): string {
  const last = history.at(-1);
  const epochs = last?.epoch;
  const steps = `${last?.step ?? 0} steps`;
  return typeof epochs === "number" && epochs > 0
    ? `Training, ${steps}, ${Number(epochs.toFixed(2))} ${epochs === 1 ? "epoch" : "epochs"}`
    : `Training, ${steps}`;
}

/**
 * Writes the curves of a log, such as `trainer.state.logHistory`, into an SVG file that stands alone and fits light and dark pages.
 *
 * @param options `writes` false only checks: for workers beside the one that writes
 * @throws ArgumentError ERR_PLOT when the file is to be anything but SVG, or nothing was logged that has a curve; AccelerateError ERR_SAVE where the system refuses
 * @example
 * const state = await TrainerState.loadFromJson("run/trainer_state.json");
 * await plotHistory(state.logHistory, "run.svg");
 */
export async function plotHistory(history: readonly LogEntry[], file: string, { writes = true }: { readonly writes?: boolean } = {}): Promise<void> {
  if (typeof file !== "string" || extname(file).toLowerCase() !== ".svg")
    throw new ArgumentError(`plot: ${file} does not end in .svg`, { code: "ERR_PLOT", hint: "curves are written as SVG; browsers and image tools convert it" });
  const charts = chartsOf(history);
  if (charts.length === 0)
    throw new ArgumentError("plot: nothing was logged so far", { code: "ERR_PLOT", hint: "train first; loggingSteps says how often something is logged" });
  if (!writes) return;
  await writing(file, async () => {
    await mkdir(dirname(file), { recursive: true });
    await writeWhole(file, svgCharts(titleOf(history), charts));
  });
}
