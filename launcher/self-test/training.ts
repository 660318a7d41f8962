// Checks of training: several workers do what one would do with all rows.
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { Dropout, Linear, Module, mseLoss } from "../../src/nn/index.js";
import { AdamW, clipGradNorm, type Optimizer } from "../../src/optim/index.js";
import { loadSafetensors } from "../../src/safetensors/index.js";
import { fromData, ones, type Scalar, type Tensor } from "../../src/tensor/index.js";
import type { Check, CheckContext } from "./check.js";

/** Rows per worker and step, and numbers per row. */
const ROWS = 4;
const FEATURES = 5;

class Net extends Module {
  readonly first = new Linear(FEATURES, 7);
  readonly second = new Linear(7, 2);
  forward(x: Tensor): Tensor {
    return this.second(this.first(x).tanh());
  }
}
/** The same numbers in both, whatever the generator says. */
function pair(): readonly [Net, Net] {
  const nets = [new Net(), new Net()] as const;
  for (const net of nets) {
    let seed = 1;
    for (const p of net.parameters()) p.set(Float32Array.from({ length: p.values().length }, () => Math.sin(seed++ * 1.7) * 0.4));
  }
  return nets;
}
/** Rows of a step, from those of the first worker to those of the last. */
function rows(step: number, from: number, count: number): { readonly x: Tensor; readonly y: Tensor } {
  const numbers = (width: number, phase: number) =>
    fromData(
      Float32Array.from({ length: count * width }, (_, i) => Math.cos((step * 1000 + from * width + i) * 0.7 + phase)),
      [count, width],
    );
  return { x: numbers(FEATURES, 0), y: numbers(2, 1) };
}
const lossOf = (net: Net, { x, y }: ReturnType<typeof rows>): Scalar => mseLoss(net(x), y);
const numbersOf = (net: Net): number[] => [...net.parameters()].flatMap((p) => [...p.values()]);
/** With an epsilon that keeps a step from magnifying the rounding of small gradients. */
const optimizerOf = (net: Net): Optimizer => new AdamW(net.parameters(), { lr: 0.05, weightDecay: 0.1, eps: 1e-3 });

const gradients: Check = {
  name: "gradients",
  run: async ({ accelerator, rank, world, expect }) => {
    const [net, alone] = pair();
    await accelerator.prepare(net, optimizerOf(net));
    await accelerator.backward(lossOf(net, rows(0, rank * ROWS, ROWS)));
    await lossOf(alone, rows(0, 0, ROWS * world)).backward();
    for (const [[name, p], other] of zip(net.namedParameters(), alone.parameters()))
      expect.close(`gradient of ${name} over all workers, and on one`, await p.grad!.data(), await other.grad!.data());
  },
};
function* zip<A, B>(a: Iterable<A>, b: Iterable<B>): Generator<readonly [A, B]> {
  const others = b[Symbol.iterator]();
  for (const x of a) yield [x, others.next().value as B];
}

/** Trains one net on all workers and one on each of them alone; both must end at the same numbers. */
async function sameTraining({ accelerator, expect }: CheckContext, run: (net: Net, optimizer: Optimizer, prepared: boolean) => Promise<void>): Promise<void> {
  const [net, alone] = pair();
  const [optimizer, other] = [optimizerOf(net), optimizerOf(alone)];
  await accelerator.prepare(net, optimizer);
  await run(net, optimizer, true);
  await run(alone, other, false);
  expect.close("weights of all workers, and of one", numbersOf(net), numbersOf(alone));
  const bits = Buffer.from(Float32Array.from(numbersOf(net)).buffer).toString("base64");
  expect.equal("different weights among the workers", new Set(await accelerator.gatherObject([bits])).size, 1);
}

const steps: Check = {
  name: "AdamW steps",
  run: (context) =>
    sameTraining(context, async (net, optimizer, prepared) => {
      const { accelerator, rank, world } = context;
      for (let step = 0; step < 3; step++) {
        if (prepared) await accelerator.backward(lossOf(net, rows(step, rank * ROWS, ROWS)));
        else await lossOf(net, rows(step, 0, ROWS * world)).backward();
        await optimizer.step();
        optimizer.zeroGrad();
      }
    }),
};

