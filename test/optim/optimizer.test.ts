// The rules of optimizers beyond their formulas: who is updated, state that is saved, lists that fill in, what is refused.
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  Adafactor,
  Adagrad,
  Adam,
  AdamW,
  clipGradNorm,
  clipGradValue,
  decayedNames,
  LambdaScheduler,
  Lion,
  type Optimizer,
  parameterGroups,
  RMSprop,
  SGD,
} from "../../src/optim/index.js";
import { type Parameter, ParameterArena } from "../../src/tensor/index.js";
import { parameterOf, setGrad } from "./fixtures.js";

/** Numbers that look random and are the same in every run. */
const numbers = (n: number, seed: number): Float32Array => Float32Array.from({ length: n }, (_, i) => Math.sin(seed * 12.9898 + i * 78.233) * 2);

function model(): Parameter[] {
  return [
    parameterOf("w", [5, 7], numbers(35, 1)),
    parameterOf("b", [3], numbers(3, 2)),
    parameterOf("frozen", [4], numbers(4, 3)),
    parameterOf("v", [19], numbers(19, 4)),
  ];
}
async function train(optimizer: Optimizer, parameters: readonly Parameter[], from: number, to: number): Promise<void> {
  for (let t = from; t < to; t++) {
    for (const [i, p] of parameters.entries())
      setGrad(p, p.name === "frozen" || (p.name === "b" && t % 2 === 1) ? undefined : numbers(p.values().length, t * 10 + i));
    await optimizer.step();
    optimizer.zeroGrad();
  }
}

const makers: Readonly<Record<string, (p: Iterable<Parameter>) => Optimizer>> = {
  AdamW: (p) => new AdamW(p, { lr: 0.01 }),
  "AdamW as transformers": (p) => new AdamW(p, { lr: 0.01, weightDecay: 0.1, variant: "transformers" }),
  Adam: (p) => new Adam(p, { lr: 0.01, weightDecay: 0.1 }),
  "SGD with momentum": (p) => new SGD(p, { lr: 0.01, momentum: 0.9, dampening: 0.1 }),
  SGD: (p) => new SGD(p, { lr: 0.01 }),
  RMSprop: (p) => new RMSprop(p, { lr: 0.01 }),
  "RMSprop centered with momentum": (p) => new RMSprop(p, { lr: 0.01, centered: true, momentum: 0.9, weightDecay: 0.1 }),
  "RMSprop without eps": (p) => new RMSprop(p, { lr: 0.01, eps: 0 }),
  Adagrad: (p) => new Adagrad(p, { lr: 0.1, lrDecay: 0.1, initialAccumulatorValue: 0.5 }),
  Lion: (p) => new Lion(p, { lr: 0.01, weightDecay: 0.1 }),
  Adafactor: (p) => new Adafactor(p),
  "Adafactor with a first moment": (p) => new Adafactor(p, { lr: 0.01, relativeStep: false, scaleParameter: false, beta1: 0.9, weightDecay: 0.1 }),
};
for (const [name, make] of Object.entries(makers)) {
  test(`${name}: a saved state goes on bit for bit`, async () => {
    const straight = model();
    const whole = make(straight);
    await train(whole, straight, 0, 12);

    const before = model();
    const first = make(before);
    await train(first, before, 0, 5);
    const saved = first.stateDict();
    const after = model().reverse(); // another order in memory
    for (const p of after) p.set(before.find((q) => q.name === p.name)!.values());
    const second = make([...after].reverse());
    second.loadStateDict(saved);
    await train(second, [...after].reverse(), 5, 12);
    for (const p of straight) assert.deepEqual(after.find((q) => q.name === p.name)!.values(), p.values(), p.name);
    assert.deepEqual(second.stateDict(), whole.stateDict());
  });

  test(`${name}: a parameter without a gradient is left alone, and its neighbours too`, async () => {
    const parameters = model();
    ParameterArena.adopt(parameters);
    const arena = parameters[0]!.segment()!.arena;
    const optimizer = make(parameters);
    await train(optimizer, parameters, 0, 3);
    assert.deepEqual(parameters[2]!.values(), numbers(4, 3));
    assert.ok(!("frozen" in optimizer.stateDict().state));
    const covered = new Set(arena.segments.flatMap((s) => Array.from({ length: s.length }, (_, i) => s.offset + i)));
    assert.ok(
      arena.values.every((v, i) => covered.has(i) || v === 0),
      "the gaps between parameters stay zero",
    );
  });
}

