// Adafactor beyond its formula: what it keeps, where it keeps it, whole parameters for each worker, what is refused.
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { fc } from "../support/properties.js";
import { shareOf } from "../../src/accelerator/gradients/shares.js";
import { Adafactor, type AdafactorOptions, AdafactorScheduler, AdamW, getScheduler } from "../../src/optim/index.js";
import { Parameter, ParameterArena, zeros } from "../../src/tensor/index.js";
import { launch } from "../support/launch.js";
import { golden, parameterOf, setGrad } from "./fixtures.js";

const numbers = (n: number, seed: number): Float32Array => Float32Array.from({ length: n }, (_, i) => Math.sin(seed * 12.9898 + i * 78.233) * 2);
const model = (): Parameter[] =>
  [
    ["matrix", [5, 7]],
    ["vector", [19]],
    ["cube", [2, 3, 4]],
    ["number", []],
    ["wide", [1, 40]],
  ].map(([name, shape], k) =>
    parameterOf(
      name as string,
      shape as number[],
      numbers(
        (shape as number[]).reduce((a, b) => a * b, 1),
        k,
      ),
    ),
  );
async function train(optimizer: Adafactor, parameters: readonly Parameter[], from: number, to: number): Promise<void> {
  for (let t = from; t < to; t++) {
    for (const [i, p] of parameters.entries()) setGrad(p, p.name === "vector" && t % 2 === 1 ? undefined : numbers(p.values().length, t * 10 + i));
    await optimizer.step();
    optimizer.zeroGrad();
  }
}