const clipping: Check = {
  name: "clipping",
  run: (context) =>
    sameTraining(context, async (net, optimizer, prepared) => {
      const { accelerator, rank, world } = context;
      if (prepared) await accelerator.backward(lossOf(net, rows(0, rank * ROWS, ROWS)));
      else await lossOf(net, rows(0, 0, ROWS * world)).backward();
      const norm = prepared ? await accelerator.clipGradNorm(net.parameters(), 0.01) : await clipGradNorm(net.parameters(), 0.01);
      const norms = await accelerator.gatherObject([norm]);
      context.expect.equal(`norms that are not above 0.01 (${norms})`, norms.filter((n) => !(n > 0.01)).length, 0);
      await optimizer.step();
      optimizer.zeroGrad();
    }),
};

const WINDOW = 2;
const accumulation: Check = {
  name: "accumulation",
  run: (context) =>
    sameTraining(context, async (net, optimizer, prepared) => {
      const { accelerator, rank, world } = context;
      accelerator.gradientAccumulationSteps = WINDOW;
      for (let step = 0; step < 2; step++) {
        for (let micro = 0; micro < WINDOW; micro++) {
          // All micro-batches of a window, one behind the other, are one step of one worker.
          if (prepared)
            await accelerator.accumulate(net, async () => {
              await accelerator.backward(lossOf(net, rows(step, (micro * world + rank) * ROWS, ROWS)));
              await optimizer.step();
              optimizer.zeroGrad();
            });
          else if (micro === 0) {
            await lossOf(net, rows(step, 0, ROWS * world * WINDOW)).backward();
            await optimizer.step();
            optimizer.zeroGrad();
          }
        }
      }
      accelerator.gradientAccumulationSteps = 1;
    }),
};

const random: Check = {
  name: "random numbers",
  run: async ({ accelerator, world, expect }) => {
    const layer = new Linear(4, 4);
    expect.equal("different first weights among the workers", new Set(await accelerator.gatherObject([layer.weight.values().join()])).size, 1);
    const dropped = await new Dropout(0.5)(ones([256])).toArray();
    expect.equal("different dropout masks among the workers", new Set(await accelerator.gatherObject([String(dropped)])).size, world);
  },
};

const saving: Check = {
  name: "saved model",
  run: async ({ accelerator, folder, expect }) => {
    const [net] = pair();
    await accelerator.saveModel(net, join(folder, "model"));
    if (!accelerator.isMainProcess) return; // its machine may be another
    const saved = await loadSafetensors(join(folder, "model", "model.safetensors"));
    for (const [name, p] of net.namedParameters()) expect.equal(`${name} in the file`, saved.get(name)?.data, p.values());
  },
};

const checkpoint: Check = {
  name: "checkpoint",
  run: async ({ accelerator, rank, folder, expect }) => {
    // Workers of several machines have no folder in common here.
    if (new Set(await accelerator.gatherObject([folder])).size > 1) return;
    const [net] = pair();
    const optimizer = optimizerOf(net);
    await accelerator.prepare(net, optimizer);
    const step = async (number: number): Promise<void> => {
      await accelerator.backward(lossOf(net, rows(number, rank * ROWS, ROWS)));
      await optimizer.step();
      optimizer.zeroGrad();
    };
    const draw = async (): Promise<unknown> => new Dropout(0.5)(ones([16])).toArray();
    await step(0);
    const saved = await accelerator.saveState(join(folder, "checkpoint"));
    await step(1);
    const [weights, drawn] = [numbersOf(net), await draw()];
    await step(2);
    await accelerator.loadState(saved);
    await step(1);
    expect.equal("weights after the same step from the checkpoint are the same bits", isDeepStrictEqual(numbersOf(net), weights), true);
    expect.equal("random numbers after it", await draw(), drawn);
  },
};

export const trainingChecks: readonly Check[] = [gradients, steps, clipping, accumulation, random, saving, checkpoint];
