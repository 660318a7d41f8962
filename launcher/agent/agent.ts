// The agent of a host: starts its workers, carries their news to the coordinator and the coordinator's to them, and ends them when the job ends.
import { type ControlError, type CoordinatorClient, endedKey, type Failure, type Stall, type Verdict } from "../../src/control/index.js";
import type { CollectiveFault } from "../../src/distributed/errors.js";
import { WATCHDOG_SECONDS } from "../../src/settings.js";
import { Deferred } from "./deferred.js";
import { Guardian } from "./guardian.js";
import type { LocalWorker } from "./local-worker.js";
import { exitCodeOf, exitCodeOfSignal, type StopSignal, stopSignals } from "./exit-code.js";
import { failureText, type ReportPlace, verdictText } from "./report.js";
import { Screen } from "./screen.js";
import { Stalls } from "./stalls.js";
import { type AgentOptions, type LocalJob, startWorker, writesItself } from "./start-worker.js";
import { times } from "./times.js";

export class Agent {
  readonly #options: AgentOptions;
  readonly #screen: Screen;
  readonly #workers: LocalWorker[] = [];
  readonly #ends: Promise<void>[] = [];
  readonly #timers = new Set<NodeJS.Timeout>();
  readonly #stalls: Stalls;
  readonly #over = new Deferred<number>();
  readonly #guardian = new Guardian();
  #worldSize = 1;
  #unheard = false;
  #reported: Promise<void> = Promise.resolve();
  #first: Failure | undefined;
  #stop: StopSignal | undefined;
  #interruptedAt = Number.NEGATIVE_INFINITY;
  #ending = false;