describe("Adafactor", () => {
  it("keeps a number per row and per column of matrices, and of vectors one per element", async () => {
    const parameters = model();
    const optimizer = new Adafactor(parameters);
    await train(optimizer, parameters, 0, 1);
    const { state } = optimizer.stateDict();
    const lengths = (name: string) => Object.fromEntries(Object.entries(state[name]!).map(([key, v]) => [key, typeof v === "number" ? v : v.length]));
    assert.deepEqual(lengths("matrix"), { step: 1, exp_avg_sq_row: 5, exp_avg_sq_col: 7, RMS: 1 });
    assert.deepEqual(lengths("cube"), { step: 1, exp_avg_sq_row: 6, exp_avg_sq_col: 8, RMS: 1 });
    assert.deepEqual(lengths("vector"), { step: 1, exp_avg_sq: 19, RMS: 1 });
    assert.deepEqual(lengths("number"), { step: 1, exp_avg_sq: 1, RMS: 1 });
    const large = new ParameterMaker([1000, 500]).parameter;
    const factored = new Adafactor([large], { lr: 1, relativeStep: false, scaleParameter: false });
    const bytes = factored.places.bytes(large.segment()!.arena).reduce((a, b) => a + b, 0);
    assert.ok(bytes < 8000, `${bytes} bytes of state for 2 MB of numbers`);
  });

  it("takes its state along when parameters move to another arena", async () => {
    const run = async (moves: boolean) => {
      const parameters = model();
      const optimizer = new Adafactor(parameters, { beta1: 0.9 });
      await train(optimizer, parameters, 0, 3);
      if (moves) {
        ParameterArena.place([parameters[3]!, parameterOf("other", [9, 9], numbers(81, 1)), parameters[0]!], {});
        ParameterArena.place([parameters[2]!], {});
      }
      await train(optimizer, parameters, 3, 6);
      return [parameters.map((p) => [...p.values()]), optimizer.stateDict().state];
    };
    assert.deepEqual(await run(true), await run(false));
  });

  it("does the same for parameters in one arena or in several, with others between them", async () => {
    const run = async (separate: boolean) => {
      const parameters = model();
      const others = [parameterOf("a", [3], [1, 2, 3]), parameterOf("b", [3], [1, 2, 3])];
      if (separate) for (const p of parameters) ParameterArena.adopt([p]);
      else ParameterArena.adopt([others[0]!, ...parameters.slice(0, 2), others[1]!, ...parameters.slice(2)]);
      await train(new Adafactor(parameters), parameters, 0, 4);
      assert.deepEqual(
        others.map((p) => [...p.values()]),
        [
          [1, 2, 3],
          [1, 2, 3],
        ],
      );
      return parameters.map((p) => [...p.values()]);
    };
    assert.deepEqual(await run(true), await run(false));
  });

  it("leaves parameters without elements alone, and what has no gradient but zeros where it is", async () => {
    const [empty, zero] = [parameterOf("empty", [0, 3], []), parameterOf("zero", [2, 2], [1, 2, 3, 4])];
    const optimizer = new Adafactor([empty, zero]);
    setGrad(empty, []);
    setGrad(zero, [0, 0, 0, 0]);
    await optimizer.step();
    assert.deepEqual([...zero.values()], [1, 2, 3, 4]);
    assert.ok(Object.values(optimizer.stateDict().state.zero!).every((v) => typeof v === "number" || Array.from(v).every(Number.isFinite)));
  });

  it("takes no state of another optimizer, nor one of other shapes", async () => {
    const parameters = model();
    const optimizer = new Adafactor(parameters);
    await train(optimizer, parameters, 0, 1);
    const saved = optimizer.stateDict();
    assert.throws(() => new AdamW(model()).loadStateDict(saved), /matrix lacks exp_avg/);
    const turned = model();
    turned[0] = parameterOf("matrix", [7, 5], numbers(35, 1));
    assert.throws(() => new Adafactor(turned).loadStateDict(saved), /exp_avg_sq_row of matrix has 5 numbers there and 7 here/);
    assert.throws(() => new Adafactor(model(), { beta1: 0.9 }).loadStateDict(saved), /lacks exp_avg/);
  });

  it("refuses options that make no sense together, with transformers' messages", () => {
    for (const [options, message] of [
      [{ lr: 0.1 }, /Cannot combine manual `lr` and `relativeStep: true` options/],
      [{ lr: 0.1, relativeStep: false, warmupInit: true }, /`warmupInit: true` requires `relativeStep: true`/],
      [{ relativeStep: false }, /has no learning rate/],
      [{ lr: -1, relativeStep: false }, /Invalid learning rate: -1/],
      [{ eps: [1e-30, -1] }, /Invalid epsilon value: -1/],
      [{ eps: [1e-30] }, /Invalid eps/],
      [{ eps: 1e-30 as never }, /Invalid eps: 1e-30/],
      [{ clipThreshold: 0 }, /Invalid clip_threshold value: 0/],
      [{ decayRate: 0.8 }, /Invalid decay_rate value: 0.8/],
      [{ beta1: 1 }, /Invalid beta1 value: 1/],
      [{ scale_parameter: true }, /write scaleParameter/],
    ] as const)
      assert.throws(() => new Adafactor(model(), options as unknown as AdafactorOptions), message);
    assert.throws(() => new Adafactor([{ params: model(), lr: 0.1 }]), /Cannot combine/);
  });

  it("tells its own rates as a schedule would, as transformers' AdafactorSchedule", async () => {
    type File = { start: Record<string, number[]>; grads: Record<string, number[]>[]; rates: { options: Record<string, boolean>; lrs: number[] }[] };
    const file = golden<File>("optim-more.json");
    assert.equal(file.rates.length, 2);
    for (const { options, lrs } of file.rates) {
      const parameter = parameterOf("a.weight", [3, 7], file.start["a.weight"]!);
      const optimizer = new Adafactor([parameter], { warmupInit: options.warmup_init ?? false, scaleParameter: options.scale_parameter ?? true });
      const scheduler = new AdafactorScheduler(optimizer, { initialLr: 0.5 });
      for (const [t, lr] of lrs.entries()) {
        assert.ok(Math.abs(scheduler.getLastLr()[0]! / lr - 1) < 1e-6, `${scheduler.getLastLr()[0]} instead of ${lr} after ${t} steps`);
        setGrad(parameter, file.grads[t]!["a.weight"]!);
        await optimizer.step();
        scheduler.step();
      }
      const again = new Adafactor([parameterOf("a.weight", [3, 7], parameter.values())], {
        warmupInit: options.warmup_init ?? false,
        scaleParameter: options.scale_parameter ?? true,
      });
      const other = new AdafactorScheduler(again);
      again.loadStateDict(optimizer.stateDict());
      assert.deepEqual(other.getLastLr(), scheduler.getLastLr());
    }
    assert.throws(() => new AdafactorScheduler(new AdamW(model()) as unknown as Adafactor), { code: "ERR_SCHEDULER_OPTION" });
  });

  it("follows a schedule", async () => {
    const parameters = model();
    const optimizer = new Adafactor(parameters, { lr: 1, relativeStep: false });
    const scheduler = getScheduler("linear", optimizer, { numWarmupSteps: 0, numTrainingSteps: 4 });
    await train(optimizer, parameters, 0, 1);
    scheduler.step();
    assert.deepEqual(scheduler.getLastLr(), [0.75]);
  });
});

