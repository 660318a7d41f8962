// What `accelerate-ts test --gpu` finds, as data and as a text to paste.
import type { DeviceCounters } from "../../src/runtime/device-context.js";
import type { Precision } from "../../src/settings.js";
import type { ModelSize } from "./gpu-worker.js";
import type { CheckResult } from "./check.js";

export interface GpuCheck {
  readonly name: string;
  /** undefined: not tried, and why. */
  readonly passed?: boolean;
  /** What was found, in words. */
  readonly detail: string;
}

export interface GpuReport {
  readonly passed: boolean;
  readonly date: string;
  /** Name and value, in the order in which they are shown. */
  readonly machine: Readonly<Record<string, string>>;
  readonly device: string;
  readonly checks: readonly GpuCheck[];
  /** Of the self-test on its workers. */
  readonly selfTest: readonly CheckResult[];
  readonly figures: {
    readonly model: ModelSize;
    /** Rows per second by precision; what could not be run is left out. */
    readonly samplesPerSecond: Readonly<Partial<Record<Precision | "fp32", number>>>;
    /** Of one training step, without and with dropout. */
    readonly perStep?: DeviceCounters;
    readonly perStepDropout?: DeviceCounters;
    /** Bytes per second. */
    readonly bandwidth?: { readonly up: number; readonly down: number; readonly within: number };
    /** Bytes in arrays at their most, fp32. */
    readonly peak?: number;
  };
}

const digits = 4;
const short = (value: number): string => (value >= 1000 ? Math.round(value).toLocaleString("en") : String(Number(value.toPrecision(digits))));
const bytes = (value: number): string =>
  value >= 1e9 ? `${short(value / 1e9)} GB` : value >= 1e6 ? `${short(value / 1e6)} MB` : value >= 1e3 ? `${short(value / 1e3)} kB` : `${short(value)} B`;

const stepText = ({ uploads, uploadedBytes, downloads, downloadedBytes, copies, allocations }: DeviceCounters): string =>
  `${short(uploads)} up (${bytes(uploadedBytes)}), ${short(downloads)} down (${bytes(downloadedBytes)}), ${short(copies)} copies within, ${short(allocations)} allocations`;

export function gpuReportText({ machine, device, checks, figures, date, passed }: GpuReport): string {
  const { model, samplesPerSecond, perStep, perStepDropout, bandwidth, peak } = figures;
  const rows: (readonly [string, string])[] = [...Object.entries(machine), ["device", device], ["date", date]];
  const speeds = Object.entries(samplesPerSecond).map(([name, value]) => `${name} ${short(value)}`);
  const measured: (readonly [string, string])[] = [
    [
      `samples/s`,
      `${speeds.join("   ") || "none"}   (BERT ${model.layers} x ${model.hidden}, ${model.rows} rows of ${model.tokens} tokens, AdamW, dropout 0.1)`,
    ],
    ...(perStep ? [["per step", stepText(perStep)] as const] : []),
    ...(perStepDropout ? [["with dropout", stepText(perStepDropout)] as const] : []),
    ...(bandwidth
      ? [["bandwidth", `up ${bytes(bandwidth.up)}/s, down ${bytes(bandwidth.down)}/s, within the device ${bytes(bandwidth.within)}/s`] as const]
      : []),
    ...(peak === undefined ? [] : [["memory", `${bytes(peak)} in arrays at their most`] as const]),
  ];
  const width = Math.max(...[...rows, ...measured].map(([name]) => name.length));
  const table = (pairs: readonly (readonly [string, string])[]) => pairs.map(([name, value]) => `${name.padEnd(width)}  ${value}`);
  const marks = checks.map(({ name, passed, detail }) => `${passed === undefined ? "-       " : passed ? "ok      " : "FAILED  "}${name}: ${detail}`);
  const failed = checks.filter((check) => check.passed === false).map(({ name }) => name);
  const sum = passed ? `all ${checks.filter((check) => check.passed).length} checks passed on ${device}` : `failed on ${device}: ${failed.join(", ")}`;
  return `${["", "GPU report (to paste)", ...table(rows), "", ...marks, "", ...table(measured), "", sum].join("\n")}\n`;
}
