// accelerate-ts estimate-memory, from the command line to the exit code.
import type { CliCommand, Terminal } from "../command.js";
import { colorful } from "../colors.js";
import { didYouMean } from "../options/similar.js";
import { valueText } from "../options/value-text.js";
import { UsageError } from "../usage.js";
import { findSubject } from "./find.js";
import { type EstimateOptions, estimate, optimizers, precisions } from "./report.js";
import { estimateText } from "./text.js";

type Options = Parameters<CliCommand["run"]>[0];

/** Beyond this nobody has a machine. */
const limit = 2 ** 16;

function whole(flag: string, text: string, min: number, max: number): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= min && value <= max) return value;
  throw new UsageError(`${flag} ${valueText(text)}: not a whole number from ${min} to ${max}`);
}
/** "8,16": several, by commas. */
const list = (text: string): string[] => text.split(",").map((part) => part.trim());

function among<T extends string>(flag: string, text: string, names: readonly T[]): T {
  const found = names.find((name) => name === text);
  if (found === undefined) throw new UsageError(`${flag} ${valueText(text)}: not one of ${names.join(", ")}${didYouMean(text, names)}`);
  return found;
}
const keys = <T extends string>(of: Readonly<Record<T, unknown>>): T[] => Object.keys(of) as T[];
const textOf = (options: Options, name: string, otherwise: string): string => {
  const value = options[name];
  return typeof value === "string" ? value : otherwise;
};

/** @throws UsageError naming the flag that cannot be meant */
export function estimateOptions(options: Options): EstimateOptions {
  const text = (name: string, otherwise: string): string => textOf(options, name, otherwise);
  if (options.train && options.inference) throw new UsageError("--train and --inference contradict each other: leave one out");
  return {
    dtypes: [...new Set(list(text("dtypes", keys(precisions).join(","))).map((dtype) => among("--dtypes", dtype, keys(precisions))))],
    batchSizes: list(text("batchSize", "1,8,32")).map((size) => whole("--batch-size", size, 1, limit)),
    sequenceLengths: list(text("sequenceLength", "128")).map((size) => whole("--sequence-length", size, 1, limit)),
    optimizer: among("--optimizer", text("optimizer", "adamw"), keys(optimizers)),
    numProcesses: whole("--num-processes", text("numProcesses", "1"), 1, 4096),
    device: among("--device", text("device", "cpu"), ["cpu", "cuda", "webgpu"] as const),
    zero: whole("--zero", text("zero", "1"), 0, 1) as 0 | 1,
    mode: options.inference ? "inference" : "training",
    gradientAccumulationSteps: whole("--gradient-accumulation-steps", text("gradientAccumulationSteps", "1"), 1, limit),
  };
}

/** @throws UsageError, or another AccelerateError when the model cannot be read */
export async function runEstimate(options: Options, operands: readonly string[], { stdout }: Terminal): Promise<number> {
  const [model, ...rest] = operands;
  if (model === undefined || rest.length > 0) throw new UsageError("give one model: accelerate-ts estimate-memory <model>");
  const settings = estimateOptions(options);
  const report = estimate(await findSubject(model, process.env), settings);
  stdout.write(options.json ? `${JSON.stringify(report, null, 2)}\n` : estimateText(report, colorful(stdout, process.env)));
  return 0;
}