/** A parameter in an arena of its own, of zeros. */
class ParameterMaker {
  readonly parameter: Parameter;
  constructor(shape: number[]) {
    this.parameter = new Parameter(zeros(shape));
    this.parameter.named("large");
    ParameterArena.adopt([this.parameter]);
  }
}

describe("shares of whole parameters", () => {
  it("cover an arena without gaps, cut no parameter that has a gradient, and are as even as that goes", () => {
    const memory = { allocate: (bytes: number) => new ArrayBuffer(bytes) };
    const sizes = fc.array(fc.tuple(fc.integer({ min: 1, max: 400 }), fc.boolean()), { minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(sizes, fc.integer({ min: 1, max: 5 }), (sizes, size) => {
        const arena = ParameterArena.place(
          sizes.map(([n]) => new Parameter(zeros([n]))),
          { values: memory, grads: memory },
        );
        const has = sizes.map(([, h]) => h);
        const shares = Array.from({ length: size }, (_, rank) => shareOf(arena, has, { rank, size, whole: true }));
        assert.deepEqual([shares[0]!.begin, shares.at(-1)!.end], [0, arena.values.length]);
        const active = arena.segments.filter((_, i) => has[i]);
        const total = active.reduce((sum, s) => sum + s.length, 0);
        const largest = Math.max(0, ...active.map((s) => s.length));
        for (const [rank, { begin, end }] of shares.entries()) {
          assert.ok(begin <= end);
          if (rank > 0) assert.equal(begin, shares[rank - 1]!.end);
          for (const s of active) assert.ok(end <= s.offset || begin >= s.offset + s.length || (begin <= s.offset && end >= s.offset + s.length));
          const own = active.reduce((sum, s) => sum + (begin <= s.offset && end >= s.offset + s.length ? s.length : 0), 0);
          assert.ok(own <= total / size + largest + 1);
        }
      }),
    );
  });
});

describe("a job with Adafactor", () => {
  it("is saved, and goes on bit for bit on as many workers and on others", async () => {
    const folder = await mkdtemp(join(tmpdir(), "adafactor-"));
    const run = async (workers: number, mode: "save" | "load") => {
      const script = new URL("./programs/factored.js", import.meta.url);
      const { code, stderr, stdout } = await launch({ options: ["--num-processes", String(workers)], script, args: [folder, mode] });
      assert.equal(code, 0, stdout + stderr);
      return JSON.parse(await readFile(join(folder, `${mode}-${workers}.json`), "utf8")) as { readonly lengths: Record<string, Record<string, number>> };
    };
    try {
      const whole = await run(2, "save");
      assert.deepEqual(whole.lengths["first.weight"], { step: 8, exp_avg: 6 * 37, exp_avg_sq_row: 37, exp_avg_sq_col: 6, RMS: 1 });
      assert.ok(!("unused.weight" in whole.lengths));
      for (const workers of [1, 2]) assert.deepEqual(await run(workers, "load"), whole);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});
