// Optimizers and clipping against torch, over 50 steps.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Adafactor, Adagrad, Adam, AdamW, clipGradNorm, clipGradValue, Lion, type Optimizer, RMSprop, SGD } from "../../src/optim/index.js";
import { type Parameter, ParameterArena } from "../../src/tensor/index.js";
import { golden, parameterOf, relativeDifference, setGrad } from "./fixtures.js";

type Arrays = Readonly<Record<string, readonly number[]>>;
type Options = Readonly<Record<string, number | boolean | null | readonly [number, number]>>;
interface Case {
  readonly name: string;
  readonly optimizer: keyof typeof classes;
  readonly options: Options;
  readonly group: Options | null;
  readonly clip: { norm?: number; type?: number | "inf"; value?: number } | null;
  readonly parameters: Readonly<Record<string, Arrays>>;
  readonly state: Readonly<Record<string, Readonly<Record<string, number | readonly number[]>>>>;
  readonly norms: readonly number[];
}
interface Golden {
  readonly shapes: Arrays;
  readonly start: Arrays;
  readonly grads: readonly Arrays[];
  readonly cases: readonly Case[];
}

const camel = (options: Options): object =>
  Object.fromEntries(Object.entries(options).map(([key, value]) => [key.replace(/_(\w)/g, (_, c: string) => c.toUpperCase()), value]));

type Groups = { params: Parameter[]; lr?: number; weightDecay?: number }[];
const classes: Readonly<Record<string, (groups: Groups, options: object) => Optimizer>> = {
  AdamW: (groups, options) => new AdamW(groups, options),
  TransformersAdamW: (groups, options) => new AdamW(groups, { variant: "transformers", ...options }),
  Adam: (groups, options) => new Adam(groups, options),
  SGD: (groups, options) => new SGD(groups, options as { lr: number }),
  RMSprop: (groups, options) => new RMSprop(groups, options),
  Adagrad: (groups, options) => new Adagrad(groups, options),
  Lion: (groups, options) => new Lion(groups, options),
  Adafactor: (groups, options) => new Adafactor(groups, options),
};

/** Adafactor's means are added up in another order than torch's. */
const tolerances: Readonly<Record<string, number>> = { Adafactor: 1e-6 };
const files = ["optim-optimizers.json", "optim-more.json"].map((name) => golden<Golden>(name));
for (const { file, c } of files.flatMap((file) => file.cases.map((c) => ({ file, c })))) {
  const tolerance = tolerances[c.optimizer] ?? 1e-6;
  test(`${c.name} equals torch's over 50 steps`, async () => {
    const parameters = Object.fromEntries(Object.entries(file.start).map(([name, values]) => [name, parameterOf(name, file.shapes[name]!, values)]));
    const all = Object.values(parameters);
    ParameterArena.adopt(all);
    const bias = parameters["a.bias"]!;
    const groups: Groups = c.group ? [{ params: all.filter((p) => p !== bias) }, { params: [bias], ...camel(c.group) }] : [{ params: all }];
    const optimizer = classes[c.optimizer]!(groups, camel(c.options));
    const base = optimizer.paramGroups.map((g) => g.lr);
    for (const [t, grads] of file.grads.entries()) {
      for (const [i, group] of optimizer.paramGroups.entries()) group.lr = base[i]! * (1 - t / 100);
      for (const [name, parameter] of Object.entries(parameters)) setGrad(parameter, name === "b.weight" && t % 3 === 2 ? undefined : grads[name]!);
      if (c.clip?.norm !== undefined) {
        const norm = await clipGradNorm(all, c.clip.norm, { normType: c.clip.type === "inf" ? Number.POSITIVE_INFINITY : c.clip.type! });
        if (t < c.norms.length) assert.ok(Math.abs(norm / c.norms[t]! - 1) < tolerance, `norm ${norm} of step ${t}, torch ${c.norms[t]}`);
      } else if (c.clip) await clipGradValue(all, c.clip.value!);
      await optimizer.step();
      optimizer.zeroGrad();
      for (const [name, expected] of Object.entries(c.parameters[t + 1] ?? {})) {
        const difference = relativeDifference(parameters[name]!.values(), expected);
        assert.ok(difference < tolerance, `${name} differs by ${difference} after step ${t + 1}`);
      }
    }
    const { state } = optimizer.stateDict();
    for (const [name, expected] of Object.entries(c.state)) {
      for (const [key, values] of Object.entries(expected)) {
        const own = state[name]![key]!;
        // What it needs for the scale alone, and works out anew in every step.
        if (key === "RMS" && !optimizer.paramGroups.some((g) => "scaleParameter" in g && g.scaleParameter)) assert.equal(own, undefined);
        else if (key === "RMS") assert.ok(relativeDifference(own as ArrayLike<number>, [values as number]) < tolerance);
        else if (typeof values === "number") assert.equal(own, values);
        else assert.ok(relativeDifference(own as ArrayLike<number>, values) < tolerance, `${key} of ${name}`);
      }
    }
  });
}
