// Learning rate schedules as functions of the step count: what get_scheduler of transformers knows, by its names.
import { ArgumentError } from "../errors.js";

/** Factor of the initial learning rate at step t, counted from 0. */
export type Schedule = (t: number) => number;

interface Warmup {
  /** Steps during which the factor rises to 1. */
  readonly numWarmupSteps: number;
}
interface WarmupAndTotal extends Warmup {
  /** Steps in all, warmup included. */
  readonly numTrainingSteps: number;
}
interface Cycles {
  /** Waves of the cosine; default 0.5 (1 for cosine_with_restarts: restarts). */
  readonly numCycles?: number;
}
/** Exactly one of them. */
interface MinLr {
  readonly minLr?: number;
  /** minLr as a share of the initial learning rate. */
  readonly minLrRate?: number;
}
export type Ramp = "linear" | "cosine" | "1-sqrt";

/** Options of each schedule. Fields that a schedule does not use may be given to it: one options object can serve several names. */
export interface ScheduleOptions {
  constant: Partial<WarmupAndTotal>;
  constant_with_warmup: Warmup & Partial<WarmupAndTotal>;
  linear: WarmupAndTotal;
  cosine: WarmupAndTotal & Cycles;
  cosine_with_restarts: WarmupAndTotal & Cycles;
  polynomial: WarmupAndTotal & {
    /** Last learning rate; default 1e-7. */
    readonly lrEnd?: number;
    /** Default 1. */
    readonly power?: number;
  };
  inverse_sqrt: Warmup &
    Partial<WarmupAndTotal> & {
      /** Default numWarmupSteps, or 10000 without warmup. */
      readonly timescale?: number;
    };
  cosine_with_min_lr: WarmupAndTotal & Cycles & MinLr;
  cosine_warmup_with_min_lr: WarmupAndTotal &
    Cycles &
    MinLr & {
      /** First factor of the warmup; default 1 / numWarmupSteps. */
      readonly warmupLrRate?: number;
    };
  warmup_stable_decay: Warmup & {
    readonly numDecaySteps: number;
    /** Or numStableSteps, which goes first. */
    readonly numTrainingSteps?: number;
    readonly numStableSteps?: number;
    /** Default "linear". */
    readonly warmupType?: Ramp;
    /** Default "cosine". */
    readonly decayType?: Ramp;
    /** Floor as a share of the initial learning rate; default 0. */
    readonly minLrRatio?: number;
    readonly numCycles?: number;
  };
}
export type ScheduleName = keyof ScheduleOptions;

const linearWarmup = (t: number, warmup: number): number => t / Math.max(1, warmup);
const progressOf = (t: number, { numWarmupSteps, numTrainingSteps }: WarmupAndTotal): number =>
  (t - numWarmupSteps) / Math.max(1, numTrainingSteps - numWarmupSteps);
const wave = (cycles: number, progress: number): number => 0.5 * (1 + Math.cos(Math.PI * cycles * 2 * progress));

/** minLr or minLrRate as a share of the initial learning rate. */
function floorRate(name: string, { minLr, minLrRate }: MinLr, lr: number): number {
  if (minLr !== undefined && minLrRate !== undefined) throw new ArgumentError(`${name} got minLr and minLrRate`, { hint: "set only one of them" });
  if (minLr === undefined && minLrRate === undefined) throw new ArgumentError(`${name} requires minLr or minLrRate`, { hint: "set one of them" });
  return minLr !== undefined ? minLr / lr : minLrRate!;
}

const rising: { readonly [R in Ramp]: (progress: number) => number } = {
  linear: (p) => p,
  cosine: (p) => 0.5 * (1 - Math.cos(Math.PI * p)),
  "1-sqrt": (p) => 1 - Math.sqrt(1 - p),
};
const falling: { readonly [R in Ramp]: (progress: number, cycles: number) => number } = {
  linear: (p) => 1 - p,
  cosine: (p, cycles) => wave(cycles, p),
  "1-sqrt": (p) => 1 - Math.sqrt(p),
};

function rampOf<V>(table: Readonly<Record<Ramp, V>>, name: Ramp, what: string): V {
  if (!Object.hasOwn(table, name)) throw new ArgumentError(`Unknown ${what}: ${String(name)}`, { hint: `one of ${Object.keys(table).join(", ")}` });
  return table[name];
}

interface ScheduleEntry<O> {
  /** Options that must be numbers. */
  readonly requires: readonly (keyof O & string)[];
  /** The schedule for these options; lr is the optimizer's own learning rate. */
  readonly make: (options: O, lr: number) => Schedule;
}

