// The settings that come from the environment; the only file outside launcher/ that reads process.env. Nothing is cached, so a launcher or a test may change them.
import { availableParallelism } from "node:os";
import { ArgumentError } from "./errors.js";

type Environment = Readonly<Record<string, string | undefined>>;

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

/** How to write to a terminal (https://no-color.org). */
export interface TerminalSettings {
  readonly noColor: boolean;
  /** COLUMNS, for terminals that do not say how wide they are. */
  readonly columns: number | undefined;
}

export function terminalSettings(env: Environment = process.env): TerminalSettings {
  const columns = Number(env.COLUMNS);
  return { noColor: env.NO_COLOR !== undefined && env.NO_COLOR !== "", columns: Number.isInteger(columns) && columns > 0 ? columns : undefined };
}