test("equal neighbours in one range and each for itself give the same bits", async () => {
  const run = async (separate: boolean) => {
    const parameters = model();
    if (separate) for (const p of parameters) ParameterArena.adopt([p]);
    else ParameterArena.adopt(parameters);
    await train(new AdamW(parameters, { lr: 0.01 }), parameters, 0, 4);
    return parameters.map((p) => [...p.values()]);
  };
  assert.deepEqual(await run(true), await run(false));
});

test("eps 0 does not spoil the gaps between parameters", async () => {
  const parameters = model();
  ParameterArena.adopt(parameters);
  await train(new Adam(parameters, { eps: 0 }), parameters, 0, 2);
  const { arena } = parameters[0]!.segment()!;
  const covered = new Set(arena.segments.flatMap((s) => Array.from({ length: s.length }, (_, i) => s.offset + i)));
  assert.ok(arena.values.every((v, i) => covered.has(i) || v === 0));
});

test("a step bumps the version of the arenas it changed", async () => {
  const [a, b] = model();
  setGrad(a!, numbers(35, 1));
  setGrad(b!, undefined);
  const [before, other] = [a!.version, b!.version];
  const done = new SGD([a!, b!], { lr: 1 }).step();
  assert.deepEqual([a!.version, b!.version], [before + 1, other]);
  await done;
});

test("steps that are not awaited follow each other", async () => {
  const parameter = parameterOf("p", [1], [1]);
  setGrad(parameter, [1]);
  const optimizer = new SGD([parameter], { lr: 0.25 });
  assert.throws(
    () => {
      void optimizer.step();
      void optimizer.step();
      optimizer.stateDict();
    },
    { code: "ERR_OPTIMIZER_BUSY" },
  );
  await optimizer.step();
  assert.equal(parameter.values()[0], 0.25);
});

test("parameters that appear after the optimizer was made are found at the next step", async () => {
  const list: Parameter[] = [];
  const live = { [Symbol.iterator]: () => list[Symbol.iterator]() };
  const optimizer = new SGD(live, { lr: 1 });
  await assert.rejects(optimizer.step(), /optimizer got an empty parameter list/);
  const a = parameterOf("a", [1], [1]);
  list.push(a);
  setGrad(a, [1]);
  await optimizer.step();
  const b = parameterOf("b", [1], [1]);
  list.push(b);
  setGrad(b, [1]);
  await optimizer.step();
  assert.deepEqual([a.values()[0], b.values()[0]], [-1, 0]);
  list.push(parameterOf("c", [1], [1]), a);
  for (let i = 0; i < 2; i++) await assert.rejects(optimizer.step(), /parameter a appears twice in group 0/);
});

test("a hook scales the gradients on their way into the update", async () => {
  const parameter = parameterOf("p", [2], [0, 0]);
  setGrad(parameter, [1, 2]);
  const optimizer = new SGD([parameter], { lr: 1 });
  optimizer.beforeStep(async () => ({ gradScale: 0.5 }));
  await optimizer.step();
  assert.deepEqual([...parameter.values()], [-0.5, -1]);
  assert.deepEqual([...parameter.segment()!.grad], [1, 2]);
});

