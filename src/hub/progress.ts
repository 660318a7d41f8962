// Progress of downloads as tqdm draws it in Python: `model.safetensors: 100%|████| 90.9M/90.9M [00:01<00:00, 70.0MB/s]`; of several at once the first moves, each ends with a line of its own.
import { processTerminal, type Terminal } from "../progress/terminal.js";
import { tqdmBar, tqdmTime } from "../progress/tqdm.js";

const TTY_INTERVAL = 100;
const PLAIN_INTERVAL = 5000;
const NAME_WIDTH = 40;
const MIN_BAR = 4;

/** 999 -> 999, 90_900_000 -> 90.9M: three digits, steps of 1000. */
export function sizeText(bytes: number): string {
  let size = bytes;
  for (const unit of ["", "k", "M", "G", "T"]) {
    if (size < 999.5) return `${unit === "" ? Math.round(size) : size < 9.995 ? size.toFixed(2) : size < 99.95 ? size.toFixed(1) : size.toFixed(0)}${unit}`;
    size /= 1000;
  }
  return `${size.toFixed(1)}P`;
}

export interface DownloadState {
  readonly name: string;
  readonly done: number;
  readonly total: number | undefined;
  readonly seconds: number;
  /** Bytes a second; 0: not known. */
  readonly rate: number;
}

/** A line of at most `columns` columns where that is possible. */
export function downloadLine({ name, done, total, seconds, rate }: DownloadState, columns: number): string {
  const letters = [...name].map((letter) => (/\p{C}/u.test(letter) ? "?" : letter));
  const shown = letters.length > NAME_WIDTH ? `(…)${letters.slice(-NAME_WIDTH).join("")}` : letters.join("");
  const speed = rate > 0 ? `${sizeText(rate)}B/s` : "?B/s";
  if (total === undefined) return `${shown}: ${sizeText(done)}B [${tqdmTime(seconds)}, ${speed}]`;
  const share = total > 0 ? Math.min(1, done / total) : 1;
  const left = share === 1 ? tqdmTime(0) : rate > 0 ? tqdmTime((total - done) / rate) : "?";
  const head = `${shown}: ${String(Math.floor(share * 100)).padStart(3)}%|`;
  const tail = `| ${sizeText(done)}/${sizeText(total)} [${tqdmTime(seconds)}<${left}, ${speed}]`;
  const room = columns - head.length - tail.length;
  if (room < MIN_BAR) return head.slice(0, -1) + tail;
  return head + tqdmBar(share, room) + tail;
}

/** One file on its way. */
export interface FileProgress {
  /** Once, before any byte: what is there already, and how much there will be. */
  begin(there: number, total: number | undefined): void;
  /** Negative where bytes must be fetched again. */
  add(bytes: number): void;
  /** The last line, where anything was fetched. */
  end(complete: boolean): void;
}

/** Files that are fetched at once share the terminal. */
export class Downloads {
  readonly #terminal: Terminal | undefined;
  readonly #files: Line[] = [];
  #nextDraw = 0;
  constructor(shown: boolean, terminal: Terminal = processTerminal()) {
    this.#terminal = shown ? terminal : undefined;
  }
  file(name: string): FileProgress {
    const terminal = this.#terminal;
    if (!terminal) return { begin() {}, add() {}, end() {} };
    const line = new Line(name, terminal);
    return {
      begin: (there, total) => {
        line.begin(there, total);
        this.#files.push(line);
        if (this.#files.length === 1) this.#nextDraw = terminal.now() + (terminal.isTTY ? 0 : PLAIN_INTERVAL);
      },
      add: (bytes) => {
        line.add(bytes);
        this.#draw(terminal);
      },
      end: (complete) => {
        const place = this.#files.indexOf(line);
        if (place < 0) return;
        this.#files.splice(place, 1);
        if (complete) this.#write(terminal, line, true);
        else if (terminal.isTTY) terminal.write("\r\x1b[K");
      },
    };
  }
  #draw(terminal: Terminal): void {
    const now = terminal.now();
    if (now < this.#nextDraw) return;
    this.#nextDraw = now + (terminal.isTTY ? TTY_INTERVAL : PLAIN_INTERVAL);
    for (const line of terminal.isTTY ? this.#files.slice(0, 1) : this.#files) this.#write(terminal, line, false);
  }
  #write(terminal: Terminal, line: Line, last: boolean): void {
    const text = downloadLine(line.state(terminal.now()), terminal.columns - 1);
    terminal.write(terminal.isTTY ? `\r${text}\x1b[K${last ? "\n" : ""}` : `${text}\n`);
  }
}

class Line {
  readonly #name: string;
  #start: number;
  #there = 0;
  #done = 0;
  #total: number | undefined;
  constructor(name: string, terminal: Terminal) {
    this.#name = name;
    this.#start = terminal.now();
  }
  begin(there: number, total: number | undefined): void {
    [this.#there, this.#done, this.#total] = [there, there, total];
  }
  add(bytes: number): void {
    this.#done += bytes;
  }
  state(now: number): DownloadState {
    const seconds = (now - this.#start) / 1000;
    const fetched = this.#done - this.#there;
    return { name: this.#name, done: this.#done, total: this.#total, seconds, rate: seconds > 0 && fetched > 0 ? fetched / seconds : 0 };
  }
}
