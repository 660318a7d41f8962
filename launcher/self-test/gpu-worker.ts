// One measurement of `accelerate-ts test --gpu`, in a process of its own, because a process has one device. Arguments: what to do as JSON, the file for the result.
import { writeFileSync } from "node:fs";
import { Accelerator } from "../../src/accelerator/index.js";
import { configuredDevice } from "../../src/config.js";
import type { Store } from "../../src/distributed/store.js";
import { BertForSequenceClassification } from "../../src/models/index.js";
import { AdamW } from "../../src/optim/index.js";
import type { DeviceArray, DeviceContext, DeviceCounters } from "../../src/runtime/device-context.js";
import type { Precision } from "../../src/settings.js";
import { defaultExecutor, fromData } from "../../src/tensor/index.js";

export interface ModelSize {
  readonly layers: number;
  readonly hidden: number;
  readonly heads: number;
  readonly vocabulary: number;
  readonly rows: number;
  readonly tokens: number;
}
export type GpuTask =
  | { readonly kind: "arrays"; readonly megabytes: number; readonly repeats: number }
  | { readonly kind: "nccl" }
  | {
      readonly kind: "train";
      readonly precision: Precision;
      readonly size: ModelSize;
      readonly warm: number;
      readonly steps: number;
      readonly dropout: number;
      readonly weights: boolean;
    };

export interface ArraysResult {
  readonly device: string;
  /** What did not come back as it went up; empty: all is well. */
  readonly wrong: readonly string[];
  /** Bytes per second. */
  readonly up: number;
  readonly down: number;
  readonly within: number;
}
export interface TrainResult {
  readonly device: string;
  readonly losses: readonly number[];
  /** Rows per second of the measured steps. */
  readonly samplesPerSecond: number;
  /** Of one measured step; absent on the processor. */
  readonly perStep?: DeviceCounters;
  /** Bytes in arrays at their most. */
  readonly peak?: number;
}

const MEGABYTE = 2 ** 20;

