// The arguments lrSchedulerType, lrSchedulerKwargs and warmupSteps as options of getScheduler.
import { ArgumentError } from "../../errors.js";
import { schedulerNames, type SchedulerName } from "../../optim/index.js";

const cycles = ["numCycles"] as const;
const floor = ["minLr", "minLrRate"] as const;

/** What lrSchedulerKwargs may say, by schedule; its steps come from the other arguments. */
const optionNames: { readonly [N in SchedulerName]: readonly string[] } = {
  linear: [],
  cosine: cycles,
  cosine_with_restarts: cycles,
  polynomial: ["lrEnd", "power"],
  constant: [],
  constant_with_warmup: [],
  inverse_sqrt: ["timescale"],
  cosine_with_min_lr: [...cycles, ...floor],
  cosine_warmup_with_min_lr: [...cycles, ...floor, "warmupLrRate"],
  warmup_stable_decay: ["numDecaySteps", "numStableSteps", "warmupType", "decayType", "minLrRatio", "numCycles"],
  reduce_lr_on_plateau: ["mode", "factor", "patience", "threshold", "thresholdMode", "cooldown", "minLr", "eps"],
};

/** Other ways to say what lrSchedulerKwargs does not. */
const elsewhere: Readonly<Record<string, string>> = {
  numWarmupSteps: "the argument warmupSteps says it",
  numTrainingSteps: "maxSteps or numTrainEpochs say it",
};

const camelCase = (name: string): string => name.replaceAll(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());

/** Options under the names of getScheduler. @throws ArgumentError ERR_SCHEDULER_OPTION for what the schedule does not take. */
export function schedulerOptions(name: SchedulerName, kwargs: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  if (!Object.hasOwn(optionNames, name))
    throw new ArgumentError(`there is no scheduler ${String(name)}`, { code: "ERR_SCHEDULER_NAME", hint: `one of ${schedulerNames.join(", ")}` });
  const options: Record<string, unknown> = {};
  for (const [given, value] of Object.entries(kwargs)) {
    const option = camelCase(given);
    if (!optionNames[name].includes(option))
      throw new ArgumentError(`lrSchedulerKwargs: ${name} takes no ${given}`, {
        code: "ERR_SCHEDULER_OPTION",
        hint: elsewhere[option] ?? (optionNames[name].length > 0 ? `it takes ${optionNames[name].join(", ")}` : "it takes none"),
      });
    // None, as files say it, is the default.
    if (value !== null && value !== undefined) options[option] = value;
  }
  return options;
}
