// Stalls in words: one message per collective that does not come on, however many ranks report it.
import type { Stall, Whereabouts } from "../../src/control/index.js";
import { secondsText, workersText } from "./report.js";

/** Time for the other ranks that wait to say so, too. */
const GATHER_MS = 400;
/** Ranks whose place is looked up. */
const MAX_LOCATED = 4;

export interface StallOptions {
  readonly where: (rank: number) => Promise<Whereabouts>;
  readonly say: (text: string) => void;
  /** Seconds; for the advice. */
  readonly watchdog: number;
}

/** What follows "worker 2 has not come: ". step: "in step 82, ", or nothing. */
const states: Readonly<Record<Whereabouts["state"], (text: string, step: string) => string>> = {
  unknown: (text, step) => `${step}it is not known where${text ? ` (${text})` : ""}`,
  starting: () => "it is still starting",
  "user code": (text, step) => (/:\d+:\d+\)/.test(text) ? `it is ${step}in user code, last seen at\n${frames(text)}` : `it is ${step}${text}`),
  "native call": (text, step) => `it is ${step}${text}`,
  collective: (text, step) => `it is ${step}in ${text || "another collective"}`,
  stopped: (text) => text,
  ended: (text) => text || "it has ended",
};
const frames = (text: string): string =>
  text
    .split("\n")
    .map((line) => `        at ${line}`)
    .join("\n");

/** Ready to be shown. */
export function stallText(stall: Stall, missing: readonly Whereabouts[], watchdog: number): string {
  const waiting = [...stall.waiting].sort((a, b) => a - b);
  const head = `no progress for ${secondsText(stall.waitedMs).replace(/\.0 s$/, " s")}: ${workersText(waiting)} wait${waiting.length === 1 ? "s" : ""} in ${stall.collective}`;
  const parts = missing.map(
    ({ rank, state, text, step }) => `worker ${rank} has not come: ${states[state](text, step === undefined ? "" : `in step ${step}, `)}`,
  );
  const rest = stall.missing.slice(missing.length);
  if (rest.length > 0) parts.push(`nor ${rest.length === 1 ? "has" : "have"} ${workersText(rest)}`);
  return `${[head, ...parts].join("; ")}\nstop with Ctrl-C, wait longer with --watchdog ${Math.ceil(watchdog * 10)}`;
}

export class Stalls {
  readonly #options: StallOptions;
  readonly #known = new Set<string>();
  readonly #gathering = new Map<string, Set<number>>();

  constructor(options: StallOptions) {
    this.#options = options;
  }

  report(stall: Stall): void {
    const key = stall.collective;
    const gathering = this.#gathering.get(key);
    if (gathering) for (const rank of stall.waiting) gathering.add(rank);
    if (this.#known.has(key)) return;
    this.#known.add(key);
    const waiting = new Set(stall.waiting);
    this.#gathering.set(key, waiting);
    setTimeout(() => void this.#say(key, stall, waiting), GATHER_MS).unref();
  }

  async #say(key: string, stall: Stall, waiting: ReadonlySet<number>): Promise<void> {
    const found = await Promise.all(stall.missing.slice(0, MAX_LOCATED).map((rank) => this.#options.where(rank)));
    this.#gathering.delete(key);
    const missing = stall.missing.filter((rank) => !waiting.has(rank));
    if (missing.length === 0) return; // slow, and all there by now
    this.#options.say(
      stallText(
        { ...stall, waiting: [...waiting], missing },
        found.filter(({ rank }) => missing.includes(rank)),
        this.#options.watchdog,
      ),
    );
  }
}
