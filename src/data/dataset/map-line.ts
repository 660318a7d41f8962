// The line that tells how far map is, as Python's datasets writes it: Map (num_proc=2):  42%|████▏     | 1540/3668 [00:01<00:01, 1234.56 examples/s]
import { speaks } from "../../progress/speaks.js";
import { processTerminal, type Terminal } from "../../progress/terminal.js";
import { tqdmBar, tqdmTime } from "../../progress/tqdm.js";

/** Quick work is done before anybody wonders. */
const PATIENCE = 1000;
const TTY_INTERVAL = 100;
const PLAIN_INTERVAL = 5000;
const BAR = 10;

/** @param columns of the whole line, which the bar fills; without them it has ten */
export function mapLine(label: string, n: number, total: number, ms: number, columns?: number): string {
  const part = total > 0 ? n / total : 1;
  const rate = n > 0 && ms > 0 ? (n * 1000) / ms : undefined;
  const left = rate === undefined ? "?" : tqdmTime((total - n) / rate);
  const head = `${label}: ${String(Math.floor(part * 100)).padStart(3)}%|`;
  const tail = `| ${n}/${total} [${tqdmTime(ms / 1000)}<${left}, ${rate === undefined ? "?" : rate.toFixed(2)} examples/s]`;
  return head + tqdmBar(part, columns === undefined ? BAR : Math.max(BAR, columns - head.length - tail.length)) + tail;
}

export class MapLine implements Disposable {
  readonly #label: string;
  readonly #total: number;
  readonly #terminal: Terminal | undefined;
  readonly #start: number;
  #next: number;
  #n = 0;
  #shown: boolean;

  /** Silent in all workers of a job but the first. @param patient shows nothing of quick work */
  constructor(label: string, total: number, patient: boolean, terminal: Terminal | undefined = speaks() ? processTerminal() : undefined) {
    this.#label = label.replace(/[\r\n]+/g, " ");
    this.#total = total;
    this.#terminal = terminal;
    this.#start = terminal?.now() ?? 0;
    this.#next = this.#start + Math.max(patient ? PATIENCE : 0, terminal?.isTTY ? 0 : PLAIN_INTERVAL);
    this.#shown = !patient;
  }
  update(examples: number): void {
    this.#n += examples;
    const now = this.#terminal?.now() ?? 0;
    if (!this.#terminal || now < this.#next) return;
    const { isTTY } = this.#terminal;
    this.#next = now + (isTTY ? TTY_INTERVAL : PLAIN_INTERVAL);
    this.#shown = true;
    this.#terminal.write(isTTY ? `\r${this.#line(now)}\x1b[K` : `${this.#line(now)}\n`);
  }
  [Symbol.dispose](): void {
    if (!this.#terminal || !this.#shown) return;
    const line = this.#line(this.#terminal.now());
    this.#terminal.write(this.#terminal.isTTY ? `\r${line}\x1b[K\n` : `${line}\n`);
  }
  #line(now: number): string {
    return mapLine(this.#label, this.#n, this.#total, now - this.#start, this.#terminal?.isTTY ? this.#terminal.columns - 1 : undefined);
  }
}