test("options that make no sense are refused with torch's words", () => {
  const p = () => [parameterOf("p", [1], [0])];
  assert.throws(() => new AdamW(p(), { lr: -1 }), { code: "ERR_OPTIMIZER_OPTION", message: /Invalid learning rate: -1/ });
  assert.throws(() => new AdamW(p(), { lr: Number.NaN }), /Invalid learning rate: NaN/);
  assert.throws(() => new AdamW(p(), { betas: [Number.NaN, 0.9] }), /Invalid beta parameter at index 0: NaN/);
  assert.throws(() => new AdamW(p(), { betas: 0.9 as never }), /Invalid betas: 0.9/);
  assert.throws(() => new Adam(p(), { betas: [0.9, 1] }), /Invalid beta parameter at index 1: 1/);
  assert.throws(() => new Adam(p(), { eps: -1 }), /Invalid epsilon value: -1/);
  assert.throws(() => new AdamW(p(), { weightDecay: -1 }), /Invalid weight_decay value: -1/);
  assert.throws(() => new AdamW([{ params: p(), lr: -2 }]), /Invalid learning rate: -2/);
  assert.throws(() => new AdamW(p(), { correctBias: false }), /only the variant "transformers"/);
  assert.throws(() => new AdamW(p(), { variant: "lion" as "torch" }), /Invalid variant: lion/);
  assert.throws(() => new SGD(p(), { lr: 1, nesterov: true }), /Nesterov momentum requires a momentum and zero dampening/);
  assert.throws(() => new SGD(p(), { lr: 1, momentum: -1 }), /Invalid momentum value: -1/);
  assert.throws(() => new SGD(p(), {} as { lr: number }), /Invalid learning rate: undefined/);
});

test("lists that make no sense are refused", () => {
  const [a, b] = model();
  assert.throws(() => new AdamW([]), { code: "ERR_OPTIMIZER_PARAMS", message: /optimizer got an empty parameter list/ });
  assert.throws(() => new AdamW([a!, b!, a!]), /parameter w appears twice in group 0/);
  assert.throws(() => new AdamW([{ params: [a!] }, { params: [b!, a!] }]), /parameter w appears in group 0 and in group 1/);
  assert.throws(() => new AdamW([a!, { params: [b!] }] as unknown as Parameter[]), /parameters and groups are mixed/);
  assert.throws(() => new AdamW([1, 2] as unknown as Parameter[]), /an optimizer takes Parameters, not 1/);
  assert.throws(() => new AdamW(undefined as unknown as Parameter[]), /params is undefined/);
  assert.throws(() => new AdamW([parameterOf("", [2], [1, 2])]).stateDict(), { code: "ERR_OPTIMIZER_NAMES", message: /has no name/ });
  assert.throws(() => new AdamW([parameterOf("x", [2], [1, 2]), parameterOf("x", [1], [1])]).stateDict(), /two parameters are called x/);
});

test("a state that does not fit is refused, and changes nothing", async () => {
  const parameters = model();
  const optimizer = new AdamW(parameters, { lr: 0.5 });
  await train(optimizer, parameters, 0, 2);
  const saved = optimizer.stateDict();
  const other = new AdamW([parameterOf("w", [5, 7], numbers(35, 1))], { lr: 0.25 });
  assert.throws(() => other.loadStateDict(saved), { code: "ERR_OPTIMIZER_STATE", message: /group 0 of it has b, which the optimizer lacks/ });
  const wider = new AdamW([...model().slice(0, 3), parameterOf("v", [20], numbers(20, 4))], { lr: 0.25 });
  assert.throws(() => wider.loadStateDict(saved), /exp_avg of v has 19 numbers there and 20 here/);
  assert.throws(() => new SGD(model(), { lr: 1, momentum: 0.5 }).loadStateDict(saved), /w lacks momentum_buffer/);
  assert.deepEqual([other.paramGroups[0]!.lr, wider.paramGroups[0]!.lr], [0.25, 0.25]);
  assert.deepEqual(wider.stateDict().state, {});
});

test("clipGradNorm gives the norm before clipping, over several arenas, and leaves small gradients alone", async () => {
  const [a, b] = [parameterOf("a", [2], [0, 0]), parameterOf("b", [1], [0])];
  setGrad(a, [3, 0]);
  setGrad(b, [4]);
  assert.notEqual(a.segment()!.arena, b.segment()!.arena);
  assert.equal(await clipGradNorm([a, b, a], 10), 5);
  assert.deepEqual([...a.segment()!.grad], [3, 0]);
  assert.equal(await clipGradNorm([a, b], 1), 5);
  assert.ok(Math.abs(a.segment()!.grad[0]! - 0.6) < 1e-6 && Math.abs(b.segment()!.grad[0]! - 0.8) < 1e-6);
  assert.equal(await clipGradNorm([parameterOf("c", [1], [0])], 1), 0);
});

