// acceleratorConfig: how the Trainer makes its Accelerator; an argument that is a table of its own.
import { readFileSync } from "node:fs";
import { ArgumentError } from "../../errors.js";
import { group, type InputOf, type ValuesOf } from "./argument.js";
import { type Kind, number, onOff, optional, options, readJson } from "./kinds.js";
import { isRecord, renamed, snakeCase } from "./names.js";
import { readValues } from "./read.js";

const distributed = group("distributed");

const accumulationArguments = {
  numSteps: distributed.keep(optional(number({ min: 1, whole: true })), undefined, "Instead of gradientAccumulationSteps, where that is 1."),
  syncEachBatch: distributed.same(onOff, false, "Gradients are brought together after every batch.", "they are once per step, and their sum is the same"),
  adjustScheduler: distributed.refuse(true, "Schedules step with the optimizer.", "the Trainer steps its schedule once per optimizer step"),
  syncWithDataloader: distributed.refuse(false, "A window ends with its data.", "the Trainer counts windows itself; the last one of an epoch may be short"),
};
/** Options of accumulation. */
export type GradientAccumulationKwargs = ValuesOf<typeof accumulationArguments>;
const accumulation: Kind<GradientAccumulationKwargs, InputOf<typeof accumulationArguments>> = {
  ...options,
  wanted: "an object of options",
  read: (raw) => {
    const value = options.read(raw)?.value;
    return value && { value: Object.freeze(readValues({ table: accumulationArguments, what: "acceleratorConfig.gradientAccumulationKwargs" }, value)) };
  },
  write: (value) => renamed(value, snakeCase),
} as Kind<GradientAccumulationKwargs, InputOf<typeof accumulationArguments>>;

export const acceleratorArguments = {
  splitBatches: distributed.keep(onOff, false, "The batch sizes are those of all workers together, each takes its part."),
  dispatchBatches: distributed.keep(optional(onOff), undefined, "The main process reads for all.", { otherwise: "false" }),
  evenBatches: distributed.keep(onOff, true, "Rows of the beginning fill up the last round, so that all workers get as many."),
  useSeedableSampler: distributed.keep(
    onOff,
    true,
    "Orders are those of torch's generator with the seed and the epoch, as transformers has them; otherwise an order of our own from them.",
  ),
  gradientAccumulationKwargs: distributed.keep(
    optional(accumulation),
    undefined,
    "Options of accumulation: numSteps is taken instead of gradientAccumulationSteps, where that is 1.",
  ),
  nonBlocking: distributed.refuse(false, "Copies to the GPU that are not waited for.", "nothing is copied to a GPU"),
  useConfiguredState: distributed.refuse(false, "Take the state of an Accelerator that was made before.", "states are no globals here"),
};
/** How the Trainer makes its Accelerator. */
export type AcceleratorConfig = ValuesOf<typeof acceleratorArguments>;
export type AcceleratorConfigOptions = InputOf<typeof acceleratorArguments>;

function fromFile(path: string): unknown {
  let read: string;
  try {
    read = readFileSync(path, "utf8");
  } catch (cause) {
    throw new ArgumentError(`acceleratorConfig: ${path} cannot be read (${(cause as Error).message})`, { code: "ERR_TRAINING_ARGUMENTS", cause });
  }
  const value = readJson(read);
  if (!isRecord(value)) throw new ArgumentError(`acceleratorConfig: ${path} is no JSON object`, { code: "ERR_TRAINING_ARGUMENTS" });
  return value;
}

export const acceleratorConfig: Kind<AcceleratorConfig, AcceleratorConfigOptions | string> = {
  placeholder: "JSON|FILE",
  wanted: "an object of options, one as JSON text, or the path of a JSON file",
  read: (raw) => {
    const given = raw === undefined || raw === null ? {} : typeof raw === "string" && raw !== "" && !raw.trimStart().startsWith("{") ? fromFile(raw) : raw;
    const value = options.read(given)?.value;
    return value && { value: Object.freeze(readValues({ table: acceleratorArguments, what: "acceleratorConfig" }, value)) };
  },
  write: ({ gradientAccumulationKwargs, useConfiguredState: _, ...rest }) => ({
    ...(renamed(Object.fromEntries(Object.entries(rest).map(([name, value]) => [name, value ?? null])), snakeCase) as object),
    gradient_accumulation_kwargs: gradientAccumulationKwargs === undefined ? null : accumulation.write!(gradientAccumulationKwargs),
  }),
};
