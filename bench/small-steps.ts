// A training step of a small MLP and a small CNN (28 x 28 pixels, batch 32, SGD), one thread, here, in TensorFlow.js and in jax-js. Runs in turn, best of all.
//   node dist/bench/small-steps.js --packages FOLDER [--pairs 3] [--steps 20] [--batch 32] [--models mlp,cnn]
// FOLDER holds the packages of the other two, see bench/peers/small_step_tfjs.mjs. With --peer MODEL it is one of our runs.
import { execFileSync } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { Engine, SGD, tensor } from "accelerate-ts";
import { Conv2d, crossEntropy, Flatten, init, Linear, MaxPool2d, ReLU, Sequential } from "accelerate-ts/nn";
import { machine } from "./machine.js";

const { values: args } = parseArgs({
  options: {
    packages: { type: "string", default: "." },
    pairs: { type: "string", default: "3" },
    steps: { type: "string", default: "20" },
    batch: { type: "string", default: "32" },
    models: { type: "string", default: "mlp,cnn" },
    peer: { type: "string" },
  },
});

const models: { readonly [name: string]: { readonly make: () => Sequential; readonly shape: readonly number[] } } = {
  mlp: { make: () => new Sequential(new Linear(784, 256), new ReLU(), new Linear(256, 128), new ReLU(), new Linear(128, 10)), shape: [784] },
  cnn: {
    make: () =>
      new Sequential(
        new Conv2d(1, 16, 3, { padding: 1 }),
        new ReLU(),
        new MaxPool2d(2),
        new Conv2d(16, 32, 3, { padding: 1 }),
        new ReLU(),
        new MaxPool2d(2),
        new Flatten(),
        new Linear(1568, 10),
      ),
    shape: [1, 28, 28],
  },
};

interface Measured {
  /** Milliseconds of the fastest step; undefined where it does not run. */
  readonly ms?: number;
  readonly loss?: number;
  readonly error?: string;
}

async function ours(name: string): Promise<Measured> {
  Engine.open({ threads: 1 });
  const { make, shape } = models[name]!;
  const batch = Number(args.batch);
  const model = make();
  const optimizer = new SGD(model.parameters(), { lr: 0.01 });
  const x = init.uniform([batch, ...shape]);
  const labels = tensor(
    Array.from({ length: batch }, (_, i) => i % 10),
    { dtype: "int64" },
  );
  let best = Number.POSITIVE_INFINITY;
  let last = 0;
  for (let step = 0; step < Number(args.steps) + 2; step++) {
    const began = performance.now();
    const loss = crossEntropy(model(x), labels);
    await loss.backward();
    await optimizer.step();
    optimizer.zeroGrad();
    last = await loss.item();
    if (step >= 2) best = Math.min(best, performance.now() - began);
  }
  return { ms: best, loss: last };
}

function run(file: string, more: readonly string[]): Measured {
  try {
    const stdout = execFileSync(process.execPath, [file, ...more], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
      maxBuffer: 1 << 26,
      timeout: 300_000,
    });
    return JSON.parse(stdout.trim().split("\n").at(-1)!) as Measured;
  } catch (error) {
    const text = String((error as { stderr?: unknown }).stderr ?? error);
    return { error: text.split("\n").find((line) => line.includes("Error")) ?? text.slice(0, 200) };
  }
}

if (args.peer !== undefined) console.log(JSON.stringify(await ours(args.peer)));
else {
  const peers = join(dirname(fileURLToPath(import.meta.url)), "..", "..", "bench", "peers");
  const sizes = ["--batch", args.batch, "--packages", args.packages];
  console.log(JSON.stringify(machine()));
  for (const name of args.models.split(",")) {
    const programs: { readonly [who: string]: () => Measured } = {
      "accelerate-ts": () => run(fileURLToPath(import.meta.url), ["--peer", name, "--steps", args.steps, "--batch", args.batch]),
      "TensorFlow.js, wasm": () => run(join(peers, "small_step_tfjs.mjs"), ["--model", name, "--steps", args.steps, ...sizes]),
      "TensorFlow.js, cpu": () => run(join(peers, "small_step_tfjs.mjs"), ["--model", name, "--backend", "cpu", "--steps", "1", ...sizes]),
      "jax-js, wasm": () => run(join(peers, "small_step_jaxjs.mjs"), ["--model", name, "--steps", args.steps, ...sizes]),
    };
    const best = new Map<string, Measured>();
    for (let pair = 0; pair < Number(args.pairs); pair++) {
      for (const [who, measure] of Object.entries(programs)) {
        const before = best.get(who);
        if (before?.error !== undefined) continue;
        const now = measure();
        if (now.ms === undefined || now.ms < (before?.ms ?? Number.POSITIVE_INFINITY)) best.set(who, now);
      }
    }
    const own = best.get("accelerate-ts")!.ms;
    for (const [who, { ms, loss, error }] of best)
      console.log(
        JSON.stringify({
          model: name,
          who,
          ...(ms === undefined ? { error } : { ms: Number(ms.toFixed(2)), loss, times: own && Number((ms / own).toFixed(2)) }),
        }),
      );
  }
}
