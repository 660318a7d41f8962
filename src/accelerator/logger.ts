// Loggers that know which worker they are on.
import { configuredLogLevel, configuredWorker } from "../config.js";
import { ArgumentError } from "../errors.js";

/** From the least to the most pressing. */
export const logLevels = ["debug", "info", "warning", "error", "critical"] as const;
export type LogLevel = (typeof logLevels)[number];

export interface LogRecord {
  readonly level: LogLevel;
  /** The logger's. */
  readonly name: string;
  readonly message: string;
  readonly rank: number;
}
/** Takes what is logged: the line as it would be written, and its parts. */
export type LogSink = (line: string, record: LogRecord) => void;

export interface LogOptions {
  /** Only the main process logs; default true. */
  readonly mainProcessOnly?: boolean;
}
export interface InOrder {
  /**
   * Lines of all processes, in the order of ranks. A call that all of them make. The main process writes all of them: what several processes write by themselves reaches a terminal through pipes of
   * their own, in any order.
   */
  readonly inOrder: true;
}

export interface LoggerOptions {
  /** The least level that is shown; default: ACCELERATE_TS_LOG_LEVEL, else "info". */
  readonly level?: LogLevel;
  /** Whose workers log in order; `inOrder` needs it where there are several. */
  readonly accelerator?: { readonly processIndex: number; readonly numProcesses: number; gatherObject<T>(values: readonly T[]): Promise<T[]> };
  /** Where lines go; default: stderr. */
  readonly sink?: LogSink;
}

type Log = { (message: string, options?: LogOptions): void; (message: string, options: InOrder): Promise<void> };

function levelOf(text: string, from: string): number {
  const at = (logLevels as readonly string[]).indexOf(text);
  if (at < 0) throw new ArgumentError(`${from} is "${text}"`, { hint: `one of ${logLevels.join(", ")}` });
  return at;
}

const toStderr: LogSink = (line) => void process.stderr.write(`${line}\n`);

/** Made by `getLogger`. */
export class Logger {
  readonly name: string;
  readonly level: LogLevel;
  readonly debug: Log = this.#at("debug");
  readonly info: Log = this.#at("info");
  readonly warning: Log = this.#at("warning");
  readonly error: Log = this.#at("error");
  readonly critical: Log = this.#at("critical");
  readonly #accelerator: LoggerOptions["accelerator"];
  readonly #sink: LogSink;
  readonly #worker = configuredWorker();
  readonly #told = new Set<string>();

  constructor(name: string, { level, accelerator, sink = toStderr }: LoggerOptions = {}) {
    this.name = name;
    const least = level ? levelOf(level, "level") : levelOf(configuredLogLevel() ?? "info", "ACCELERATE_TS_LOG_LEVEL");
    this.level = logLevels[least]!;
    this.#accelerator = accelerator;
    this.#sink = sink;
  }

  /** Whether records of a level are shown. */
  isEnabledFor(level: LogLevel): boolean {
    return logLevels.indexOf(level) >= logLevels.indexOf(this.level);
  }
  log(level: LogLevel, message: string, options?: LogOptions): void;
  log(level: LogLevel, message: string, options: InOrder): Promise<void>;
  log(level: LogLevel, message: string, options: LogOptions & Partial<InOrder> = {}): void | Promise<void> {
    const shown = this.isEnabledFor(level);
    if (options.inOrder) return shown ? this.#inOrder(level, message) : Promise.resolve();
    if (shown && (this.#rank === 0 || options.mainProcessOnly === false)) this.#write(level, message);
  }
  /** A warning that is told once, however often it comes. */
  warningOnce(message: string, options: LogOptions = {}): void {
    if (this.#told.has(message)) return;
    this.#told.add(message);
    this.warning(message, options);
  }

  #at(level: LogLevel): Log {
    return ((message: string, options?: InOrder) => this.log(level, message, options as InOrder)) as Log;
  }
  get #rank(): number {
    return this.#accelerator?.processIndex ?? this.#worker?.rank ?? 0;
  }
  #write(level: LogLevel, message: string, rank = this.#rank): void {
    this.#sink(`[RANK ${rank}] ${level.toUpperCase()} ${this.name}: ${message}`, { level, name: this.name, message, rank });
  }
  async #inOrder(level: LogLevel, message: string): Promise<void> {
    const size = this.#accelerator?.numProcesses ?? this.#worker?.worldSize ?? 1;
    if (size > 1 && !this.#accelerator)
      throw new ArgumentError(`logger ${this.name}: the ${size} workers cannot hear each other`, {
        hint: "give getLogger the Accelerator: getLogger(name, { accelerator })",
      });
    const messages = size > 1 ? await this.#accelerator!.gatherObject([message]) : [message];
    if (this.#rank === 0) for (const [rank, each] of messages.entries()) this.#write(level, each, rank);
  }
}

/**
 * A logger that knows which worker it is on: unless told otherwise only the main process logs.
 *
 * @example
 * const logger = getLogger("train", { accelerator });
 * logger.info("one line, from the main process"); // [RANK 0] INFO train: one line, from the main process
 * logger.info("a line of each worker", { mainProcessOnly: false });
 * await logger.info("a line of each worker, in the order of ranks", { inOrder: true });
 */
export function getLogger(name: string, options: LoggerOptions = {}): Logger {
  return new Logger(name, options);
}
