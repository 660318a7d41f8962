// The table of trackers that are there by name. Their code is loaded when one is made: programs without trackers pay nothing for them.
import { mlflowSettings, wandbSettings } from "../config.js";
import { checkNames, type OptionNames } from "../option-names.js";
import type { CsvOptions } from "./csv.js";
import type { JsonlOptions } from "./jsonl.js";
import type { MlflowOptions } from "./mlflow.js";
import type { TensorBoardOptions } from "./tensorboard.js";
import type { Tracker, TrackerContext, TrackerFactory } from "./tracker.js";
import type { WandbOptions } from "./wandb.js";

/** Options of each tracker: what `initKwargs` takes under its name. */
export interface TrackerOptions {
  readonly tensorboard: TensorBoardOptions;
  readonly wandb: WandbOptions;
  readonly mlflow: MlflowOptions;
  readonly jsonl: JsonlOptions;
  readonly csv: CsvOptions;
}
export type TrackerName = keyof TrackerOptions;

interface Known<O extends object> {
  readonly options: OptionNames<O>;
  readonly make: (context: TrackerContext, options: O) => Promise<Tracker>;
  /** Whether "all" means it: it has what it needs, and writes or sends nothing that nobody has asked for. */
  readonly configured: (context: TrackerContext, options: O) => Promise<boolean>;
  /** Options that go on with a run of this id, unless they name one themselves. */
  readonly goOn: (options: O, run: string) => O;
}

const hasDirectory = async ({ loggingDir }: TrackerContext): Promise<boolean> => loggingDir !== undefined;
const asItIs = <O>(options: O): O => options;

export const knownTrackers: { readonly [N in TrackerName]: Known<TrackerOptions[N]> } = {
  tensorboard: {
    options: { filenameSuffix: true },
    make: async (context, options) => new (await import("./tensorboard.js")).TensorBoardTracker(context, options),
    configured: hasDirectory,
    goOn: asItIs,
  },
  wandb: {
    options: {
      mode: true,
      apiKey: true,
      baseUrl: true,
      dir: true,
      entity: true,
      project: true,
      name: true,
      id: true,
      resume: true,
      group: true,
      jobType: true,
      notes: true,
      tags: true,
      timeoutMs: true,
      connectMs: true,
      finishMs: true,
      flushMs: true,
      heartbeatMs: true,
      retryMs: true,
    },
    make: async (context, options) => new (await import("./wandb.js")).WandbTracker(context, options),
    configured: async (_, options) => {
      const settings = wandbSettings();
      const mode = options.mode ?? settings.mode;
      if (mode !== undefined) return mode !== "disabled";
      return (await import("./wandb-login.js")).findApiKey(options, settings) !== undefined;
    },
    goOn: (options, run) => ({ id: run, ...options }),
  },
  mlflow: {
    options: {
      trackingUri: true,
      experimentName: true,
      runName: true,
      runId: true,
      tags: true,
      token: true,
      username: true,
      password: true,
      timeoutMs: true,
      retries: true,
      flushMs: true,
    },
    make: async (context, options) => new (await import("./mlflow.js")).MlflowTracker(context, options),
    configured: async (_, { trackingUri }) => /^https?:/.test(trackingUri ?? mlflowSettings().trackingUri ?? ""),
    goOn: (options, run) => ({ runId: run, ...options }),
  },
  jsonl: {
    options: {},
    make: async (context, options) => new (await import("./jsonl.js")).JsonlTracker(context, options),
    configured: hasDirectory,
    goOn: asItIs,
  },
  csv: {
    options: {},
    make: async (context, options) => new (await import("./csv.js")).CsvTracker(context, options),
    configured: hasDirectory,
    goOn: asItIs,
  },
};

export const isKnown = (name: string): name is TrackerName => Object.hasOwn(knownTrackers, name);
export const factoryOf = (name: TrackerName): TrackerFactory => knownTrackers[name].make as TrackerFactory;

/** @throws ArgumentError ERR_OPTIONS for an option that the tracker does not have. */
export function checkTrackerOptions(name: TrackerName, options: object): void {
  const groups = Object.fromEntries(Object.entries(knownTrackers).map(([other, { options }]) => [other, options]));
  checkNames(`the tracker ${name}`, options, knownTrackers[name].options, groups);
}
