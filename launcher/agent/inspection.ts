// The talk with one worker about its inspector, through its stderr: opened when it is asked where it is, and closed again even when it opens late.
import { Inspector } from "./inspector.js";

const listening = /^Debugger listening on (ws:\/\/127\.0\.0\.1:\d+\/[\w-]+)$/;
const chatter =
  /^(For help, see: https:\/\/nodejs\.org\/\S*inspector\S*|Debugger attached\.|Debugger ending on ws:\S+|Waiting for the debugger to disconnect\.\.\.)$/;
const CLOSE_MS = 2000;

export class Inspection {
  readonly #signal: (signal: "SIGUSR1") => void;
  #asked = false;
  #waiting: ((url: string) => void) | undefined;
  #inspector: Inspector | undefined;

  /** signal: sends a signal to the worker. */
  constructor(signal: (signal: "SIGUSR1") => void) {
    this.#signal = signal;
  }

  /** The worker prints its ws:// address. */
  async open(signal: AbortSignal): Promise<Inspector> {
    const url = await new Promise<string>((resolve, reject) => {
      signal.addEventListener("abort", () => {
        this.#waiting = undefined;
        reject(signal.reason);
      });
      this.#asked = true;
      this.#waiting = resolve;
      this.#signal("SIGUSR1");
    });
    return this.#connect(url, signal);
  }
  async #connect(url: string, signal: AbortSignal): Promise<Inspector> {
    this.#inspector = await Inspector.open(url, signal);
    return this.#inspector;
  }

  /** Sees each line of stderr; true: the line belongs to this talk. */
  hears(line: string): boolean {
    if (!this.#asked) return false;
    const url = listening.exec(line)?.[1];
    if (url === undefined) {
      if (line.startsWith("Waiting for the debugger")) this.#inspector?.leave();
      return chatter.test(line);
    }
    if (this.#waiting) this.#waiting(url);
    else void this.#close(url);
    this.#waiting = undefined;
    return true;
  }

  /** It comes out of a native call and finds the signal from before. */
  async #close(url: string): Promise<void> {
    try {
      (await this.#connect(url, AbortSignal.timeout(CLOSE_MS))).finish();
    } catch {
      // the worker has gone
    }
  }
}
