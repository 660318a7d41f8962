// The progress bar: counts, measures, and draws now and then: one moving line on a TTY, a plain line every few seconds elsewhere.
import { AccelerateError, ArgumentError } from "../errors.js";
import { type LineState, progressLine } from "./line.js";
import type { Terminal } from "./terminal.js";

export interface ProgressBar {
  /** Steps done; over items, those given out so far, the one in hand among them. */
  readonly n: number;
  readonly total: number | undefined;
  /** Counts n more steps (default 1). A bar over a number of steps closes itself at the last. @throws ArgumentError ERR_PROGRESS when n is no number */
  update(n?: number): void;
  /** Shown behind the rate: `{ loss: 0.0841 }`. */
  setPostfix(values: Readonly<Record<string, number | string>>): void;
  setDescription(text: string): void;
  /** Draws the last line and ends it. */
  close(): void;
}
export interface ProgressOptions {
  /** Text before the bar. */
  readonly description?: string;
  /** What the rate counts; default "steps", over a DataLoader "samples". */
  readonly unit?: string;
  /** Units in one step, such as the batch size; default 1, over a DataLoader its batchSize. */
  readonly unitScale?: number;
  /** false draws nothing: for workers that are not the main process. */
  readonly enabled?: boolean;
}

/** How a bar inside the library differs from those of users. */
export interface BarOptions extends ProgressOptions {
  readonly closesItself?: boolean;
  /** Nothing is drawn before so many milliseconds have passed, and then nothing at all if it was closed before. */
  readonly delay?: number;
  /** Steps that were done before: they count neither in the rate nor in the time left. */
  readonly initial?: number;
  /** false: nothing of it stays when it is closed. Default true. */
  readonly leave?: boolean;
  /** Another text than `progressLine`. */
  readonly line?: (state: LineState, columns: number, color: boolean) => string;
}

const TTY_INTERVAL = 100;
const PLAIN_INTERVAL = 5000;
/** The rate is that of the last seconds. */
const RATE_WINDOW = 10_000;

export class Bar implements ProgressBar {
  readonly total: number | undefined;
  readonly #terminal: Terminal;
  readonly #options: BarOptions;
  readonly #closesItself: boolean;
  readonly #initial: number;
  readonly #start: number;
  #nextDraw: number;
  #drawn = false;
  #closed = false;
  #n: number;
  #description: string;
  #postfix: readonly (readonly [string, number | string])[] = [];
  readonly #marks: { time: number; n: number }[];

  constructor(terminal: Terminal, total: number | undefined, options: BarOptions) {
    if (total !== undefined && !(total >= 0))
      throw new ArgumentError(`progress: total is ${total}`, { code: "ERR_PROGRESS", hint: "give the number of steps" });
    this.total = total;
    this.#terminal = terminal;
    this.#options = options;
    this.#description = options.description ?? "";
    this.#closesItself = options.closesItself ?? false;
    this.#start = terminal.now();
    this.#initial = options.initial ?? 0;
    this.#n = this.#initial;
    this.#marks = [{ time: this.#start, n: this.#n }];
    this.#nextDraw = this.#start + Math.max(options.delay ?? 0, terminal.isTTY ? 0 : PLAIN_INTERVAL);
    this.#drawn = options.delay === undefined;
  }
  get n(): number {
    return this.#n;
  }
  update(n = 1): void {
    if (!Number.isFinite(n))
      throw new ArgumentError(`progress: update by ${n}`, { code: "ERR_PROGRESS", hint: "give the number of steps done since the last update" });
    this.#n += n;
    if (this.#closesItself && this.total !== undefined && this.#n >= this.total) this.close();
    else this.#draw(false);
  }
  setPostfix(values: Readonly<Record<string, number | string>>): void {
    this.#postfix = Object.entries(values);
    this.#draw(false);
  }
  setDescription(text: string): void {
    this.#description = text;
    this.#draw(false);
  }
  /** Steps done in all, and what is said of them, in one line. */
  moveTo(n: number, description: string): void {
    this.#n = n;
    this.#description = description;
    this.#draw(false);
  }
  /** Lines that stay, above the bar where it moves. */
  print(text: string): void {
    if (this.#options.enabled === false) return;
    this.#terminal.write(this.#terminal.isTTY ? `\r\x1b[K${text}\n` : `${text}\n`);
    if (this.#closed || !this.#terminal.isTTY) return;
    this.#nextDraw = 0;
    this.#draw(false);
  }
  close(): void {
    if (this.#closed) return;
    if (this.#options.leave === false) this.#clear();
    else if (this.#drawn) this.#draw(true);
    this.#closed = true;
  }
  [Symbol.dispose](): void {
    this.close();
  }

  #clear(): void {
    if (this.#terminal.isTTY && this.#options.enabled !== false) this.#terminal.write("\r\x1b[K");
  }
  #draw(last: boolean): void {
    const now = this.#terminal.now();
    if (this.#closed || this.#options.enabled === false || (!last && now < this.#nextDraw)) return;
    const { isTTY, color, columns } = this.#terminal;
    this.#nextDraw = now + (isTTY ? TTY_INTERVAL : PLAIN_INTERVAL);
    this.#drawn = true;
    const line = (this.#options.line ?? progressLine)(this.#state(now, last), columns - 1, color);
    this.#terminal.write(isTTY ? `\r${line}\x1b[K${last ? "\n" : ""}` : `${line}\n`);
  }
  #state(now: number, last: boolean) {
    const marks = this.#marks;
    marks.push({ time: now, n: this.#n });
    while (marks.length > 2 && marks[1]!.time < now - RATE_WINDOW) marks.shift();
    // The last line tells of the whole run.
    const from = last ? { time: this.#start, n: this.#initial } : marks[0]!;
    const stepsPerSecond = now > from.time && this.#n > from.n ? ((this.#n - from.n) * 1000) / (now - from.time) : undefined;
    const left = this.total !== undefined && stepsPerSecond && !last ? (this.total - this.#n) / stepsPerSecond : undefined;
    return {
      description: this.#description,
      n: this.#n,
      total: this.total,
      unit: this.#options.unit ?? "steps",
      rate: stepsPerSecond && stepsPerSecond * (this.#options.unitScale ?? 1),
      postfix: this.#postfix,
      elapsedSeconds: (now - this.#start) / 1000,
      secondsLeft: left,
    };
  }
}

/** The number of items, when they know it. A loader over a stream refuses to say. */
export function lengthOf(items: { readonly length?: number }): number | undefined {
  try {
    return items.length;
  } catch (error) {
    if (error instanceof AccelerateError && error.code === "ERR_NO_LENGTH") return undefined;
    throw error;
  }
}

/** A bar that is iterated in place of the items: counts each as it is given out, closes when the loop ends, however it ends. */
export class IteratingBar<T> extends Bar implements AsyncIterable<T> {
  readonly #items: AsyncIterable<T> | Iterable<T>;
  /** `processes` work on a batch each while this one counts a step. */
  constructor(terminal: Terminal, items: (AsyncIterable<T> | Iterable<T>) & { readonly length?: number }, options: ProgressOptions, processes = 1) {
    const { batchSize } = items as { readonly batchSize?: unknown };
    // A foreign loader may not know its own: NaN.
    const samples = typeof batchSize === "number" && batchSize > 0 ? { unit: "samples", unitScale: batchSize * processes } : {};
    super(terminal, lengthOf(items), { ...samples, ...options });
    this.#items = items;
  }
  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    try {
      for await (const item of this.#items) {
        this.update(1);
        yield item;
      }
    } finally {
      this.close();
    }
  }
}
