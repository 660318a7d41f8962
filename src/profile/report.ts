// What the runs of a profile add up to: by op, by part of the model, against the speed of matrix products.
import { isProduct, opCost } from "../graph/cost.js";
import type { GemmChoice } from "../runtime/gemm-choices.js";
import type { NodeEvent, RunEvent } from "./session-events.js";

/** Time and work of some nodes, per step. */
export interface ProfileRow {
  readonly name: string;
  readonly calls: number;
  readonly milliseconds: number;
  readonly flops: number;
  readonly bytes: number;
}
/** A part of the model. */
export interface LayerRow extends ProfileRow {
  readonly forwardMilliseconds: number;
  readonly backwardMilliseconds: number;
}
/** Where the time of a step goes, in milliseconds. */
export interface StepTimes {
  readonly total: number;
  /** Runs of compiled graphs. */
  readonly graph: number;
  /** From the end of backward to the end of the step: exchange of gradients, clipping, optimizer. */
  readonly update: number;
  /** The rest: waiting for batches, the program itself. */
  readonly rest: number;
}
export interface GemmPeak {
  readonly gflops: number;
  readonly threads: number;
  readonly engine: string;
}

export interface ProfileReport {
  readonly rank: number;
  /** Steps that were measured. */
  readonly steps: number;
  readonly times: StepTimes;
  /** Longest first. */
  readonly ops: readonly ProfileRow[];
  /** In the order in which they run. */
  readonly layers: readonly LayerRow[];
  /** Matrix products, convolutions and attention, per step. */
  readonly products: { readonly flops: number; readonly milliseconds: number };
  readonly peak: GemmPeak | undefined;
  /** Operations of products per second of a whole step, over the peak: 0 to 1. Undefined without a measured peak. */
  readonly utilisation: number | undefined;
  readonly memory: {
    /** Of the process, at most, in bytes. */
    readonly peakRss: number;
    /** Values between inputs and outputs of graphs that were alive at once, and where. */
    readonly peakValues: number;
    readonly peakAt: string;
    /** What ONNX Runtime's arena holds; it does not give memory back. */
    readonly arena: number;
    /** Arrays on the device: the most that they ever took, in bytes; undefined on the host. */
    readonly device?: { readonly name: string; readonly peak: number };
  };
  /** Which engine computes matrix products, shape by shape, where the choice was measured. */
  readonly choices: readonly GemmChoice[];
}

const backward = "backward/";
/** "bert.encoder.layer.0.attention/MatMul" lies in "bert.encoder.layer.0"; without a number, the first two names count. */
export function layerOf(name: string): string {
  // A backward node stands below the forward node that it belongs to.
  const forward = name.startsWith(backward) ? name.slice(backward.length, Math.max(backward.length, name.lastIndexOf("/"))) : name;
  const path = forward.slice(0, Math.max(0, forward.indexOf("/")));
  if (path === "") return "(loss and others)";
  const parts = path.split(".");
  const numbered = parts.findIndex((part) => /^\d+$/.test(part));
  return parts.slice(0, numbered >= 0 ? numbered + 1 : 2).join(".");
}

class Sum {
  calls = 0;
  microseconds = 0;
  flops = 0;
  bytes = 0;
  forward = 0;

  add(event: NodeEvent): void {
    const { flops, bytes } = opCost(event.op, event.inputs, event.outputs);
    this.calls++;
    this.microseconds += event.duration;
    this.flops += flops;
    this.bytes += bytes;
    if (!event.name.startsWith(backward)) this.forward += event.duration;
  }
  row(name: string, steps: number): LayerRow {
    const milliseconds = this.microseconds / 1000 / steps;
    const forwardMilliseconds = this.forward / 1000 / steps;
    return {
      name,
      calls: this.calls / steps,
      milliseconds,
      flops: this.flops / steps,
      bytes: this.bytes / steps,
      forwardMilliseconds,
      backwardMilliseconds: milliseconds - forwardMilliseconds,
    };
  }
}

export interface ReportParts {
  readonly rank: number;
  readonly steps: number;
  readonly times: StepTimes;
  readonly runs: readonly RunEvent[];
  readonly peak: GemmPeak | undefined;
  readonly peakRss: number;
  readonly choices?: readonly GemmChoice[];
  readonly device?: ProfileReport["memory"]["device"] | undefined;
}

/** Adds up the runs of `steps` steps. */
export function profileReport({ rank, steps, times, runs, peak, peakRss, choices = [], device }: ReportParts): ProfileReport {
  const ops = new Map<string, Sum>();
  const layers = new Map<string, Sum>();
  const products = new Sum();
  const memory = { peakRss, peakValues: 0, peakAt: "", arena: 0 };
  const into = (sums: Map<string, Sum>, name: string, event: NodeEvent) => {
    const sum = sums.get(name) ?? new Sum();
    sums.set(name, sum);
    sum.add(event);
  };
  for (const { nodes } of runs) {
    for (const event of nodes) {
      into(ops, event.op, event);
      into(layers, layerOf(event.name), event);
      if (isProduct(event.op)) products.add(event);
      memory.arena = Math.max(memory.arena, event.held);
      if (event.inUse > memory.peakValues) Object.assign(memory, { peakValues: event.inUse, peakAt: event.name });
    }
  }
  const rows = [...ops].map(([name, sum]) => sum.row(name, steps)).sort((a, b) => b.milliseconds - a.milliseconds);
  const { flops, milliseconds } = products.row("products", steps);
  return {
    rank,
    steps,
    times,
    ops: rows,
    layers: [...layers].map(([name, sum]) => sum.row(name, steps)),
    products: { flops, milliseconds },
    peak,
    utilisation: peak && times.total > 0 ? flops / (times.total / 1000) / (peak.gflops * 1e9) : undefined,
    memory: { ...memory, ...(device && { device }) },
    choices,
  };
}
