// The settings that come from the environment; the only file outside launcher/ that reads process.env. Nothing is cached, so a launcher or a test may change them.
import { availableParallelism } from "node:os";
import { ArgumentError } from "./errors.js";
import { type Environment, readWorkerSettings, type WorkerSettings } from "./launched.js";
import { MAX_ACCUMULATION, type ProgramDefaults, precisions, programVariables, readChoice, readSwitch, readWhole } from "./settings.js";

export type { WorkerSettings } from "./launched.js";

const maxThreads = 1024;

/**
 * Threads of one process for kernels: ACCELERATE_TS_NUM_THREADS, else OMP_NUM_THREADS; undefined: as many as cores are usable.
 * @throws ArgumentError when our own variable holds no number.
 */
export function configuredThreads(env: Environment = process.env): number | undefined {
  const own = env.ACCELERATE_TS_NUM_THREADS;
  if (own) {
    const threads = Number(own);
    if (Number.isInteger(threads) && threads >= 1 && threads <= maxThreads) return threads;
    throw new ArgumentError(`ACCELERATE_TS_NUM_THREADS is "${own}"`, {
      hint: `give a number of threads, 1 to ${maxThreads} (this machine shows ${availableParallelism()} cores)`,
    });
  }
  // OpenMP allows a list, one number per nesting level; what is not a number there is another library's business.
  const shared = Number.parseInt(env.OMP_NUM_THREADS ?? "", 10);
  return shared >= 1 && shared <= maxThreads ? shared : undefined;
}

/** ACCELERATE_TS_NATIVE: the addon to load instead of the built one; false ("0"): none; undefined: the built one. */
export function configuredNative(env: Environment = process.env): string | false | undefined {
  return env.ACCELERATE_TS_NATIVE === "0" ? false : env.ACCELERATE_TS_NATIVE || undefined;
}

/**
 * What the launcher of this process told it; undefined: nobody launched it, and it is a world of its own.
 * @throws ArgumentError ERR_LAUNCH_ENVIRONMENT when the variables contradict each other or some are missing.
 */
export function configuredWorker(env: Environment = process.env): WorkerSettings | undefined {
  return readWorkerSettings(env, process.pid);
}

/** What is told to programs, and what counts as a value of it. */
const programSettings: { readonly [K in keyof Required<ProgramDefaults>]: readonly [read: (text: string) => ProgramDefaults[K], wanted: string] } = {
  mixedPrecision: [(text) => readChoice(text, precisions), `one of ${precisions.join(", ")}`],
  gradientAccumulationSteps: [(text) => readWhole(text, 1, MAX_ACCUMULATION), `a whole number from 1 to ${MAX_ACCUMULATION}`],
  debug: [readSwitch, "true or false"],
  cpu: [readSwitch, "true or false"],
};

/**
 * What an Accelerator takes where the program itself says nothing: ACCELERATE_TS_MIXED_PRECISION, _GRADIENT_ACCUMULATION_STEPS, _DEBUG_MODE, _USE_CPU, else the same with ACCELERATE_ alone.
 * `accelerate-ts launch` sets them from its flags and files.
 * @throws ArgumentError when one of them holds no such value.
 */
export function configuredProgram(env: Environment = process.env): ProgramDefaults {
  return Object.fromEntries(
    (Object.keys(programSettings) as (keyof ProgramDefaults)[]).flatMap((name) => {
      const variable = programVariables[name].find((known) => env[known]);
      const text = variable && env[variable];
      if (!text) return [];
      const [read, wanted] = programSettings[name];
      const value = read(text);
      if (value === undefined) throw new ArgumentError(`${variable} is "${text}"`, { hint: `set ${wanted}, or unset it` });
      return [[name, value]];
    }),
  );
}

/** How to write to a terminal (https://no-color.org). */
export interface TerminalSettings {
  readonly noColor: boolean;
  /** ACCELERATE_TS_TERMINAL: what this process writes to stderr goes to a terminal of so many columns, though through a pipe. */
  readonly through: number | undefined;
  /** COLUMNS, for terminals that do not say how wide they are. */
  readonly columns: number | undefined;
}

export function terminalSettings(env: Environment = process.env): TerminalSettings {
  const columns = (text: string | undefined) => (Number.isInteger(Number(text)) && Number(text) > 0 ? Number(text) : undefined);
  return { noColor: env.NO_COLOR !== undefined && env.NO_COLOR !== "", through: columns(env.ACCELERATE_TS_TERMINAL), columns: columns(env.COLUMNS) };
}
