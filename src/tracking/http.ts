// Requests to a server that may be slow, busy or away: a deadline for each, tried again with growing pauses, until they are answered, refused, or nobody wants them any more.
import { TrackingError } from "./tracker.js";

export interface PatientOptions {
  /** Deadline of one try, in milliseconds. */
  readonly timeoutMs: number;
  /** Pause after the first try that failed; each further one is twice as long, up to `maxPauseMs`. */
  readonly pauseMs: number;
  readonly maxPauseMs: number;
}
export interface Request {
  readonly method: "GET" | "POST";
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}
export interface Answer {
  readonly status: number;
  readonly text: string;
}

/** What a server that is busy or restarts answers; so does a proxy in front of it. */
const busy = (status: number): boolean => status === 408 || status === 425 || status === 429 || status >= 500;
/** Random part of a pause, so that many runs do not come back together. */
const jitter = 0.25;

export const causeOf = (error: unknown): string => {
  const inner = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  return inner instanceof Error ? inner.message : String(inner);
};

/** Asks until there is an answer that is none of a busy server. */
export class PatientClient {
  readonly #options: PatientOptions;
  readonly #onTrouble: (what: string, tries: number) => void;
  #wake: (() => void) | undefined;

  /** `onTrouble` is told of every try that failed, and how many have in a row. */
  constructor(options: PatientOptions, onTrouble: (what: string, tries: number) => void) {
    this.#options = options;
    this.#onTrouble = onTrouble;
  }

  /** Ends the pause that is being made, if there is one. */
  hurry(): void {
    this.#wake?.();
  }

  /** @throws TrackingError ERR_TRACKER_TIMEOUT once `signal` is aborted. */
  async ask(url: URL, { method, headers, body }: Request, signal: AbortSignal): Promise<Answer> {
    const { pauseMs, maxPauseMs } = this.#options;
    for (let [pause, tries] = [pauseMs, 1]; ; pause = Math.min(maxPauseMs, pause * 2), tries++) {
      let trouble: string;
      try {
        const { status, text } = await this.#once(url, { method, headers, ...(body !== undefined && { body }) }, signal);
        if (!busy(status)) return { status, text };
        trouble = `${url.host} answers ${status}`;
      } catch (error) {
        trouble = `${url.host} does not answer (${causeOf(error)})`;
      }
      if (!signal.aborted) {
        this.#onTrouble(trouble, tries);
        await this.#pause(pause * (1 + jitter * Math.random()), signal);
      }
      if (signal.aborted) throw new TrackingError("ERR_TRACKER_TIMEOUT", trouble, { hint: "is the server up, and its address right?" });
    }
  }

  /** One try. A controller of its own: AbortSignal.any over AbortSignal.timeout may be collected before it fires (Node 20). */
  async #once(url: URL, request: Request, signal: AbortSignal): Promise<Answer> {
    const { timeoutMs } = this.#options;
    const controller = new AbortController();
    const abort = (): void => controller.abort(signal.reason);
    const timer = setTimeout(() => controller.abort(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
    signal.addEventListener("abort", abort);
    try {
      if (signal.aborted) abort();
      const response = await fetch(url, { ...request, signal: controller.signal });
      return { status: response.status, text: await response.text() };
    } finally {
      clearTimeout(timer);
      signal.removeEventListener("abort", abort);
    }
  }

  /** Nothing of ours keeps the process alive meanwhile. */
  async #pause(ms: number, signal: AbortSignal): Promise<void> {
    await new Promise<void>((resolve) => {
      const end = (): void => {
        clearTimeout(timer);
        signal.removeEventListener("abort", end);
        resolve();
      };
      const timer = setTimeout(end, ms).unref();
      signal.addEventListener("abort", end);
      this.#wake = end;
    });
    this.#wake = undefined;
  }
}
