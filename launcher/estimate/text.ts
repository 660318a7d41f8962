// The tables of an estimate, for people.
import picocolors from "picocolors";
import type { EstimateReport, StepReport } from "./report.js";

/** "413.2 MiB" */
export function sizeText(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let [size, unit] = [bytes, 0];
  for (; size >= 1024 && unit < units.length - 1; unit++) size /= 1024;
  return `${unit === 0 ? size : size.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : 2)} ${units[unit]}`;
}

/** Columns as wide as their widest cell; the first is of names, the others of numbers. */
function table(rows: readonly (readonly string[])[], bold: (text: string) => string): string[] {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  const line = (row: readonly string[]): string =>
    row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!))).join("  ");
  return rows.map((row, i) => (i === 0 ? bold(line(row)) : line(row)));
}

const states = {
  adamw: "AdamW state",
  adam: "Adam state",
  sgd: "SGD state",
  "sgd-momentum": "momentum",
  adafactor: "Adafactor's rows and columns",
  adagrad: "Adagrad state",
  lion: "Lion state",
  rmsprop: "RMSprop state",
} as const;
const none = "-";
const about = (exact: boolean, bytes: number): string => `${exact ? "" : "~"}${sizeText(bytes)}`;

function weightRows({ dtypes, settings }: EstimateReport): string[][] {
  const training = settings.mode === "training";
  const head = ["", "largest layer", "weights", ...(training ? ["to train: weights", "gradients", states[settings.optimizer], "sum"] : [])];
  const rows = dtypes.map(({ dtype, exact, largestLayer, weights, training: t }) => [
    dtype,
    sizeText(largestLayer),
    sizeText(weights),
    ...(training ? (t ? [t.weights, t.gradients, t.optimizer, t.total].map((bytes) => about(exact, bytes)) : [none, none, none, none]) : []),
  ]);
  return [head, ...rows];
}

const stepName = ({ dtype, batchSize, sequenceLength }: StepReport): string => `${dtype}, ${batchSize} x ${sequenceLength}`;

function stepRows({ steps, settings }: EstimateReport): string[][] {
  const parts = settings.mode === "training" ? (["weights", "gradients", "optimizer"] as const) : (["weights"] as const);
  const head = ["batch x length", "activations", ...parts, "processes", "all"];
  const rows = steps.map((step) => [
    stepName(step),
    about(step.exact, step.machine.activations),
    ...parts.map((part) => about(step.exact, step.machine[part])),
    sizeText(step.machine.processes),
    about(step.exact, step.machine.total),
  ]);
  return [head, ...rows];
}

function gpuRows({ steps, settings }: EstimateReport): string[][] {
  const parts = settings.mode === "training" ? (["activations", "weights", "gradients", "optimizer"] as const) : (["activations", "weights"] as const);
  const rows = steps.flatMap((step) => {
    const { gpu } = step;
    return gpu ? [[stepName(step), ...parts.map((part) => `~${sizeText(gpu[part])}`), `~${sizeText(gpu.total)}`]] : [];
  });
  return [["batch x length", ...parts, "all"], ...rows];
}

function gpuTitle({ settings: { numProcesses: n, zero, device, mode } }: EstimateReport): string {
  const share =
    mode === "training" && n > 1 && zero === 1
      ? device === "cuda"
        ? ` (ZeRO 1: 1/${n} of the optimizer's state)`
        : " (each worker has all of the optimizer's state)"
      : "";
  return `memory of ${n === 1 ? "the GPU" : `one GPU of ${n}`}, by rule${share}; beside it what the driver, cuBLAS and cuDNN take`;
}

function machineTitle({ settings }: EstimateReport): string {
  const { numProcesses: n, zero, mode, gradientAccumulationSteps } = settings;
  const window = gradientAccumulationSteps > 1 ? ", with accumulation" : "";
  if (n === 1) return `one worker, ${mode}${window}`;
  const level = zero === 1 ? "ZeRO 1: weights and optimizer state once" : "ZeRO 0: each worker keeps all of it (this library does not do that)";
  return `${n} workers on one machine, ${mode}${window}${mode === "training" ? ` (${level})` : ""}`;
}

export function estimateText(report: EstimateReport, color: boolean): string {
  const { bold, dim } = picocolors.createColors(color);
  const { name, source, parameters, tensors, largestLayer } = report.model;
  const rules = report.dtypes.some(({ exact, training }) => !exact && training !== undefined) && report.settings.mode === "training";
  const lines = [
    `${bold(name)} ${dim(source)}: ${parameters.toLocaleString("en-US")} parameters in ${tensors} tensors, largest layer ${largestLayer || "the whole"}`,
    "",
    ...table(weightRows(report), bold),
    "",
  ];
  if (report.noSteps !== undefined) lines.push(`no activations: ${report.noSteps}`);
  else if (report.settings.device === "cpu") lines.push(machineTitle(report), ...table(stepRows(report), bold));
  else lines.push(gpuTitle(report), ...table(gpuRows(report), bold));
  if (report.loss !== undefined)
    lines.push(dim(`loss: ${report.loss}; activations as ONNX Runtime's arena holds them, a process without a model about ${sizeText(150_000_000)}`));
  if (rules) lines.push(dim("~ by rule (float32 weights, gradients and states, computing in half): the library computes in float32 so far"));
  return `${lines.join("\n")}\n`;
}