  constructor(options: AgentOptions) {
    this.#options = options;
    this.#screen = new Screen(options.terminal);
    this.#screen.drained = () => {
      for (const { output } of this.#workers) output.resume();
    };
    this.#stalls = new Stalls({
      where: async (rank) => {
        const own = this.#workers.find((worker) => worker.rank === rank);
        if (own) return { rank, step: own.link.progress.step, ...(await own.where(options.cwd)) };
        return (await options.client).where(rank);
      },
      say: (text) => this.say(text),
      watchdog: options.plan.watchdog ?? WATCHDOG_SECONDS,
    });
  }

  /** A line of the launcher's own. */
  say(text: string): void {
    if (!this.#unheard) this.#screen.say(text); // that workers end is no news then
  }

  /** Listens to the job. Call it before the client joins. */
  hear(client: CoordinatorClient): void {
    client.on("stop", (reason) => this.#onStop(reason));
    client.on("abort", (fault) => this.#onAbort(fault));
    client.on("firstFailure", (failure) => this.#onFailure(failure));
    client.on("verdict", (verdict) => void this.#onVerdict(verdict));
    client.on("stall", (stall) => this.#stalls.report(stall));
    client.on("lost", (error) => this.#onLost(error));
    client.answerWith(async (rank) => {
      const worker = this.#workers.find((own) => own.rank === rank);
      if (!worker) return { state: "unknown", text: "" };
      return { ...(await worker.where(this.#options.cwd)), step: worker.link.progress.step };
    });
  }

  /** Starts all workers. @throws AccelerateError when one cannot be started; those that were are ended. */
  async start(job: LocalJob): Promise<void> {
    this.#worldSize = job.worldSize;
    try {
      for (const localRank of job.ranks.keys()) {
        if (this.#ending) return;
        const worker = await startWorker(this.#options, job, localRank, this.#screen);
        this.#workers.push(worker);
        this.#guard();
        this.#listen(worker);
        this.#ends.push(this.#onEnd(worker));
      }
    } catch (error) {
      await this.kill();
      throw error;
    }
  }

  /** Tells the coordinator, in order, also what happened before there was one. */
  #tell(tell: (client: CoordinatorClient) => void): void {
    this.#options.client.then(tell, () => {}); // without a coordinator the launch itself fails
  }

  #listen(worker: LocalWorker): void {
    const { rank, link } = worker;
    link.on("failure", (report) => {
      const at = performance.now();
      this.#tell((client) => client.reportFailure(rank, { ...link.progress, ...report, step: report.step ?? link.progress.step }, at));
    });
    link.on("event", (event) => {
      if (event.kind === "fault") this.#tell((client) => client.reportFault(rank, event.fault));
      if (event.kind !== "stalled") return;
      const { kind: _, ...rest } = event;
      const stall: Stall = { rank, ...rest };
      this.#tell((client) => client.reportStall(stall));
      this.#stalls.report(stall);
    });
    link.on("closed", (error) => {
      if (error) this.say(error.message);
    });
  }

  async #onEnd(worker: LocalWorker): Promise<void> {
    const { code, signal } = await worker.ended;
    this.#guard();
    const at = worker.endedAt ?? performance.now();
    const { rank, link, fault, failure } = worker;
    // A worker whose collectives ended by another's fault and that then ends with an exit code of its own is no cause.
    if (fault && !failure && code !== 0)
      this.#tell((client) =>
        client.reportFailure(rank, { name: "CollectiveError", message: fault.message, code: fault.code, stack: "", ranks: fault.ranks }, at),
      );
    // One that has reported its error is ending by itself, also when it takes so long that we help.
    const helped = failure !== undefined && worker.dismissed;
    this.#tell((client) =>
      client.reportExit({
        rank,
        ...(helped ? { exitCode: 1 } : { ...(code !== null && { exitCode: code }), ...(signal && { signal }) }),
        stopped: worker.dismissed,
        stderrTail: worker.output.tail,
        at,
        ...link.progress,
      }),
    );
    if (code === 0) this.#tell((client) => void client.store.set(endedKey, new TextEncoder().encode(String(rank))).catch(() => {})); // a job that is over needs no news
    if (!this.#ending && code === 0) worker.release();
  }

  #guard(): void {
    this.#guardian.watch(this.#workers.filter(({ running }) => running).map(({ pid }) => pid));
  }

  #later(ms: number, run: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      run();
    }, ms);
    this.#timers.add(timer);
  }

  // ---- The user asks for the end.

  /** The launcher has got a signal: the first time a request, the second time the end. */
  interrupt(signal: StopSignal): void {
    const now = performance.now();
    // Under npm one Ctrl-C comes twice: from the terminal, and passed on by npm.
    if (now - this.#interruptedAt < times.echo) return;
    this.#interruptedAt = now;
    if (this.#stop !== undefined) {
      this.#tell((client) => client.requestAbort({ code: "ERR_COLLECTIVE_ABORTED", message: `the job was killed by a second ${signal}`, ranks: [] }));
      void this.kill().then(() => this.#over.resolve(exitCodeOfSignal(this.#stop!)));
      return;
    }
    this.#stop = signal;
    this.#tell((client) => client.requestStop(signal));
    // Before all hosts are there nobody would answer.
    this.#later(times.reap, () => this.#onStop(signal));
  }

  #stopping = false;
  #onStop(reason: string): void {
    if (this.#stopping || this.#ending) return;
    this.#stopping = true;
    this.#stop ??= stopSignals.find((signal) => reason === signal) ?? "SIGTERM";
    this.say(`stopping after this step${this.#stop === "SIGINT" ? " (again to kill)" : ` (${reason})`}`);
    const linked = this.#workers.filter((worker) => worker.linked).length;
    for (const worker of this.#workers) worker.stop(reason);
    // Some are still starting and end at once: the others would wait for them.
    if (linked > 0 && linked < this.#workers.length) this.#dismiss();
    this.#later(this.#options.plan.stopGrace * 1000, () => {
      this.say(`the workers have not stopped within ${this.#options.plan.stopGrace} s and are ended (wait longer with --stop-grace)`);
      this.#dismiss();
    });
  }

  /** The launcher is suspended or goes on: so do the workers. */
  pause(signal: "SIGSTOP" | "SIGCONT"): void {
    for (const worker of this.#workers) worker.signal(signal);
  }
  resize(): void {
    if (this.#worldSize === 1) for (const worker of this.#workers) worker.signal("SIGWINCH");
  }

  // ---- The job fails.

  #onAbort(fault: CollectiveFault): void {
    if (this.#ending) return;
    this.#ending = true;
    for (const { output } of this.#workers) output.hold(); // what follows is mostly the same news from every rank
    const abort = () => {
      for (const { link } of this.#workers) link.abort(fault);
    };
    const near = fault.ranks.length > 0 && fault.ranks.every((rank) => this.#workers.some((worker) => worker.rank === rank));
    if (near) this.#later(times.ownWords, abort);
    else abort();
    this.#later(times.verdict, () => this.#dismiss());
  }

  #onFailure(failure: Failure): void {
    if (this.#first) return;
    this.#first = failure;
    this.#reported = this.#report(failure);
  }

  async #report(failure: Failure): Promise<void> {
    const culprits = this.#workers.filter(({ rank }) => failure.ranks.includes(rank));
    // Its last words come before ours.
    const patience = new Promise<void>((resolve) => this.#later(times.lastWords, resolve));
    await Promise.race([Promise.all(culprits.map((worker) => worker.ended)), patience]);
    for (const worker of this.#workers) {
      worker.release();
      if (!culprits.includes(worker)) worker.output.hide();
    }
    this.#screen.settle();
    this.say(failureText(failure, this.#place()));
    this.#dismiss();
  }

  #place(): ReportPlace {
    const { plan, cwd } = this.#options;
    return {
      worldSize: this.#worldSize,
      hosts: plan.hosts,
      cwd,
      shown: writesItself(this.#worldSize, plan),
      logOf: (rank) => this.#workers.find((worker) => worker.rank === rank)?.output.logPath,
    };
  }

  #onLost(error: ControlError): void {
    this.#ending = true;
    this.#screen.settle();
    this.say(`the launcher of host 0 is lost: ${error.message}; the workers of this host are ended`);
    for (const { link } of this.#workers) link.abort({ code: "ERR_PEER_LOST", message: error.message, ranks: [] });
    void this.kill().then(() => this.#over.resolve(this.#stop ? exitCodeOfSignal(this.#stop) : 1));
  }

  // ---- The end.

  #dismissing = false;
  /** SIGTERM, and after a grace SIGKILL, to all that run. */
  #dismiss(): void {
    if (this.#dismissing) return;
    this.#dismissing = true;
    for (const worker of this.#workers) worker.dismiss("SIGTERM");
    this.#later(times.grace, () => {
      for (const worker of this.#workers) worker.dismiss("SIGKILL");
    });
  }

  /** Everything ends now. */
  async kill(): Promise<void> {
    this.#ending = true;
    for (const worker of this.#workers) {
      worker.dismiss("SIGKILL");
      worker.release();
    }
    const patience = new Promise<void>((resolve) => this.#later(times.reap, resolve));
    await Promise.race([Promise.all(this.#ends), patience]);
  }

  async #onVerdict(verdict: Verdict): Promise<void> {
    if (verdict.first && !this.#first) this.#onFailure(verdict.first);
    await this.#reported;
    await Promise.all(this.#ends);
    // What a failed worker has left behind goes with it.
    if (verdict.first) for (const worker of this.#workers) worker.dismiss("SIGKILL");
    this.#screen.settle();
    if (verdict.first) {
      const text = verdictText(verdict, this.#place());
      if (text) this.say(text);
    }
    this.#over.resolve(exitCodeOf(verdict, this.#stop, { saved: this.#workers.every((worker) => worker.saved) }));
  }

  /** Nobody reads what the workers write: as of any program in a pipe, the job's end. */
  async unheard(): Promise<void> {
    if (this.#stop !== undefined) return; // it is ending in order
    this.#unheard = true;
    await this.kill();
    this.#over.resolve(exitCodeOfSignal("SIGPIPE"));
  }

  /** The exit code, when all is over. */
  async done(): Promise<number> {
    const code = await this.#over.promise;
    for (const timer of this.#timers) clearTimeout(timer);
    this.#guardian.close();
    for (const { output } of this.#workers) await output.closeLog();
    return code;
  }
}
