// Memory per worker with the state of optimizers kept by every worker (zero: { stage: 0 }), by each host (not said) and once by all (stage 1): measured and predicted.
// Measured is what a worker has of anonymous and shared memory (PSS of both: what several have in common counts in part for each), without pages of files, which others on the machine may map or not. Of two
// models of different sizes, each in processes of its own, the difference: buffers of the network and the engine's own memory fall out. Workers of one host, and where gloo is there two hosts of this machine.
//   node dist/bench/zero-memory.js [--parameters 40] [--workers 1,2,4] [--hosts 1,2] [--clip] [--repeats 1]
// parameters: of the difference, in millions. hosts: workers of each of two hosts. --clip: with clipping, whose sums of gradients have memory of their own. repeats: the median counts.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { Accelerator, AdamW, tensor } from "accelerate-ts";
import { Linear, Module } from "accelerate-ts/nn";
import type { Tensor } from "accelerate-ts";
import { returnMemory } from "../src/accelerator/memory/free-memory.js";
import { trainingMemory } from "../src/accelerator/memory/training-memory.js";
import type { Sharding } from "../src/accelerator/gradients/zero.js";
import { launch } from "../test/support/launch.js";
import { glooMissing, launchOnTwoHosts } from "../test/support/two-hosts.js";
import { machine } from "./machine.js";

const { values: args } = parseArgs({
  options: {
    parameters: { type: "string", default: "40" },
    workers: { type: "string", default: "1,2,4" },
    hosts: { type: "string", default: "1,2" },
    clip: { type: "boolean", default: false },
    repeats: { type: "string", default: "1" },
    // What a worker measures.
    zero: { type: "string" },
    width: { type: "string" },
  },
});
const stages = { "stage 0": 0, "not said": undefined, "stage 1": 1 } as const;
type Stage = keyof typeof stages;
const shardings: Readonly<Record<Stage, Sharding>> = { "stage 0": "none", "not said": "host", "stage 1": "world" };
const layers = 8;
const large = Math.round(Math.sqrt(((4 / 3) * Number(args.parameters) * 1e6) / layers) / 32) * 32;
const small = large / 2;
const parameters = layers * (large * large - small * small) * 4;

class Layers extends Module {
  readonly width: number;
  readonly list: readonly Linear[];
  constructor(width: number) {
    super();
    this.width = width;
    this.list = Array.from({ length: layers }, () => new Linear(width, width, { bias: false }));
  }
  forward(x: Tensor): Tensor {
    let y = x;
    for (const layer of this.list) y = layer(y).tanh();
    return y.mean();
  }
}
/** Bytes. */
function ownMemory(): number {
  const text = readFileSync("/proc/self/smaps_rollup", "utf8");
  return ["Pss_Anon", "Pss_Shmem"].reduce((sum, name) => sum + 1024 * Number(text.match(new RegExp(`^${name}: +(\\d+)`, "m"))![1]), 0);
}
const median = (numbers: readonly number[]): number => numbers.toSorted((x, y) => x - y)[Math.floor(numbers.length / 2)]!;

async function step(accelerator: Accelerator, model: Layers, optimizer: AdamW, times: number): Promise<void> {
  for (let i = 0; i < times; i++) {
    await accelerator.backward(model(tensor([Array.from({ length: model.width }, (_, k) => Math.sin(k + accelerator.processIndex + i))])));
    if (args.clip) await accelerator.clipGradNorm(model.parameters(), 1);
    await optimizer.step();
    optimizer.zeroGrad();
  }
}

if (process.env.RANK !== undefined) {
  const stage = stages[args.zero as Stage];
  const accelerator = new Accelerator({ seed: 1, ...(stage !== undefined && { zero: { stage } }) });
  const model = new Layers(Number(args.width));
  const optimizer = new AdamW(model.parameters());
  await accelerator.prepare(model, optimizer);
  await step(accelerator, model, optimizer, 3);
  // What the collector has found is given back in its own time.
  let least = Number.POSITIVE_INFINITY;
  for (let look = 0; look < 6; look++) {
    await returnMemory({ again: false });
    await sleep(50);
    await accelerator.waitForEveryone();
    least = Math.min(least, ownMemory());
    await accelerator.waitForEveryone();
  }
  const all = await accelerator.gatherObject([least]);
  if (accelerator.isMainProcess) console.log(`bytes per worker: ${all.reduce((sum, own) => sum + own, 0) / all.length}`);
  await accelerator.close();
} else {
  const script = fileURLToPath(import.meta.url);
  const results: Record<string, unknown>[] = [];
  const folder = mkdtempSync(join(tmpdir(), "zero-memory-"));
  const bytesOf = async (workers: number, hosts: number, zero: Stage, width: number): Promise<number> => {
    const common = { script, args: [...process.argv.slice(2), "--zero", zero, "--width", String(width)] };
    const ended =
      hosts === 1
        ? [await launch({ ...common, options: ["--num-processes", String(workers)] })]
        : await launchOnTwoHosts({ ...common, workers: [workers, workers], folder });
    for (const { code, stdout, stderr } of ended) if (code !== 0) throw new Error(stdout + stderr);
    return Number(ended[0]!.stdout.match(/bytes per worker: (.*)/)![1]);
  };
  const add = async (workers: number, hosts: number): Promise<void> => {
    for (const zero of Object.keys(stages) as Stage[]) {
      const differences: number[] = [];
      for (let i = 0; i < Number(args.repeats); i++)
        differences.push((await bytesOf(workers, hosts, zero, large)) - (await bytesOf(workers, hosts, zero, small)));
      const measured = median(differences);
      const { total, states } = trainingMemory({ parameters, states: 2 * parameters, workers, hosts, sharding: shardings[zero], sums: args.clip });
      const mb = (bytes: number): number => Math.round(bytes / 1e5) / 10;
      results.push({
        workers: workers * hosts,
        hosts,
        zero,
        measured_mb: mb(measured),
        predicted_mb: mb(total),
        states_mb: mb(states),
        off_percent: Math.round(1000 * (measured / total - 1)) / 10,
      });
    }
  };
  for (const workers of args.workers!.split(",").map(Number)) await add(workers, 1);
  if (args.hosts && !glooMissing()) for (const workers of args.hosts.split(",").map(Number)) await add(workers, 2);
  rmSync(folder, { recursive: true });
  console.log(JSON.stringify({ ...machine(), parameters: parameters / 4, parameters_mb: Math.round(parameters / 1e5) / 10 }, undefined, 2));
  console.table(results);
}
