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

  /** signal: sends a signal to the worker. */
  constructor(signal: (signal: "SIGUSR1") => void) {
    this.#signal = signal;
  }

  /** The ws:// address that the worker prints. */
  open(signal: AbortSignal): Promise<string> {
    return new Promise((resolve, reject) => {
      signal.addEventListener("abort", () => {
        this.#waiting = undefined;
        reject(signal.reason);
      });
      this.#asked = true;
      this.#waiting = resolve;
      this.#signal("SIGUSR1");
    });
  }

  /** Sees each line of stderr; true: the line belongs to this talk. */
  hears(line: string): boolean {
    if (!this.#asked) return false;
    const url = listening.exec(line)?.[1];
    if (url === undefined) return chatter.test(line);
    if (this.#waiting) this.#waiting(url);
    else void this.#close(url);
    this.#waiting = undefined;
    return true;
  }

  /** It comes out of a native call and finds the signal from before. */
  async #close(url: string): Promise<void> {
    try {
      using inspector = await Inspector.open(url, AbortSignal.timeout(CLOSE_MS));
      void inspector.call("Runtime.evaluate", { expression: "process.getBuiltinModule('node:inspector').close()" });
    } catch {
      // the worker has gone
    }
  }
}
