// The table of trackers that are there by name. Their code is loaded when one is made: programs without trackers pay nothing for them.
import { mlflowSettings, wandbSettings } from "../config.js";
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
    make: async (context, options) => new (await import("./tensorboard.js")).TensorBoardTracker(context, options),
    configured: hasDirectory,
    goOn: asItIs,
  },
  wandb: {
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
    make: async (context, options) => new (await import("./mlflow.js")).MlflowTracker(context, options),
    configured: async (_, { trackingUri }) => /^https?:/.test(trackingUri ?? mlflowSettings().trackingUri ?? ""),
    goOn: (options, run) => ({ runId: run, ...options }),
  },
  jsonl: {
    make: async (context, options) => new (await import("./jsonl.js")).JsonlTracker(context, options),
    configured: hasDirectory,
    goOn: asItIs,
  },
  csv: {
    make: async (context, options) => new (await import("./csv.js")).CsvTracker(context, options),
    configured: hasDirectory,
    goOn: asItIs,
  },
};

export const isKnown = (name: string): name is TrackerName => Object.hasOwn(knownTrackers, name);
export const factoryOf = (name: TrackerName): TrackerFactory => knownTrackers[name].make as TrackerFactory;
