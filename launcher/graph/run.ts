// accelerate-ts graph, from the command line to the exit code.
import type { CompilerOptions } from "../../src/tensor/compiler-options.js";
import { precisions } from "../../src/settings.js";
import { type PassName, passNames } from "../../src/graph/passes/names.js";
import type { CliCommand, Terminal } from "../command.js";
import { findSubject } from "../estimate/find.js";
import type { StepSizes, Subject } from "../estimate/subject.js";
import { didYouMean } from "../options/similar.js";
import { valueText } from "../options/value-text.js";
import { UsageError } from "../usage.js";
import { type GraphReport, type GraphRow, graphText } from "./text.js";

type Options = Parameters<CliCommand["run"]>[0];

const limit = 2 ** 16;
const targets = ["cuda", "webgpu"] as const;

function number(flag: string, value: Options[string], otherwise: number, fits: (n: number) => boolean, wanted: string): number {
  if (value === undefined) return otherwise;
  const n = Number(value);
  if (typeof value === "string" && value.trim() !== "" && fits(n)) return n;
  throw new UsageError(`${flag} ${valueText(String(value))}: not ${wanted}`);
}
const whole = (flag: string, value: Options[string], otherwise: number): number =>
  number(flag, value, otherwise, (n) => Number.isInteger(n) && n >= 1 && n <= limit, `a whole number from 1 to ${limit}`);

const allBut = (off: readonly PassName[]): { readonly [name in PassName]?: boolean } => Object.fromEntries(off.map((name) => [name, false]));

/** The whole graph, forward and backward, with some passes turned off. */
function rowOf(
  name: string,
  off: readonly PassName[],
  subject: Subject,
  sizes: StepSizes,
  mode: "training" | "inference",
  device: Pick<CompilerOptions, "target" | "precision"> = {},
): GraphRow {
  const changes = new Map<PassName, number>();
  const step = subject.step(sizes, mode, {
    passes: allBut(off),
    ...device,
    watch: ({ name: pass, changes: made }) => void changes.set(pass, (changes.get(pass) ?? 0) + made),
  });
  if (!step.cost) throw new UsageError(`${subject.source}: only model folders can be compiled here`);
  const ops: Record<string, number> = {};
  for (const node of step.graph.nodes) {
    const op = node.domain ? `${node.domain}.${node.op}` : node.op;
    ops[op] = (ops[op] ?? 0) + 1;
  }
  return { name, ...step.cost(), ops, changes: changes.get(name as PassName) };
}

/** @throws UsageError, or another AccelerateError when the model cannot be read */
export async function runGraph(options: Options, operands: readonly string[], { stdout }: Terminal): Promise<number> {
  const [model, ...rest] = operands;
  if (model === undefined || rest.length > 0) throw new UsageError("give one model: accelerate-ts graph <model>");
  const pass = passNames.find((name) => name === options.pass);
  if (options.pass !== undefined && !pass)
    throw new UsageError(`--pass ${valueText(String(options.pass))}: not one of ${passNames.join(", ")}${didYouMean(String(options.pass), passNames)}`);
  const sizes: StepSizes = {
    batchSize: whole("--batch-size", options.batchSize, 16),
    sequenceLength: whole("--sequence-length", options.sequenceLength, 128),
    filled: number("--filled", options.filled, 0.5, (n) => n > 0 && n <= 1, "a number above 0, at most 1"),
  };
  const mode = options.inference ? "inference" : "training";
  const subject = await findSubject(model, process.env);
  const row = (name: string, off: readonly PassName[]): GraphRow => rowOf(name, off, subject, sizes, mode);
  const target = targets.find((name) => name === options.device);
  const precision = precisions.find((name) => name === options.mixedPrecision) ?? "no";
  if (options.device !== undefined && !target) throw new UsageError(`--device ${valueText(String(options.device))}: not one of ${targets.join(", ")}`);
  if (options.mixedPrecision !== undefined && !target) throw new UsageError("--mixed-precision belongs to --device");
  if (target && pass) throw new UsageError("--device and --pass show two graphs each: give one of them");
  if (target === "webgpu" && precision === "bf16") throw new UsageError("--mixed-precision bf16: WebGPU has no bfloat16");
  // Whether the library's own kernels are built for the device is the machine's affair: these are the graphs that run everywhere.
  const lowered = target && { target: { type: target, kernels: new Set<string>(), half: true }, precision };
  const rows = lowered
    ? [row("processor", []), rowOf(`${target}${precision === "no" ? "" : ` ${precision}`}`, [], subject, sizes, mode, lowered)]
    : pass
      ? [row(`without ${pass}`, [pass]), row(pass, [])]
      : [row("as recorded", passNames), ...passNames.map((name, i) => row(name, passNames.slice(i + 1)))];
  const report: GraphReport = { model: subject.name, mode, sizes, rows };
  stdout.write(options.json ? `${JSON.stringify(report, null, 2)}\n` : graphText(report, pass !== undefined || target !== undefined));
  return 0;
}
