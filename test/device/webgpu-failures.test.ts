// Runs and updates on WebGPU that fail for want of memory, at each array and each program that they ask for, leave nothing half done: tried again they do what they would have done.
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { Accelerator } from "../../src/accelerator/index.js";
import { BatchNorm1d, Linear, Module } from "../../src/nn/index.js";
import { AdamW, clipGradNorm, LambdaScheduler } from "../../src/optim/index.js";
import { Engine, EngineError } from "../../src/runtime/index.js";
import { defaultExecutor, fromData, setSeed, type Tensor } from "../../src/tensor/index.js";
import { testDevices } from "../support/devices.js";

class Net extends Module {
  readonly one = new Linear(3, 4, { bias: false });
  readonly norm = new BatchNorm1d(4);
  readonly scale = this.registerBuffer("scale", fromData(Float32Array.of(0.5, 1, 1.5, 2), [4]));
  readonly two = new Linear(4, 2);
  forward(x: Tensor): Tensor {
    return this.two(this.norm(this.one(x)).tanh().mul(this.scale));
  }
}

const [{ device, skip }] = (await testDevices(["webgpu"])) as [Awaited<ReturnType<typeof testDevices>>[number]];

/** What may fail: `point` counts down what is asked for, the one at 0 is refused. */
const failing = { point: Number.POSITIVE_INFINITY, failures: 0 };
function refuse<A extends unknown[], R>(owner: object, name: string): void {
  const own = (owner as Record<string, (...given: A) => R>)[name]!;
  Object.defineProperty(owner, name, {
    configurable: true,
    value(...given: A): R {
      if (failing.point-- === 0) {
        failing.failures++;
        throw new EngineError("ERR_DEVICE_MEMORY", `no memory (${name})`);
      }
      return own.apply(owner, given);
    },
  });
}

/** Runs of updates, by and by refused once they are queued. */
function refuseRuns(): void {
  const engine = Engine.default();
  const create = engine.createSession.bind(engine);
  engine.createSession = async (model, options) => {
    const session = await create(model, options);
    const bind = session.createBinding.bind(session);
    if (options?.name === "adam")
      session.createBinding = () => {
        const binding = bind();
        const run = binding.run.bind(binding);
        binding.run = (given) => {
          if (failing.point-- !== 0) return run(given);
          failing.failures++;
          return Promise.reject(new EngineError("ERR_DEVICE_MEMORY", "no memory (run)"));
        };
        return binding;
      };
    return session;
  };
}

/** Does a thing, which fails first at the first that it asks for, then at the second, until nothing is left to fail. */
async function stubborn(body: () => Promise<unknown>, fails: boolean): Promise<void> {
  for (let point = 0; point < 200; point++) {
    failing.point = fails ? point : Number.POSITIVE_INFINITY;
    try {
      await body();
      return;
    } catch (error) {
      assert.match((error as Error).message, /no memory/);
    } finally {
      failing.point = Number.POSITIVE_INFINITY;
    }
  }
  assert.fail("it fails although there is memory");
}

async function train(fails: boolean) {
  const accelerator = new Accelerator({ device, seed: 3 });
  setSeed(3);
  const model = new Net();
  const [one, ...others] = [...model.parameters()];
  const optimizer = new AdamW([{ params: [one!], weightDecay: 0 }, { params: others }], { lr: 0.1 });
  const scheduler = new LambdaScheduler(optimizer, (step) => 0.5 ** step);
  await accelerator.prepare(model, optimizer, scheduler);
  for (let step = 0; step < 3; step++) {
    for (let micro = 0; micro < 2; micro++) {
      const x = fromData(
        Float32Array.from({ length: 15 }, (_, i) => Math.sin(1.3 * i + step + 7 * micro)),
        [5, 3],
      );
      await stubborn(async () => {
        const y = model(x);
        await accelerator.backward(y.mul(y).mean());
      }, fails);
    }
    await stubborn(() => clipGradNorm(model.parameters(), 1e3), fails);
    await stubborn(async () => {
      await optimizer.step();
      scheduler.step();
    }, fails);
    optimizer.zeroGrad();
    await defaultExecutor().clear();
  }
  const parameters = [...model.parameters()].map((p) => p.values().slice());
  const saved = { state: optimizer.stateDict(), rate: optimizer.paramGroups[0]!.lr };
  const buffers = await Promise.all([...model.namedBuffers()].map(async ([, b]) => (await b.data()).slice()));
  await accelerator.close();
  return { parameters, buffers, ...saved };
}

suite("Want of memory on WebGPU", { skip }, () => {
  test("what failed is done when it is tried again", async () => {
    await new Accelerator({ device }).close();
    refuse((await defaultExecutor().open())!, "allocate");
    refuseRuns();
    refuse(Engine.default(), "createSession");
    const found = await train(true);
    assert.ok(failing.failures >= 20, `${failing.failures} failures`);
    const wanted = await train(false);
    assert.equal(wanted.state.step_count, 3);
    assert.deepEqual(found, wanted);
  });
});
