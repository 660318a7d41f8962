// Metrics for people and for files, in transformers' formats.
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { pythonJson } from "../../data/columns/python-json.js";
import { ArgumentError } from "../../errors.js";
import { pythonFloat } from "../../python-numbers.js";
import { writeWhole } from "../../unfinished.js";
import type { Metrics } from "../options.js";
import type { Trainer } from "../trainer.js";

/** Metrics that count: whole numbers in Python. All others are fractions there, also where they are whole. */
const counts = /(^|_)(samples|examples|rows|tokens|steps?|count|seen|epochs)$/;
const isCount = (name: string, value: number): boolean => Number.isInteger(value) && counts.test(name) && !name.endsWith("per_second");

/** 3725.25 -> 1:02:05.25. */
function clock(seconds: number): string {
  const whole = Math.trunc(seconds);
  const hundredths = Math.trunc(Math.abs(seconds - whole) * 100);
  const days = Math.floor(whole / 86400);
  const two = (n: number) => String(n).padStart(2, "0");
  const rest = whole - days * 86400;
  const time = `${Math.floor(rest / 3600)}:${two(Math.floor(rest / 60) % 60)}:${two(rest % 60)}.${two(hundredths)}`;
  return days === 0 ? time : `${days} day${Math.abs(days) === 1 ? "" : "s"}, ${time}`;
}

function shown(name: string, value: unknown): string {
  if (typeof value !== "number") return String(value);
  if (name.includes("_runtime")) return clock(value);
  if (name === "total_flos") return `${Math.floor(value / 2 ** 30)}GF`;
  return isCount(name, value) ? String(value) : pythonFloat(Math.round(value * 1e4) / 1e4);
}

/** Prints metrics as a table, on the main process. */
export function logMetrics(trainer: Trainer, split: string, metrics: Metrics): void {
  if (!trainer.isWorldProcessZero()) return;
  const lines = Object.entries(metrics).map(([name, value]) => [name, shown(name, value)] as const);
  lines.sort(([a], [b]) => (a < b ? -1 : 1));
  const [nameWidth, width] = [0, 1].map((i) => Math.max(0, ...lines.map((line) => line[i]!.length))) as [number, number];
  console.log([`***** ${split} metrics *****`, ...lines.map(([name, text]) => `  ${name.padEnd(nameWidth)} = ${text.padStart(width)}`)].join("\n"));
}

/** As Python's json.dump(indent=4, sort_keys=True): fractions that are whole end with ".0", and NaN is NaN. */
function jsonText(metrics: Readonly<Record<string, unknown>>): string {
  const entries = Object.entries(metrics).sort(([a], [b]) => (a < b ? -1 : 1));
  const lines = entries.map(([name, value]) => `    ${pythonJson(name)}: ${numberText(name, value)}`);
  return lines.length === 0 ? "{}" : `{\n${lines.join(",\n")}\n}`;
}
const notFinite: Readonly<Record<string, string>> = { NaN: "NaN", Infinity: "Infinity", "-Infinity": "-Infinity" };
function numberText(name: string, value: unknown): string {
  if (typeof value !== "number") return pythonJson(value);
  return notFinite[String(value)] ?? (isCount(name, value) ? String(value) : pythonFloat(value));
}

/** What is in a file of metrics. @throws ArgumentError for a file of something else */
async function readMetrics(file: string): Promise<Record<string, unknown>> {
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (error) {
    if ((error as { readonly code?: unknown }).code === "ENOENT") return {};
    throw error;
  }
  try {
    // Python writes numbers that JSON does not know; texts are let alone.
    const parsed: unknown = JSON.parse(
      text.replaceAll(/("(?:[^"\\]|\\.)*")|-?\b(?:NaN|Infinity)\b/g, (found, quoted?: string) => quoted ?? `"\\u0000${found}"`),
      (_, value: unknown) => (typeof value === "string" && value.startsWith("\0") ? Number(value.slice(1)) : value),
    );
    if (typeof parsed === "object" && parsed !== null && !Array.isArray(parsed)) return parsed as Record<string, unknown>;
  } catch (cause) {
    throw new ArgumentError(`${file} holds no JSON`, { code: "ERR_METRICS_FILE", cause, hint: "remove it, or call saveMetrics with { combined: false }" });
  }
  throw new ArgumentError(`${file} holds no metrics`, { code: "ERR_METRICS_FILE", hint: "remove it, or call saveMetrics with { combined: false }" });
}

/** Writes `<split>_results.json`, and with `combined` adds to all_results.json: on the main process. */
export async function saveMetrics(trainer: Trainer, split: string, metrics: Metrics, { combined }: { readonly combined: boolean }): Promise<void> {
  if (!trainer.isWorldProcessZero()) return;
  const { outputDir } = trainer.args;
  const all = join(outputDir, "all_results.json");
  await mkdir(outputDir, { recursive: true });
  const together = combined ? { ...(await readMetrics(all)), ...metrics } : undefined;
  await writeWhole(join(outputDir, `${split}_results.json`), jsonText(metrics));
  if (together) await writeWhole(all, jsonText(together));
}