const nameOf = ({ device, name, withoutKernels }: DeviceContext): string =>
  `${device} ${name}${withoutKernels ? ` (without accelerate-ts's own kernels: ${withoutKernels})` : ""}`;

async function arrays(task: Extract<GpuTask, { kind: "arrays" }>): Promise<ArraysResult> {
  await using _accelerator = new Accelerator({});
  const context = await defaultExecutor().open();
  if (!context) throw new Error("there is no device here but the processor");
  const wrong: string[] = [];
  const numbers = Float32Array.from({ length: 1_000_003 }, (_, i) => Math.sin(i) * 1e3);
  const long = BigInt64Array.from({ length: 4099 }, (_, i) => BigInt(i) * 4_000_000_007n - 9n);
  for (const [dtype, values] of [
    ["float32", numbers],
    ["int64", long],
  ] as const) {
    const [one, two] = [context.allocate(dtype, [values.length]), context.allocate(dtype, [values.length])];
    const back = dtype === "int64" ? new BigInt64Array(values.length) : new Float32Array(values.length);
    await context.upload([{ from: values, into: one }]);
    await context.copy([{ from: one, into: two }]);
    await context.download([{ from: two, into: back }]);
    const off = [...values].findIndex((value, i) => value !== back[i]);
    if (off >= 0) wrong.push(`${dtype} number ${off}: ${back[off]}, expected ${values[off]}`);
    context.free(one);
    context.free(two);
  }
  const speed = await speeds(context, task);
  return { device: nameOf(context), wrong, ...speed };
}

async function speeds(
  context: DeviceContext,
  { megabytes, repeats }: Extract<GpuTask, { kind: "arrays" }>,
): Promise<Pick<ArraysResult, "up" | "down" | "within">> {
  const length = (megabytes * MEGABYTE) / 4;
  const host = new Float32Array(length).fill(1);
  const [one, two] = [context.allocate("float32", [length]), context.allocate("float32", [length])];
  const timed = async (work: (from: Float32Array<ArrayBuffer>, a: DeviceArray, b: DeviceArray) => Promise<void>) => {
    await work(host, one, two);
    await context.synchronize();
    const began = performance.now();
    for (let i = 0; i < repeats; i++) await work(host, one, two);
    await context.synchronize();
    return (repeats * megabytes * MEGABYTE * 1000) / (performance.now() - began);
  };
  const up = await timed((from, a) => context.upload([{ from, into: a }]));
  const within = await timed((_, a, b) => context.copy([{ from: a, into: b }]));
  const down = await timed((into, _, b) => context.download([{ from: b, into }]));
  return { up, down, within };
}

/** Deterministic rows: ids, a mask with some padding, labels. */
function batchOf({ rows, tokens, vocabulary }: ModelSize, step: number) {
  const ids = BigInt64Array.from({ length: rows * tokens }, (_, i) => BigInt((i * 7919 + step * 104_729 + 13) % vocabulary));
  const mask = BigInt64Array.from({ length: rows * tokens }, (_, i) => (i % tokens < tokens - (Math.floor(i / tokens) % 3) ? 1n : 0n));
  const labels = BigInt64Array.from({ length: rows }, (_, i) => BigInt((i + step) % 2));
  return {
    input_ids: fromData(ids, [rows, tokens], "int64"),
    attention_mask: fromData(mask, [rows, tokens], "int64"),
    labels: fromData(labels, [rows], "int64"),
  };
}

const difference = (after: DeviceCounters, before: DeviceCounters, steps: number): DeviceCounters =>
  Object.fromEntries(
    Object.entries(after).map(([name, value]) => [name, (Number(value) - Number(before[name as keyof DeviceCounters])) / steps]),
  ) as unknown as DeviceCounters;
const kept = ({ uploads, uploadedBytes, downloads, downloadedBytes, copies, allocations }: DeviceCounters): DeviceCounters => ({
  uploads,
  uploadedBytes,
  downloads,
  downloadedBytes,
  copies,
  allocations,
});

async function train({ precision, size, warm, steps, dropout, weights }: Extract<GpuTask, { kind: "train" }>): Promise<TrainResult> {
  await using accelerator = new Accelerator({ seed: 7, mixedPrecision: precision, gradientAccumulationSteps: 1 });
  const model = new BertForSequenceClassification({
    vocab_size: size.vocabulary,
    hidden_size: size.hidden,
    num_hidden_layers: size.layers,
    num_attention_heads: size.heads,
    intermediate_size: 4 * size.hidden,
    max_position_embeddings: size.tokens,
    hidden_dropout_prob: dropout,
    attention_probs_dropout_prob: dropout,
  });
  const optimizer = new AdamW(model.parameters(), { lr: 1e-4, weightDecay: 0.01 });
  await accelerator.prepare(model, optimizer);
  const losses: number[] = [];
  const step = async (number: number, asks: boolean) => {
    const { loss } = model(batchOf(size, number));
    await accelerator.backward(loss!);
    await optimizer.step();
    optimizer.zeroGrad();
    if (asks) losses.push(await loss!.item());
  };
  for (let i = 0; i < warm; i++) await step(i, true);
  const context = await defaultExecutor().open();
  await context?.synchronize();
  const before = context && kept(context.counters);
  const began = performance.now();
  for (let i = 0; i < steps; i++) await step(warm + i, false);
  await context?.synchronize();
  const seconds = (performance.now() - began) / 1000;
  const after = context && kept(context.counters);
  await step(warm + steps, true);
  if (weights) {
    const all = [...model.parameters()].map((p) => p.values() as Float32Array);
    writeFileSync(`${file}.weights`, Buffer.concat(all.map((values) => Buffer.from(values.buffer, values.byteOffset, values.byteLength))));
  }
  return {
    device: context ? nameOf(context) : "cpu",
    losses,
    samplesPerSecond: steps > 0 ? (steps * size.rows) / seconds : 0,
    ...(before && after && steps > 0 && { perStep: difference(after, before, steps) }),
    ...(context && { peak: context.memory().peak }),
  };
}

export interface NcclResult {
  readonly version: string;
  readonly wrong: readonly string[];
}

/** One rank alone: set-up, sums with the rank's own factor, gathering, clean end. */
async function nccl(): Promise<NcclResult> {
  const { createNcclGroup } = await import("../../src/distributed/nccl/create-nccl-group.js");
  const { openNccl } = await import("../../src/distributed/nccl/native-nccl.js");
  const { createShmGroup } = await import("../../src/distributed/shm/create-shm-group.js");
  const library = openNccl();
  const store = new LocalStore();
  const name = `gpu-test/${process.pid}`;
  const control = await createShmGroup({ rank: 0, size: 1, store, name: `${name}/control` });
  await using group = await createNcclGroup({ library, device: configuredDevice()?.index ?? 0, control, store, name, timeoutMs: NCCL_TIMEOUT });
  const wrong: string[] = [];
  const numbers = Float32Array.from({ length: 100_003 }, (_, i) => Math.cos(i));
  for (const op of ["sum", "mean", "max"] as const) {
    const data = numbers.slice();
    await group.allReduce({ dtype: "float32", data }, op);
    if (data.some((value, i) => value !== numbers[i])) wrong.push(`all-reduce ${op} of one rank changed its numbers`);
  }
  const gathered = new Float32Array(numbers.length);
  await group.allGather({ dtype: "float32", data: numbers }, { dtype: "float32", data: gathered });
  if (gathered.some((value, i) => value !== numbers[i])) wrong.push("all-gather of one rank changed its numbers");
  return { version: library.version, wrong };
}

const NCCL_TIMEOUT = 60_000;

/** What ranks would tell each other. */
class LocalStore implements Store {
  readonly #values = new Map<string, Uint8Array>();
  readonly #counts = new Map<string, number>();
  async set(key: string, value: Uint8Array): Promise<void> {
    this.#values.set(key, value);
  }
  async get(key: string): Promise<Uint8Array> {
    const value = this.#values.get(key);
    if (!value) throw new Error(`nothing is stored as ${key}`);
    return value;
  }
  async add(key: string, amount: number): Promise<number> {
    const count = (this.#counts.get(key) ?? 0) + amount;
    this.#counts.set(key, count);
    return count;
  }
  async delete(key: string): Promise<void> {
    this.#values.delete(key);
  }
}

const [text, file] = process.argv.slice(2);
if (text === undefined || file === undefined) throw new Error("this program is started by: accelerate-ts test --gpu");
const task = JSON.parse(text) as GpuTask;
const result = task.kind === "arrays" ? await arrays(task) : task.kind === "nccl" ? await nccl() : await train(task);
writeFileSync(file, JSON.stringify(result));
