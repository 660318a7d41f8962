// The numbers of an estimate. All sizes are bytes.
import type { Graph } from "../../src/graph/graph.js";
import { liveRun } from "../../src/graph/live-ranges.js";
import { trainingMemory } from "../../src/accelerator/memory/training-memory.js";
import { ArenaModel } from "./arena-model.js";
import type { Layer, StepMode, StepSizes, Subject } from "./subject.js";

/** States as large as the weights that an optimizer keeps. Adafactor's averages over rows and columns are none. */
export const optimizers = { adamw: 2, adam: 2, sgd: 0, "sgd-momentum": 1, adafactor: 0, adagrad: 1, lion: 1, rmsprop: 1 } as const;
export type OptimizerName = keyof typeof optimizers;

interface Precision {
  /** Bytes of a weight where weights are all there is. */
  readonly width: number;
  /** Bytes per weight while training: weights, gradients, and each state. Undefined: nobody trains in it. */
  readonly training: { readonly weights: number; readonly gradients: number; readonly state: number } | undefined;
  /** Bytes of an activation of 4 bytes in float32. */
  readonly activation: number | undefined;
  /** What the library computes in; of the others these are rules. */
  readonly exact: boolean;
}
/** Half precision as it is done everywhere: weights, gradients and states stay float32, steps compute with a copy of the weights in half. */
const half: Precision = { width: 2, training: { weights: 6, gradients: 4, state: 4 }, activation: 2, exact: false };
export const precisions = {
  float32: { width: 4, training: { weights: 4, gradients: 4, state: 4 }, activation: 4, exact: true },
  bfloat16: half,
  float16: half,
  int8: { width: 1, training: undefined, activation: undefined, exact: false },
  int4: { width: 0.5, training: undefined, activation: undefined, exact: false },
} as const satisfies Record<string, Precision>;
export type PrecisionName = keyof typeof precisions;
const precisionOf = (name: PrecisionName): Precision => precisions[name];

/** What a process takes before it has a model: Node, this library and ONNX Runtime with its code and compiled graph (measured on Linux x64). */
export const processBytes = 150_000_000;

export interface EstimateOptions {
  readonly dtypes: readonly PrecisionName[];
  readonly batchSizes: readonly number[];
  readonly sequenceLengths: readonly number[];
  readonly optimizer: OptimizerName;
  /** Workers of one machine. */
  readonly numProcesses: number;
  readonly zero: 0 | 1;
  /** Where each worker has memory of its own. */
  readonly device: "cpu" | "cuda" | "webgpu";
  readonly mode: StepMode;
  readonly gradientAccumulationSteps: number;
}

export interface PrecisionReport {
  readonly dtype: PrecisionName;
  /** false: by rule, the library does not compute in it yet. */
  readonly exact: boolean;
  readonly largestLayer: number;
  readonly weights: number;
  /** Of one worker alone; undefined where nobody trains. */
  readonly training: { readonly weights: number; readonly gradients: number; readonly optimizer: number; readonly total: number } | undefined;
}
export interface StepReport extends StepSizes {
  readonly dtype: PrecisionName;
  readonly exact: boolean;
  /** Greatest sum of the values that are alive at one time, of one worker. */
  readonly live: number;
  /** What they take in ONNX Runtime's arena, of one worker. */
  readonly activations: number;
  /** On one machine, all workers together. */
  readonly machine: {
    readonly weights: number;
    readonly gradients: number;
    readonly optimizer: number;
    readonly activations: number;
    readonly processes: number;
    readonly total: number;
  };
  /** In the memory of one GPU, where the device is one: each worker has its own. By rule: the engine's arena there has the same rules, but no run was measured. */
  readonly gpu?: { readonly weights: number; readonly gradients: number; readonly optimizer: number; readonly activations: number; readonly total: number };
}
export interface EstimateReport {
  readonly model: { readonly name: string; readonly source: string; readonly parameters: number; readonly tensors: number; readonly largestLayer: string };
  readonly settings: EstimateOptions;
  readonly loss: string | undefined;
  readonly dtypes: readonly PrecisionReport[];
  readonly steps: readonly StepReport[];
  /** Why there are no steps. */
  readonly noSteps: string | undefined;
  /** What `accelerate estimate-memory` says of the same model in float32: with the buffers of Python's modules. */
  readonly accelerate: { readonly largestLayer: number; readonly total: number; readonly training: number };
}

const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0);

function precisionReport(name: PrecisionName, elements: number, layer: Layer, { optimizer }: EstimateOptions): PrecisionReport {
  const { width, training, exact } = precisionOf(name);
  const trained = training && {
    weights: elements * training.weights,
    gradients: elements * training.gradients,
    optimizer: elements * training.state * optimizers[optimizer],
  };
  return {
    dtype: name,
    exact,
    largestLayer: Math.ceil((layer.bytes / 4) * width),
    weights: Math.ceil(elements * width),
    training: trained && { ...trained, total: trained.weights + trained.gradients + trained.optimizer },
  };
}

