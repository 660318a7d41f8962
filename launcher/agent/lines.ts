// Bytes of a worker's output as lines: whole ones, the beginning of one that is not finished yet, and lines that move (what a carriage return overwrites).
import { StringDecoder } from "node:string_decoder";

export interface LineSink {
  /** A whole line, without its end; of one whose beginning was given to `partial`, the rest. */
  line(text: string): void;
  /** More of a line that has no end yet; it will go on. */
  partial(text: string): void;
  /** The line that is drawn over and over now. */
  moving(text: string): void;
}

/** After so many milliseconds an unfinished line is shown: a prompt, or dots. */
const PATIENCE = 100;
/** Characters of an unfinished line that are held back at most. */
const MAX_HELD = 64 << 10;

/** What stands in the row after all carriage returns. */
function lastDrawn(text: string): string {
  const ended = text.endsWith("\r") ? text.slice(0, -1) : text;
  const from = ended.lastIndexOf("\r") + 1;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the escape that erases the rest of a row
  return ended.slice(from).replace(/\x1b\[0?K/g, "");
}

/** Bytes that are no UTF-8 become U+FFFD. */
export class LineSplitter {
  readonly #sink: LineSink;
  readonly #decoder = new StringDecoder("utf8");
  #held = "";
  #timer: NodeJS.Timeout | undefined;

  constructor(sink: LineSink) {
    this.#sink = sink;
  }

  push(bytes: Buffer): void {
    clearTimeout(this.#timer);
    const text = this.#decoder.write(bytes);
    let from = 0;
    for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n", from)) {
      const line = this.#held + text.slice(from, end);
      this.#held = "";
      this.#sink.line(line.includes("\r") ? lastDrawn(line) : line);
      from = end + 1;
    }
    this.#held += text.slice(from);
    if (this.#held === "") return;
    const drawn = this.#held.lastIndexOf("\r", this.#held.length - 2);
    if (drawn >= 0) {
      this.#held = this.#held.slice(drawn); // what came before is overwritten
      this.#sink.moving(lastDrawn(this.#held));
      if (this.#held.length > MAX_HELD) this.#held = "";
    } else if (this.#held.length > MAX_HELD) this.#release();
    else this.#timer = setTimeout(() => this.#release(), PATIENCE).unref();
  }

  #release(): void {
    this.#sink.partial(this.#held);
    this.#held = "";
  }

  /** The stream has ended: what is held becomes a line. */
  end(): void {
    clearTimeout(this.#timer);
    const line = this.#held + this.#decoder.end();
    this.#held = "";
    if (line !== "") this.#sink.line(line.includes("\r") ? lastDrawn(line) : line);
  }
}
