// The line that tells how far a split has been made: on a terminal it moves, elsewhere it is written once at the end.
import { processTerminal, type Terminal } from "../../progress/terminal.js";
import { speaks } from "../../progress/speaks.js";
import { tqdmTime } from "../../progress/tqdm.js";

const INTERVAL = 100;
/** Where nothing moves, so few rows in so short a time are not worth a line. */
const [FEW, SHORT] = [1000, 1000];

export class Generating implements Disposable {
  readonly #split: string;
  readonly #terminal: Terminal | undefined;
  readonly #start: number;
  #next: number;
  #examples = 0;
  #done = false;

  /** Silent in all workers of a job but the first. */
  constructor(split: string, terminal: Terminal | undefined = speaks() ? processTerminal() : undefined) {
    this.#split = split;
    this.#terminal = terminal;
    this.#start = terminal?.now() ?? 0;
    this.#next = this.#start + INTERVAL;
  }
  add(examples: number): void {
    this.#examples += examples;
    const now = this.#terminal?.now() ?? 0;
    if (!this.#terminal?.isTTY || now < this.#next) return;
    this.#next = now + INTERVAL;
    this.#terminal.write(`\r${this.#line(now, "?")}\x1b[K`);
  }
  /** All examples are there; without this a terminal's last line says how far it came. */
  finish(): void {
    this.#done = true;
  }
  [Symbol.dispose](): void {
    if (!this.#terminal) return;
    const now = this.#terminal.now();
    const worth = this.#done && (this.#examples >= FEW || now - this.#start >= SHORT);
    if (!this.#terminal.isTTY && !worth) return;
    const line = this.#line(now, this.#done ? "00:00" : "?");
    this.#terminal.write(this.#terminal.isTTY ? `\r${line}\x1b[K\n` : `${line}\n`);
  }
  #line(now: number, left: string): string {
    const elapsed = now - this.#start;
    const rate = elapsed > 0 ? ((this.#examples * 1000) / elapsed).toFixed(2) : "?";
    return `Generating ${this.#split} split: ${this.#examples} examples [${tqdmTime(elapsed / 1000)}<${left}, ${rate} examples/s]`;
  }
}
