// Where the lines of all workers meet: stdout and stderr of the launcher, one row each, or one for both on a terminal.
import type { Terminal } from "../command.js";

type Stream = "stdout" | "stderr";

/** What stands in the row that the cursor is in. */
interface Row {
  /** Who began a line here that has no end yet. */
  open: Speaker | undefined;
  /** The line that is drawn over and over, "" when there is none. */
  moving: string;
}

/** One stream of one worker. */
export interface Speaker {
  readonly stream: Stream;
  /** "[2] ", with colours where there are some. */
  readonly prefix: string;
  /** Its moving lines are shown on a terminal; of the others only the last state. */
  readonly draws: boolean;
}

const ERASE = "\r\x1b[K";

export class Screen {
  readonly #terminal: Terminal;
  readonly #rows: Readonly<Record<Stream, Row>>;
  readonly #full = new Set<Stream>();
  #onDrain: (() => void) | undefined;

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
    const row: Row = { open: undefined, moving: "" };
    const shared = terminal.stdout.isTTY && terminal.stderr.isTTY;
    this.#rows = { stdout: row, stderr: shared ? row : { open: undefined, moving: "" } };
  }

  /** false: nobody should write to this stream until `drained`. */
  writable(stream: Stream): boolean {
    return !this.#full.has(stream);
  }
  /** Called when a stream that was full can take more. */
  set drained(listener: () => void) {
    this.#onDrain = listener;
  }

  #write(stream: Stream, text: string): void {
    const out = this.#terminal[stream];
    if (out.destroyed || out.write(text) || this.#full.has(stream)) return;
    this.#full.add(stream);
    out.once("drain", () => {
      this.#full.delete(stream);
      this.#onDrain?.();
    });
  }

  /** What must be written before a new line can begin, and after it. */
  #around(row: Row, speaker: Speaker | undefined): { before: string; after: string } {
    if (row.moving !== "") return { before: ERASE, after: row.moving };
    if (row.open === undefined || row.open === speaker) return { before: "", after: "" };
    return { before: "\n", after: "" };
  }

  /** A whole line, or the rest of one that the speaker has begun. */
  line(speaker: Speaker, text: string): void {
    const row = this.#rows[speaker.stream];
    if (speaker.draws && row.moving !== "" && this.#terminal[speaker.stream].isTTY && row.open === speaker) {
      // The moving line is finished.
      row.moving = "";
      row.open = undefined;
      this.#write(speaker.stream, `${ERASE}${speaker.prefix}${text}\n`);
      return;
    }
    const { before, after } = this.#around(row, speaker);
    const goesOn = row.open === speaker && row.moving === "";
    this.#write(speaker.stream, `${before}${goesOn ? "" : speaker.prefix}${text}\n${after}`);
    if (row.moving === "") row.open = undefined;
  }

  /** More of a line without end. */
  partial(speaker: Speaker, text: string): void {
    const row = this.#rows[speaker.stream];
    if (row.moving !== "") {
      this.line(speaker, text);
      return;
    }
    const { before } = this.#around(row, speaker);
    this.#write(speaker.stream, `${before}${row.open === speaker ? "" : speaker.prefix}${text}`);
    row.open = speaker;
  }

  moving(speaker: Speaker, text: string): void {
    if (!speaker.draws || !this.#terminal[speaker.stream].isTTY) return;
    const row = this.#rows[speaker.stream];
    const before = row.moving === "" && row.open !== undefined && row.open !== speaker ? "\n" : "\r";
    row.moving = `${speaker.prefix}${text}`;
    row.open = speaker;
    this.#write(speaker.stream, `${before}${row.moving}\x1b[K`);
  }

  /** Lines of the launcher itself, on stderr. */
  say(text: string): void {
    const row = this.#rows.stderr;
    const { before, after } = this.#around(row, undefined);
    this.#write("stderr", `${before}${text}\n${after}`);
    if (row.moving === "") row.open = undefined;
  }

  /** No line is left open: called before the last words. */
  settle(): void {
    for (const stream of ["stdout", "stderr"] as const) {
      const row = this.#rows[stream];
      if (row.open !== undefined) this.#write(stream, "\n");
      row.open = undefined;
      row.moving = "";
    }
  }
}
