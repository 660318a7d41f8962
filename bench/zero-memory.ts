// Memory per worker with the state of optimizers kept by every worker (zero: { stage: 0 }), by each host (not said) and once by all (stage 1): measured as PSS and predicted.
// Of two models of different sizes the difference: what any model takes, buffers of the network and the engine's code, falls out. Workers of one host, and where gloo is there two hosts of this machine.
//   node dist/bench/zero-memory.js [--parameters 30] [--workers 1,2,4] [--hosts 1,2] [--clip]
// parameters: of the difference, in millions. hosts: workers of each of two hosts. --clip: with clipping, whose sums of gradients have memory of their own.
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
    parameters: { type: "string", default: "30" },
    workers: { type: "string", default: "1,2,4" },
    hosts: { type: "string", default: "1,2" },
    clip: { type: "boolean", default: false },
  },
});
const stages = { "stage 0": 0, "not said": undefined, "stage 1": 1 } as const;
const shardings: Readonly<Record<keyof typeof stages, Sharding>> = { "stage 0": "none", "not said": "host", "stage 1": "world" };
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
/** Bytes; pages that several processes have in common count in part for each. */
const pss = (): number => 1024 * Number(readFileSync("/proc/self/smaps_rollup", "utf8").match(/^Pss: +(\d+)/m)![1]);

async function step(accelerator: Accelerator, model: Layers, optimizer: AdamW, times: number): Promise<void> {
  for (let i = 0; i < times; i++) {
    await accelerator.backward(model(tensor([Array.from({ length: model.width }, (_, k) => Math.sin(k + accelerator.processIndex + i))])));
    if (args.clip) await accelerator.clipGradNorm(model.parameters(), 1);
    await optimizer.step();
    optimizer.zeroGrad();
  }
}

type Measured = Readonly<Record<keyof typeof stages, number>>;
if (process.env.RANK !== undefined) {
  const found: Record<string, number> = {};
  const measure = async (stage: 0 | 1 | undefined, width: number): Promise<number> => {
    const accelerator = new Accelerator({ seed: 1, ...(stage !== undefined && { zero: { stage } }) });
    let model: Layers | undefined = new Layers(width);
    let optimizer: AdamW | undefined = new AdamW(model.parameters());
    await accelerator.prepare(model, optimizer);
    await step(accelerator, model, optimizer, 2);
    // What the collector has found is given back in its own time.
    let least = Number.POSITIVE_INFINITY;
    for (let look = 0; look < 8; look++) {
      await returnMemory({ again: false });
      await sleep(100);
      await accelerator.waitForEveryone();
      least = Math.min(least, pss());
    }
    const all = await accelerator.gatherObject([least]);
    [model, optimizer] = await accelerator.freeMemory(model, optimizer);
    await accelerator.waitForEveryone();
    await accelerator.close();
    for (let turn = 0; turn < 3; turn++) {
      await returnMemory({ again: false });
      await sleep(100);
    }
    return all.reduce((sum, own) => sum + own, 0) / all.length;
  };
  // What is made once is made before.
  await measure(undefined, large);
  for (const [name, stage] of Object.entries(stages)) {
    const less = await measure(stage, small);
    found[name] = (await measure(stage, large)) - less;
  }
  if (process.env.RANK === "0") console.log(JSON.stringify(found));
} else {
  const script = fileURLToPath(import.meta.url);
  const more = process.argv.slice(2);
  const results: Record<string, unknown>[] = [];
  const add = (workers: number, hosts: number, stdout: string): void => {
    const line = stdout.split("\n").find((text) => text.includes('"stage 0"'))!;
    const measured = JSON.parse(line.slice(line.indexOf("{"))) as Measured;
    for (const name of Object.keys(stages) as (keyof typeof stages)[]) {
      const { total, states } = trainingMemory({ parameters, states: 2 * parameters, workers, hosts, sharding: shardings[name], sums: args.clip });
      const mb = (bytes: number): number => Math.round(bytes / 1e5) / 10;
      const off = Math.round(1000 * (measured[name] / total - 1)) / 10;
      results.push({
        workers: workers * hosts,
        hosts,
        zero: name,
        measured_mb: mb(measured[name]),
        predicted_mb: mb(total),
        states_mb: mb(states),
        off_percent: off,
      });
    }
  };
  for (const workers of args.workers!.split(",").map(Number)) {
    const { code, stdout, stderr } = await launch({ options: ["--num-processes", String(workers)], script, args: more });
    if (code !== 0) throw new Error(stdout + stderr);
    add(workers, 1, stdout);
  }
  if (args.hosts && !glooMissing()) {
    const folder = mkdtempSync(join(tmpdir(), "zero-memory-"));
    for (const workers of args.hosts!.split(",").map(Number)) {
      const [first, second] = await launchOnTwoHosts({ workers: [workers, workers], folder, script, args: more });
      for (const { code, stdout, stderr } of [first, second]) if (code !== 0) throw new Error(stdout + stderr);
      add(workers, 2, first.stdout);
    }
    rmSync(folder, { recursive: true });
  }
  console.log(JSON.stringify({ ...machine(), parameters: parameters / 4, parameters_mb: Math.round(parameters / 1e5) / 10 }, undefined, 2));
  console.table(results);
}
