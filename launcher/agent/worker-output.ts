// One worker's output on its way to the screen, to its log file, and into the tail that a failure report quotes.
import type { Readable } from "node:stream";
import { setImmediate as turn } from "node:timers/promises";
import { LineSplitter } from "./lines.js";
import type { LogFile } from "./log-file.js";
import type { Screen, Speaker } from "./screen.js";

/** Lines of stderr that are kept for a report. */
const TAIL_LINES = 20;
const TAIL_LINE_LENGTH = 2000;
/** Characters of a line that is kept back from the log until it ends. */
const MAX_BEGUN = 1 << 20;
/** After the process has ended: how long its last output is waited for when a process that it left behind holds the pipe. */
const DRAIN_MS = 250;

export interface OutputStyle {
  /** Before each line. */
  readonly prefix: Readonly<Record<"stdout" | "stderr", string>>;
  /** Its moving lines are shown. */
  readonly draws: boolean;
}

export class WorkerOutput {
  readonly #screen: Screen;
  readonly #log: LogFile | undefined;
  readonly #streams: readonly { readonly readable: Readable; readonly speaker: Speaker; readonly splitter: LineSplitter; readonly ended: Promise<void> }[];
  readonly #tail: string[] = [];
  readonly #held: string[] = [];
  /** Beginnings of lines that were shown already; the log gets whole lines. */
  readonly #begun = new Map<Speaker, string>();
  #unread: (() => void)[] = [];
  #chunks = 0;
  #mode: "shown" | "held" | "hidden" = "shown";
  #finishing = false;
  /** Sees each line of stderr first; true: it was meant for the launcher and is not shown. */
  intercept: ((line: string) => boolean) | undefined;

  constructor(streams: { readonly stdout: Readable | null; readonly stderr: Readable | null }, screen: Screen, log: LogFile | undefined, style: OutputStyle) {
    this.#screen = screen;
    this.#log = log;
    this.#streams = (["stdout", "stderr"] as const).flatMap((stream) => {
      const readable = streams[stream];
      if (!readable) return [];
      const speaker: Speaker = { stream, prefix: style.prefix[stream], draws: style.draws };
      const splitter = new LineSplitter({
        line: (text) => this.#line(speaker, text),
        partial: (text) => this.#partial(speaker, text),
        moving: (text) => void (this.#mode === "shown" && screen.moving(speaker, text)),
      });
      const ended = new Promise<void>((resolve) => {
        readable.on("data", (bytes: Buffer) => this.#later(splitter, bytes, readable, stream));
        readable.on("error", () => resolve()); // the pipe of a process that is gone
        readable.on("close", resolve);
      });
      return [{ readable, speaker, splitter, ended }];
    });
  }

  /**
   * Output is looked at two turns of the event loop after it was read. A worker that fails says so on its control socket and only then prints the error: what was written there first has been read first, too,
   * by then, and the print can be held.
   */
  #later(splitter: LineSplitter, bytes: Buffer, readable: Readable, stream: "stdout" | "stderr"): void {
    this.#chunks++;
    this.#unread.push(() => {
      splitter.push(bytes);
      if (!this.#finishing && !this.#screen.writable(stream)) readable.pause();
    });
    if (this.#unread.length === 1) setImmediate(() => setImmediate(() => this.#read()));
  }
  #read(): void {
    for (const read of this.#unread.splice(0)) read();
  }

  #line(speaker: Speaker, text: string): void {
    if (speaker.stream === "stderr") {
      if (this.intercept?.(text)) return;
      this.#tail.push(text.slice(0, TAIL_LINE_LENGTH));
      if (this.#tail.length > TAIL_LINES) this.#tail.shift();
    }
    this.#keep(speaker, text);
    if (this.#mode === "held" && speaker.stream === "stderr") this.#held.push(text);
    else if (this.#mode !== "hidden") this.#screen.line(speaker, text);
  }
  #partial(speaker: Speaker, text: string): void {
    if (this.#log) this.#begin(speaker, text);
    if (this.#mode === "held" && speaker.stream === "stderr") this.#held.push(text);
    else if (this.#mode !== "hidden") this.#screen.partial(speaker, text);
  }
  #begin(speaker: Speaker, text: string): void {
    const begun = (this.#begun.get(speaker) ?? "") + text;
    this.#begun.set(speaker, begun);
    if (begun.length > MAX_BEGUN) this.#keep(speaker, "");
  }
  /** Into the log file: whole lines, since another stream may speak before the end of one. */
  #keep(speaker: Speaker, text: string): void {
    this.#log?.write(`${this.#begun.get(speaker) ?? ""}${text}\n`);
    this.#begun.delete(speaker);
  }

  /** The last lines of stderr. */
  get tail(): string {
    return this.#tail.join("\n");
  }

  /** Goes on reading after the screen was full. */
  resume(): void {
    for (const { readable, speaker } of this.#streams) if (readable.isPaused() && this.#screen.writable(speaker.stream)) readable.resume();
  }

  /** From now on stderr waits: the worker has reported the error that it is about to print, too. */
  hold(): void {
    if (this.#mode === "shown") this.#mode = "held";
  }
  /** Shows what was held, but for what `filter` takes away. */
  release(filter: (text: string) => string = (text) => text): void {
    if (this.#mode !== "held") return;
    this.#mode = "shown";
    const text = filter(this.#held.splice(0).join("\n"));
    const speaker = this.#streams.find((stream) => stream.speaker.stream === "stderr")?.speaker;
    if (text.trim() !== "" && speaker) for (const line of text.replace(/\n+$/, "").split("\n")) this.#screen.line(speaker, line);
  }
  /** From now on only the log file and the tail get it: the job has failed elsewhere. */
  hide(): void {
    this.#mode = "hidden";
    this.#held.length = 0;
  }

  /** All that the worker has written is read and shown; called once it has ended. */
  async finish(): Promise<void> {
    this.#finishing = true; // what is still in the pipe is bounded
    for (const { readable } of this.#streams) readable.resume();
    let timer: NodeJS.Timeout | undefined;
    const patience = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, DRAIN_MS);
    });
    const ended = Promise.all(this.#streams.map(({ ended }) => ended)).then(() => true);
    const whole = await Promise.race([ended, patience]);
    clearTimeout(timer);
    // What it has written lies in the pipes, however late we come to read it.
    for (let before = -1; !whole && before !== this.#chunks; await turn()) {
      before = this.#chunks;
      await turn();
    }
    this.#read();
    for (const { splitter, readable } of this.#streams) {
      splitter.end();
      readable.destroy();
    }
    for (const { speaker } of this.#streams) if (this.#begun.has(speaker)) this.#keep(speaker, "");
  }

  get logPath(): string | undefined {
    return this.#log?.path;
  }
  closeLog(): Promise<void> {
    return this.#log?.close() ?? Promise.resolve();
  }
}
