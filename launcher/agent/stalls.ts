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

/** Of a GPU that has not come. */
const devices: Readonly<Record<string, string>> = {
  calling: "NCCL has not taken its call (NCCL_DEBUG=INFO shows what it tries)",
  behind: "its GPU is still at work that was queued before",
};

/** Ready to be shown. */
export function stallText(stall: Stall, missing: readonly Whereabouts[], watchdog: number, behind: ReadonlyMap<number, string> = new Map()): string {
  const waiting = [...stall.waiting].sort((a, b) => a - b);
  const who = waiting.length === 0 ? "nobody has come to" : `${workersText(waiting)} wait${waiting.length === 1 ? "s" : ""} in`;
  const head = `no progress for ${secondsText(stall.waitedMs).replace(/\.0 s$/, " s")}: ${who} ${stall.collective}`;
  const advice = `\nstop with Ctrl-C, wait longer with --watchdog ${Math.ceil(watchdog * 10)}`;
  if (stall.device !== undefined) {
    const away = [...stall.missing].sort((a, b) => a - b).map((rank) => `worker ${rank} has not come: ${devices[behind.get(rank) ?? "behind"]}`);
    const all = "their GPUs have come to it and do not end it: do they reach each other (NCCL_DEBUG=INFO)?";
    return `${[`${head} on ${waiting.length > 1 ? "their GPUs" : "its GPU"}`, ...(away.length > 0 ? away : [all])].join("; ")}${advice}`;
  }
  const parts = missing.map(
    ({ rank, state, text, step }) => `worker ${rank} has not come: ${states[state](text, step === undefined ? "" : `in step ${step}, `)}`,
  );
  const rest = stall.missing.slice(missing.length);
  if (rest.length > 0) parts.push(`nor ${rest.length === 1 ? "has" : "have"} ${workersText(rest)}`);
  return `${[head, ...parts].join("; ")}${advice}`;
}

interface Gathering {
  readonly waiting: Set<number>;
  /** Of GPUs that have not come: how far they are. */
  readonly behind: Map<number, string>;
}

export class Stalls {
  readonly #options: StallOptions;
  readonly #known = new Set<string>();
  readonly #gathering = new Map<string, Gathering>();

  constructor(options: StallOptions) {
    this.#options = options;
  }

  report(stall: Stall): void {
    const { collective, device } = stall;
    const key = `${collective}${device === undefined ? "" : " on GPUs"}`;
    const known = this.#gathering.get(key);
    const gathering = known ?? { waiting: new Set<number>(), behind: new Map<number, string>() };
    for (const rank of stall.waiting) gathering.waiting.add(rank);
    if (device !== undefined) for (const rank of stall.missing) gathering.behind.set(rank, device);
    if (known || this.#known.has(key)) return;
    this.#known.add(key);
    this.#gathering.set(key, gathering);
    setTimeout(() => void this.#say(key, stall, gathering), GATHER_MS).unref();
  }

  async #say(key: string, stall: Stall, { waiting, behind }: Gathering): Promise<void> {
    const { say, watchdog } = this.#options;
    if (stall.device !== undefined) {
      this.#gathering.delete(key);
      const missing = [...behind.keys()].filter((rank) => !waiting.has(rank));
      say(stallText({ ...stall, waiting: [...waiting], missing }, [], watchdog, behind));
      return;
    }
    const found = await Promise.all(stall.missing.slice(0, MAX_LOCATED).map((rank) => this.#options.where(rank)));
    this.#gathering.delete(key);
    const missing = stall.missing.filter((rank) => !waiting.has(rank));
    if (missing.length === 0) return; // slow, and all there by now
    say(
      stallText(
        { ...stall, waiting: [...waiting], missing },
        found.filter(({ rank }) => missing.includes(rank)),
        watchdog,
      ),
    );
  }
}