/** A machine with N workers. ZeRO 1 is what this library does unless told otherwise: weights and optimizer state lie once, each worker updates its part. Gradients are taken to be clipped or read. */
function machineOf(
  elements: number,
  { activations, tables }: { activations: number; tables: number },
  precision: Precision,
  options: EstimateOptions,
): StepReport["machine"] {
  const { numProcesses: n, zero, optimizer, mode, gradientAccumulationSteps } = options;
  const training = mode === "training" ? precision.training : undefined;
  const each = trainingMemory({
    parameters: elements * (training?.weights ?? precision.width),
    // Of tables whose gradients are rows, the memory that is kept for whole ones is never written to.
    gradients: training ? (elements - tables) * training.gradients : 0,
    states: training ? elements * training.state * optimizers[optimizer] : 0,
    workers: n,
    sharding: zero === 1 ? "host" : "none",
    sums: true,
    accumulates: gradientAccumulationSteps > 1,
  });
  const parts = {
    weights: n * each.parameters,
    gradients: n * (each.gradients + each.sums),
    optimizer: n * each.states,
    activations: n * activations,
    processes: n * processBytes,
  };
  return { ...parts, total: sum(Object.values(parts)) };
}

/** One GPU of N: weights and gradients whole, of the optimizer's state over NCCL the own part (ZeRO 1); workers with WebGPU update all of it. Sums over workers, and gradients that are added up in an accumulation window, have a second set. */
function gpuOf(elements: number, activations: number, precision: Precision, options: EstimateOptions): StepReport["gpu"] {
  const { numProcesses: workers, zero, device, optimizer, mode, gradientAccumulationSteps } = options;
  if (device === "cpu") return undefined;
  const training = mode === "training" ? precision.training : undefined;
  const each =
    training &&
    trainingMemory({
      parameters: elements * training.weights,
      gradients: elements * training.gradients,
      states: elements * training.state * optimizers[optimizer],
      workers,
      sharding: zero === 1 ? "host" : "none",
      accumulates: gradientAccumulationSteps > 1,
      device,
    });
  const parts = {
    weights: each?.parameters ?? elements * precision.width,
    gradients: each ? each.gradients + each.sums : 0,
    optimizer: Math.ceil(each?.states ?? 0),
    activations,
  };
  return { ...parts, total: sum(Object.values(parts)) };
}

/** Elements of the tables whose gradients leave a graph as the rows that were looked up. */
function tablesOf(graph: Graph): number {
  const shapes = graph.nodes.flatMap(({ op, inputs }) => (op === "SparseEmbeddingGrad" ? [inputs[2]?.content ?? []] : []));
  return sum(shapes.map((shape) => shape.reduce<number>((product, dim) => product * Number(dim), 1)));
}

/** The float32 numbers of a step: what lives together, what the arena makes of it in the second and later steps, and what needs no gradient of its size. */
function measureStep(subject: Subject, sizes: StepSizes, mode: StepMode): { readonly live: number; readonly arena: number; readonly tables: number } {
  const { graph, bytes } = subject.step(sizes, mode);
  const memory = new ArenaModel();
  const { bytes: live } = liveRun(graph, { bytes, memory });
  liveRun(graph, { bytes, memory });
  return { live, arena: memory.touchedBytes, tables: tablesOf(graph) };
}

function stepReports(subject: Subject, elements: number, options: EstimateOptions): StepReport[] {
  const reports: StepReport[] = [];
  for (const sequenceLength of options.sequenceLengths) {
    for (const batchSize of options.batchSizes) {
      const { live, arena, tables } = measureStep(subject, { batchSize, sequenceLength }, options.mode);
      for (const dtype of options.dtypes) {
        const precision = precisionOf(dtype);
        if (precision.activation === undefined) continue;
        const scale = precision.activation / 4;
        const activations = Math.ceil(arena * scale);
        const machine = machineOf(elements, { activations, tables }, precision, options);
        const gpu = gpuOf(elements, activations, precision, options);
        reports.push({ dtype, exact: precision.exact, batchSize, sequenceLength, live: Math.ceil(live * scale), activations, machine, ...(gpu && { gpu }) });
      }
    }
  }
  return reports;
}

/** @throws whatever the subject does for sizes that it cannot have */
export function estimate(subject: Subject, options: EstimateOptions): EstimateReport {
  const { weights, layers } = subject;
  const elements = sum(weights.map((weight) => weight.elements));
  const largest = layers.reduce((a, b) => (b.bytes > a.bytes ? b : a), { name: "", bytes: 0 });
  const total = elements * 4 + sum(layers.map(({ pythonBuffers = 0 }) => pythonBuffers));
  let steps: StepReport[] = [];
  let noSteps: string | undefined;
  try {
    steps = stepReports(subject, elements, options);
  } catch (error) {
    if (!(error instanceof Error) || !("code" in error) || !noGraph.has(String(error.code))) throw error;
    noSteps = error.message;
  }
  return {
    model: { name: subject.name, source: subject.source, parameters: elements, tensors: weights.length, largestLayer: largest.name },
    settings: options,
    loss: options.mode === "training" && steps.length > 0 ? subject.loss : undefined,
    dtypes: options.dtypes.map((dtype) => precisionReport(dtype, elements, largest, options)),
    steps,
    noSteps,
    accelerate: { largestLayer: Math.max(0, ...layers.map(({ bytes, pythonBuffers = 0 }) => bytes + pythonBuffers)), total, training: 4 * total },
  };
}
/** Sizes are there, a step is not: the estimate goes on without. */
const noGraph: ReadonlySet<string> = new Set(["ERR_NO_GRAPH", "ERR_AUTOGRAD_NO_RULE", "ERR_AUTOGRAD_UNSUPPORTED", "ERR_AUTOGRAD_LOSS"]);