export const schedules: { readonly [N in ScheduleName]: ScheduleEntry<ScheduleOptions[N]> } = {
  constant: { requires: [], make: () => () => 1 },
  constant_with_warmup: {
    requires: ["numWarmupSteps"],
    make:
      ({ numWarmupSteps: w }) =>
      (t) =>
        t < w ? linearWarmup(t, w) : 1,
  },
  linear: {
    requires: ["numWarmupSteps", "numTrainingSteps"],
    make:
      ({ numWarmupSteps: w, numTrainingSteps: n }) =>
      (t) =>
        t < w ? linearWarmup(t, w) : Math.max(0, (n - t) / Math.max(1, n - w)),
  },
  cosine: {
    requires: ["numWarmupSteps", "numTrainingSteps"],
    make: (o) => (t) => (t < o.numWarmupSteps ? linearWarmup(t, o.numWarmupSteps) : Math.max(0, wave(o.numCycles ?? 0.5, progressOf(t, o)))),
  },
  cosine_with_restarts: {
    requires: ["numWarmupSteps", "numTrainingSteps"],
    make: (o) => (t) => {
      if (t < o.numWarmupSteps) return linearWarmup(t, o.numWarmupSteps);
      const progress = progressOf(t, o);
      return progress >= 1 ? 0 : Math.max(0, 0.5 * (1 + Math.cos(Math.PI * (((o.numCycles ?? 1) * progress) % 1))));
    },
  },
  polynomial: {
    requires: ["numWarmupSteps", "numTrainingSteps"],
    make: ({ numWarmupSteps: w, numTrainingSteps: n, lrEnd = 1e-7, power = 1 }, lr) => {
      if (!(lr > lrEnd)) throw new ArgumentError(`lrEnd (${lrEnd}) must be smaller than initial lr (${lr})`);
      return (t) => {
        if (t < w) return linearWarmup(t, w);
        if (t > n) return lrEnd / lr;
        return ((lr - lrEnd) * (1 - (t - w) / (n - w)) ** power + lrEnd) / lr;
      };
    },
  },
  inverse_sqrt: {
    requires: ["numWarmupSteps"],
    make: ({ numWarmupSteps: w, timescale = w || 10_000 }) => {
      return (t) => (t < w ? linearWarmup(t, w) : 1 / Math.sqrt((t + timescale - w) / timescale));
    },
  },
  cosine_with_min_lr: {
    requires: ["numWarmupSteps", "numTrainingSteps"],
    make: (o, lr) => {
      const floor = floorRate("cosine_with_min_lr", o, lr);
      return (t) => (t < o.numWarmupSteps ? linearWarmup(t, o.numWarmupSteps) : Math.max(0, wave(o.numCycles ?? 0.5, progressOf(t, o)) * (1 - floor) + floor));
    },
  },
  cosine_warmup_with_min_lr: {
    requires: ["numWarmupSteps", "numTrainingSteps"],
    make: (o, lr) => {
      const floor = floorRate("cosine_warmup_with_min_lr", o, lr);
      const { numWarmupSteps: w, warmupLrRate: q } = o;
      return (t) => {
        if (t < w) return q === undefined ? (t + 1) / Math.max(1, w) : q + ((1 - q) * t) / Math.max(1, w - 1);
        return Math.max(0, wave(o.numCycles ?? 0.5, progressOf(t + 1, o)) * (1 - floor) + floor);
      };
    },
  },
  warmup_stable_decay: {
    requires: ["numWarmupSteps", "numDecaySteps"],
    make: ({
      numWarmupSteps: w,
      numDecaySteps: d,
      numTrainingSteps: n,
      numStableSteps,
      warmupType = "linear",
      decayType = "cosine",
      minLrRatio: floor = 0,
      numCycles = 0.5,
    }) => {
      if (numStableSteps === undefined && n === undefined) {
        throw new ArgumentError("warmup_stable_decay requires `numTrainingSteps` or `numStableSteps`", { hint: "please provide one of them" });
      }
      const stable = numStableSteps ?? n! - w - d;
      const up = rampOf(rising, warmupType, "warmup type");
      const down = rampOf(falling, decayType, "decay type");
      const lift = (factor: number) => Math.max(0, factor * (1 - floor) + floor);
      return (t) => {
        if (t < w) return lift(up(t / Math.max(1, w)));
        if (t < w + stable) return 1;
        return t < w + stable + d ? lift(down((t - w - stable) / Math.max(1, d), numCycles)) : floor;
      };
    },
  },
};

/** Where a schedule ends, if it does: behind it learning rates stay, or are meaningless. */
export function totalOf<N extends ScheduleName>(name: N, options: ScheduleOptions[N]): number | undefined {
  const o = options as Partial<WarmupAndTotal> & { readonly numStableSteps?: number; readonly numDecaySteps?: number };
  if (name === "warmup_stable_decay" && o.numStableSteps !== undefined) return (o.numWarmupSteps ?? 0) + o.numStableSteps + (o.numDecaySteps ?? 0);
  return endless.includes(name) ? undefined : o.numTrainingSteps;
}
const endless: readonly ScheduleName[] = ["constant", "constant_with_warmup", "inverse_sqrt"];

/** Options that are no numbers. */
const ramps: readonly string[] = ["warmupType", "decayType"];

/** The schedule of that name, its options checked. */
export function makeSchedule<N extends ScheduleName>(name: N, options: ScheduleOptions[N], lr: number): Schedule {
  const { requires, make } = schedules[name];
  for (const key of requires) {
    const value: unknown = options[key];
    if (value === undefined || value === null)
      throw new ArgumentError(`${name} requires \`${key}\`, please provide that argument`, { code: "ERR_SCHEDULER_OPTION" });
  }
  for (const [key, value] of Object.entries(options as Readonly<Record<string, unknown>>)) {
    if (value === undefined || value === null || ramps.includes(key) || (typeof value === "number" && value >= 0)) continue;
    throw new ArgumentError(`${name}: ${key} is ${typeof value === "string" ? JSON.stringify(value) : String(value)}`, {
      code: "ERR_SCHEDULER_OPTION",
      hint: "give a number of at least 0",
    });
  }
  return make(options, lr);
}
