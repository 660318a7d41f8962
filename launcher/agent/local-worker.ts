// One worker of this host as its agent sees it: process, control link, output, and what is known of its end.
import { setTimeout as sleep, setImmediate as turn } from "node:timers/promises";
import type { AgentSideLink, ErrorReport } from "../../src/control/index.js";
import type { CollectiveFault } from "../../src/distributed/errors.js";
import { Inspection } from "./inspection.js";
import { type Located, locate } from "./locate.js";
import { withoutTrace } from "./trace.js";
import type { WorkerOutput } from "./worker-output.js";
import type { WorkerEnd, WorkerProcess } from "./worker-process.js";

/** After the process has ended: how long its control socket is read when a process that it left behind holds it. */
const LAST_WORDS_MS = 250;
/** A place that was found so recently is not looked up again. */
const FRESH_MS = 3000;

export class LocalWorker {
  readonly rank: number;
  readonly output: WorkerOutput;
  readonly link: AgentSideLink;
  /** Resolves when the process has ended and all that it wrote has been read. */
  readonly ended: Promise<WorkerEnd>;
  readonly #process: WorkerProcess;
  readonly #inspection: Inspection;
  readonly #startedAt = performance.now();
  #located: { readonly at: number; readonly place: Promise<Located> } | undefined;
  #linked = false;
  /** The error that it reported: it is about to end. */
  failure: ErrorReport | undefined;
  /** Why its collectives ended. */
  fault: CollectiveFault | undefined;
  /** It has stopped as it was asked to, and its run can go on from there. */
  saved = false;
  /** We have told it to end. */
  dismissed = false;
  /** performance.now() of its end. */
  endedAt: number | undefined;

  constructor(rank: number, worker: WorkerProcess, link: AgentSideLink, output: WorkerOutput) {
    this.rank = rank;
    this.output = output;
    this.link = link;
    this.#process = worker;
    this.#inspection = new Inspection((signal) => worker.signal(signal));
    output.intercept = (line) => this.#inspection.hears(line);
    worker.control.once("data", () => {
      this.#linked = true;
    });
    link.on("failure", (report) => {
      this.failure = report;
      output.hold(); // Node prints the same error next
    });
    link.on("event", (event) => {
      if (event.kind === "fault") this.fault = event.fault;
      if (event.kind === "stopping" && event.saved) this.saved = true;
    });
    this.ended = this.#finish();
  }

  get pid(): number {
    return this.#process.pid;
  }
  /** It has opened its line: its script has an Accelerator. */
  get linked(): boolean {
    return this.#linked;
  }
  get running(): boolean {
    return this.#process.running;
  }
  async #finish(): Promise<WorkerEnd> {
    const end = await this.#process.ended;
    this.endedAt = performance.now();
    const patience = sleep(LAST_WORDS_MS, undefined, { ref: false });
    await Promise.all([this.output.finish(), Promise.race([this.link.closed, patience])]);
    // What it has sent is there to be read, also when we come to it late.
    await turn();
    await turn();
    return end;
  }

  /** Asks it to stop in order: by its link, or, when it has not opened one, by the signal that Ctrl-C would be. */
  stop(reason: string): void {
    if (this.#linked) this.link.stop(reason);
    else this.#process.signal("SIGINT");
  }
  signal(signal: NodeJS.Signals): void {
    this.#process.signal(signal);
  }
  /** Ends it: politely, or with all that it has started. */
  dismiss(signal: "SIGTERM" | "SIGKILL"): void {
    if (this.running) this.dismissed = true;
    if (signal === "SIGKILL") this.#process.kill(signal);
    else this.#process.signal(signal);
  }

  /** What is held of its stderr is shown, without the trace of the error that it has reported. */
  release(): void {
    const { failure } = this;
    this.output.release(failure ? (text) => withoutTrace(text, failure.stack || `${failure.name}: ${failure.message}`) : undefined);
  }

  /** Where its main thread is. */
  where(cwd: string): Promise<Located> {
    if (!this.running) return Promise.resolve({ state: "ended", text: "it has ended" });
    const now = performance.now();
    if (!this.#located || now - this.#located.at > FRESH_MS) {
      const { pid } = this;
      const young = !this.#linked && now - this.#startedAt < FRESH_MS;
      const place = locate({ pid, cwd, openInspector: (signal) => this.#inspection.open(signal) });
      this.#located = { at: now, place: young ? place.then((found) => (found.text ? found : { state: "starting", text: "" })) : place };
    }
    return this.#located.place;
  }
}
