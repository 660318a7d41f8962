// One AdamW step over the 22.6 M parameters of a 6-layer BERT of width 384, beside a memcpy of 14 bytes per parameter (both move 28) on the same
// threads, and beside torch. Pairs in turn, best of the rounds; then the other optimizers, and the other kernels of a training step.
//   node dist/bench/optimizer.js [--threads 2] [--rounds 5] [--python python3]
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Adafactor, Adagrad, AdamW, clipGradNorm, Lion, RMSprop } from "../src/optim/index.js";
import { packageRoot } from "../src/package-root.js";
import { Engine } from "../src/runtime/index.js";
import { Parameter, ParameterArena, zeros } from "../src/tensor/index.js";
import { machine } from "./machine.js";

const { values: args } = parseArgs({
  options: { threads: { type: "string", default: "2" }, rounds: { type: "string", default: "5" }, python: { type: "string" } },
});
const threads = Number(args.threads);
const rounds = Number(args.rounds);
/** Runs of ours and of torch in turn. */
const pairs = 3;
const engine = Engine.open({ threads });

const width = 384;
const layer = [
  ...Array.from({ length: 4 }, () => [[width, width], [width]]).flat(),
  [width],
  [width],
  [4 * width, width],
  [4 * width],
  [width, 4 * width],
  [width],
  [width],
  [width],
];
const shapes: number[][] = [
  [30522, width],
  [512, width],
  [2, width],
  [width],
  [width],
  ...Array.from({ length: 6 }, () => layer).flat(),
  [width, width],
  [width],
];
const parameters = shapes.map((shape, i) => {
  const parameter = new Parameter(zeros(shape));
  parameter.named(`p${i}`);
  return parameter;
});
ParameterArena.adopt(parameters);
const { arena } = parameters[0]!.segment()!;
for (const [i, segment] of arena.segments.entries()) {
  segment.hasGrad = true;
  segment.value.fill(0.01 * (i % 7));
  segment.grad.fill(1e-3 * (i % 5));
}
const count = shapes.reduce((sum, shape) => sum + shape.reduce((a, b) => a * b, 1), 0);
const bytes = 14 * count;

interface Kernels {
  copy(into: Uint8Array, from: Uint8Array): Promise<number>;
  dropout(
    x: Float32Array,
    key: BigInt64Array,
    site: number,
    ratio: number,
    dims: BigInt64Array,
    y: Float32Array,
    threads: number,
    isa: number,
  ): Promise<number>;
}
const kernels = (engine.native as unknown as { readonly testKernels: Kernels }).testKernels;
const [from, into] = [new Uint8Array(engine.allocate(bytes)), new Uint8Array(engine.allocate(bytes))];
from.fill(1);

async function best(bodies: Readonly<Record<string, () => Promise<unknown>>>): Promise<Record<string, number>> {
  const times: Record<string, number> = {};
  for (let round = -1; round < rounds; round++) {
    for (const [name, body] of Object.entries(bodies)) {
      const started = performance.now();
      await body();
      const elapsed = performance.now() - started;
      if (round >= 0) times[name] = Math.min(times[name] ?? Number.POSITIVE_INFINITY, elapsed);
    }
  }
  return times;
}

const optimizer = new AdamW(parameters, { lr: 1e-4 });
const others = {
  rmsprop: new RMSprop(parameters, { lr: 1e-6 }),
  adagrad: new Adagrad(parameters, { lr: 1e-6 }),
  lion: new Lion(parameters, { lr: 1e-6 }),
  adafactor: new Adafactor(parameters, { lr: 1e-6, relativeStep: false, scaleParameter: false }),
};
/** Bytes per parameter that each has to move: what it reads, and what it writes; Adafactor's gradient once, if it stays in the cache between its three passes. */
const moved = { rmsprop: 20, adagrad: 20, lion: 20, adafactor: 12 } as const;
const elements = 16 * 53 * 4 * width;
const [x, y] = [new Float32Array(engine.allocate(4 * elements)), new Float32Array(engine.allocate(4 * elements))];
const dims = BigInt64Array.of(16n, 53n, BigInt(4 * width));
const bodies = {
  memcpy: () => kernels.copy(into, from),
  adamw: () => optimizer.step(),
  rmsprop: () => others.rmsprop.step(),
  adagrad: () => others.adagrad.step(),
  lion: () => others.lion.step(),
  adafactor: () => others.adafactor.step(),
  clip: () => clipGradNorm(parameters, 1e9),
  dropout: () => kernels.dropout(x, BigInt64Array.of(1n, 0n, 0n, 0n), 0, 0.1, dims, y, 0, -1),
};
/** Keeps the smaller of each time. */
function merge(into: Record<string, number | string>, from: Readonly<Record<string, number | string>>): void {
  for (const [name, value] of Object.entries(from)) {
    const before = into[name];
    into[name] = typeof before === "number" && typeof value === "number" ? Math.min(before, value) : value;
  }
}
const ms: Record<string, number> = {};
const torch: Record<string, number | string> = {};
const script = join(packageRoot(), "bench", "peers", "adamw.py");
for (let pair = 0; pair < (args.python ? pairs : 1); pair++) {
  merge(ms, await best(bodies));
  if (!args.python) break;
  const peer = [script, "--threads", args.threads, "--rounds", args.rounds, "--shapes", JSON.stringify(shapes)];
  merge(torch, JSON.parse(execFileSync(args.python, peer, { encoding: "utf8" })));
}
const { memcpy, adamw, clip, dropout } = ms as { memcpy: number; adamw: number; clip: number; dropout: number };
const ratio = adamw / memcpy;
const rounded = (value: number) => Number(value.toFixed(3));

console.log(
  JSON.stringify({
    bench: "optimizer",
    ...machine(),
    threads,
    parameters: count,
    adamw_ms: rounded(adamw),
    memcpy_ms: rounded(memcpy),
    ratio: rounded(ratio),
    ...Object.fromEntries(Object.keys(moved).map((name) => [`${name}_ms`, rounded(ms[name]!)])),
    clip_norm_ms: rounded(clip),
    dropout_g_per_s: rounded(elements / dropout / 1e6),
    ...torch,
  }),
);
console.log(
  `AdamW over ${(count / 1e6).toFixed(1)} M parameters: ${adamw.toFixed(1)} ms, ${((28 * count) / adamw / 1e6).toFixed(1)} GB/s; memcpy of as many bytes: ${memcpy.toFixed(1)} ms; ratio ${ratio.toFixed(2)} (bound 1.00)`,
);
for (const [name, perParameter] of Object.entries(moved))
  console.log(
    `${name}: ${ms[name]!.toFixed(1)} ms, ${(ms[name]! / adamw).toFixed(2)} of AdamW's; ${((ms[name]! / memcpy) * (28 / perParameter)).toFixed(2)} times a memcpy of its ${perParameter} bytes per parameter`,
  );
for (const [name, time] of Object.entries(torch))
  if (name.endsWith("_ms"))
    console.log(`${name.replaceAll("_", " ").replace(" ms", "")}: ${Number(time).toFixed(1)} ms, ${(Number(time) / adamw).toFixed(1)} times ours`);
console.log(`global norm: ${clip.toFixed(1)} ms; dropout: ${(elements / dropout / 1e6).toFixed(2)} G elements/s`);