test("a norm that is not finite is told, or makes all gradients NaN as in torch", async () => {
  const [a, b] = [parameterOf("a", [3], [0, 0, 0]), parameterOf("b", [1], [0])];
  setGrad(a, [Number.NaN, 1, Number.POSITIVE_INFINITY]);
  setGrad(b, [1]);
  await assert.rejects(clipGradNorm([a, b], 1, { errorIfNonfinite: true }), { code: "ERR_GRADIENT_NONFINITE", message: /2 of their elements/ });
  assert.equal(b.segment()!.grad[0], 1);
  for (const normType of [1, 2, 3, Number.POSITIVE_INFINITY]) assert.ok(Number.isNaN(await clipGradNorm([a, b], 1, { normType })));
  assert.ok(Number.isNaN(b.segment()!.grad[0]));
  await assert.rejects(clipGradNorm([a], -1), /maxNorm is -1/);
  await assert.rejects(clipGradNorm([a], 1, { normType: 0 }), /normType is 0/);
});

test("clipGradValue limits both signs and keeps NaN", async () => {
  const a = parameterOf("a", [5], [0, 0, 0, 0, 0]);
  setGrad(a, [-3, -0.5, 0.5, 3, Number.NaN]);
  await clipGradValue([a], 1);
  assert.deepEqual([...a.segment()!.grad], [-1, -0.5, 0.5, 1, Number.NaN]);
  await assert.rejects(clipGradValue([a], Number.NaN), /clipValue is NaN/);
});

test("biases and normalisations are not decayed", () => {
  class LayerNorm {}
  class Custom extends LayerNorm {}
  const names = ["embed.weight", "dense.weight", "dense.bias", "LayerNorm.gain", "ln.gain", "x.norm.scale", "final_norm.scale", "normal.weight", "RMSNorm.g"];
  const parameters = names.map((name) => parameterOf(name, [1], [0]));
  const module = {
    namedParameters: () => names.map((name, i) => [name, parameters[i]!] as const),
    namedModules: () =>
      [
        ["", {}],
        ["dense", {}],
        ["ln", new Custom()],
      ] as const,
  };
  assert.deepEqual([...decayedNames(module)], ["embed.weight", "dense.weight", "normal.weight"]);
  const optimizer = new AdamW(parameterGroups(module, { weightDecay: 0.1 }));
  assert.deepEqual(
    optimizer.paramGroups.map((g) => [g.weightDecay, g.params.length]),
    [
      [0.1, 3],
      [0, 6],
    ],
  );
});

test("options that there are not are refused by name, with what was meant", () => {
  const python = { lr: 0.01, weight_decay: 0.1 } as { lr: number };
  const refusal = { code: "ERR_OPTIONS", message: /no option weight_decay: write weightDecay/ };
  for (const Kind of [AdamW, Adam, SGD]) assert.throws(() => new Kind(model(), python), refusal);
});

test("a step that fails is not counted, leaves everything as it was, and is made when it is tried again", async () => {
  const made = async (fails: boolean) => {
    const parameters = model();
    const optimizer = new AdamW([{ params: [parameters[0]!] }, { params: parameters.slice(1) }], { lr: 0.01 });
    const scheduler = new LambdaScheduler(optimizer, (step) => 0.5 ** step);
    const last = optimizer.paramGroups[1]!;
    for (let t = 0; t < 3; t++) {
      for (const [i, p] of parameters.entries()) setGrad(p, numbers(p.values().length, t * 10 + i));
      if (fails) {
        const [before, state, rate] = [parameters.map((p) => p.values().slice()), optimizer.stateDict(), last.lr];
        last.lr = -1;
        await assert.rejects(optimizer.step(), /Invalid learning rate: -1/);
        last.lr = rate;
        scheduler.step();
        assert.deepEqual([parameters.map((p) => p.values().slice()), optimizer.stateDict()], [before, state]);
        assert.equal(last.lr, rate);
      }
      await optimizer.step();
      scheduler.step();
      optimizer.zeroGrad();
    }
    return { values: parameters.map((p) => p.values().slice()), state: optimizer.stateDict() };
  };
  assert.deepEqual(await made(true), await made(false));
});
