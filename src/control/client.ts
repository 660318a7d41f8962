// The agent's end of the control plane: joins a job, hears what happens in it, tells what happens here, offers the store.
import { randomBytes } from "node:crypto";
import type { CollectiveFault } from "../distributed/errors.js";
import type { Store } from "../distributed/store.js";
import { ownAddresses, ownHostName } from "./addresses.js";
import { Channel, sayAgainMs } from "./channel.js";
import type { ClientEvents, ClientOptions, ExitReport, JobPlan, JoinOptions, Stall } from "./client-types.js";
import { body } from "./codec.js";
import { failureFromMessage, stateFromNumber, stateToNumber, verdictFromMessage, type Whereabouts } from "./convert.js";
import { Emitter } from "./emitter.js";
import { ControlError, errorReport, faultFromMessage, faultToMessage } from "./errors.js";
import { timeouts } from "./limits.js";
import type { Assignment } from "./link.js";
import type { AgentMessage, CoordinatorMessage, ErrorReport, Start } from "./messages.js";
import { RemoteStore } from "./remote-store.js";
import { protocolVersion } from "./schema.js";

export type { ClientEvents, ClientOptions, ExitReport, JobPlan, JoinOptions, Stall } from "./client-types.js";

const age = (at: number | undefined): number => Math.max(0, Math.round((performance.now() - (at ?? performance.now())) * 1000));
const ticksPerHeartbeat = 4;

/** Every assignment of a plan follows from its hosts' ranks. */
export function assignmentsOf({ worldSize, host, hosts, ranks }: Start): Assignment[] {
  const hostOfRank = new Array<number>(worldSize).fill(0);
  for (const [h, plan] of hosts.entries()) for (const rank of plan.ranks) hostOfRank[rank] = h;
  const own = hosts[host]!;
  const address = hosts.length === 1 ? "127.0.0.1" : own.address;
  return ranks.map((rank) => ({
    rank,
    worldSize,
    localRank: own.ranks.indexOf(rank),
    localWorldSize: own.ranks.length,
    host,
    hosts: hosts.length,
    hostOfRank,
    address,
  }));
}

export class CoordinatorClient implements AsyncDisposable {
  readonly store: Store;
  readonly #channel: Channel;
  readonly #sayAfterMs: number;
  readonly #events = new Emitter<ClientEvents>();
  readonly #member = randomBytes(16).toString("hex");
  readonly #questions = new Map<number, (answer: Whereabouts) => void>();
  #session: ReturnType<Channel["session"]> | undefined;
  #started: { readonly resolve: (plan: JobPlan) => void; readonly reject: (error: Error) => void } | undefined;
  #whereabouts: (rank: number) => Promise<Omit<Whereabouts, "rank">> | Omit<Whereabouts, "rank"> = () => ({ state: "unknown", text: "" });
  #waiting = "";
  #tick: NodeJS.Timeout | undefined;
  #silent = 0;
  #beats = 0;
  #question = 0;
  #verdict = false;
  #over = false;
  #ended: (() => void) | undefined;

  private constructor(channel: Channel, options: ClientOptions) {
    this.#channel = channel;
    this.#sayAfterMs = options.sayAfterMs ?? timeouts.sayMs;
    this.store = new RemoteStore(channel, options.storeTimeoutMs);
  }

  /**
   * Finds the coordinator, also one that starts later.
   * @throws ControlError ERR_COORDINATOR_UNREACHABLE that names every address with what happened there.
   */
  static async connect(options: ClientOptions): Promise<CoordinatorClient> {
    return new CoordinatorClient(await Channel.open(options), options);
  }

  /** The address that answered. */
  get address(): string {
    return this.#channel.address;
  }

  /** Returns what takes the listener away. */
  on<K extends keyof ClientEvents>(event: K, listener: ClientEvents[K]): () => void {
    return this.#events.on(event, listener);
  }

  /**
   * Takes part in the job; resolves when all hosts have joined. Call it once.
   * @throws ControlError ERR_LAUNCH_MISMATCH when hosts contradict each other, ERR_CONTROL_AUTH for a wrong token or job, ERR_CONTROL_TIMEOUT that names who is missing.
   */
  async join(options: JoinOptions): Promise<JobPlan> {
    const { timeoutMs = timeouts.joinMs, hostName = ownHostName(), addresses = ownAddresses(), ...rest } = options;
    const begin = performance.now();
    const { heartbeatMs, lostAfterMs } = await this.#channel.call("Join", { protocol: protocolVersion, member: this.#member, hostName, addresses, ...rest });
    const plan = new Promise<JobPlan>((resolve, reject) => {
      this.#started = { resolve, reject };
    });
    this.#session = this.#channel.session(this.#member, {
      message: (message) => this.#receive(message),
      end: (error) =>
        this.#lost(error ?? new ControlError("ERR_COORDINATOR_LOST", `the coordinator at ${this.address} closed the session before the job's end`)),
    });
    this.#watch(heartbeatMs, lostAfterMs);
    let sayAt = this.#sayAfterMs;
    const patience = setInterval(
      () => {
        const waited = performance.now() - begin;
        if (waited >= timeoutMs)
          this.#started?.reject(
            new ControlError(
              "ERR_CONTROL_TIMEOUT",
              `not all hosts joined within ${Math.round(timeoutMs / 1000)} s: ${this.#waiting || "no news from the coordinator"}`,
            ),
          );
        else if (waited >= sayAt) {
          sayAt += sayAgainMs;
          this.#events.emit("waiting", `waiting for hosts for ${Math.round(waited / 1000)} s: ${this.#waiting}`);
        }
      },
      Math.min(250, timeoutMs),
    );
    try {
      return await plan;
    } finally {
      clearInterval(patience);
      this.#started = undefined;
    }
  }

  #watch(heartbeatMs: number, lostAfterMs: number): void {
    const limit = (lostAfterMs / heartbeatMs) * ticksPerHeartbeat;
    this.#tick = setInterval(() => {
      if (++this.#beats % ticksPerHeartbeat === 0) this.#send({ heartbeat: { number: this.#beats / ticksPerHeartbeat } });
      if (++this.#silent < limit) return;
      const seconds = (lostAfterMs / 1000).toFixed(1);
      this.#lost(
        new ControlError(
          "ERR_COORDINATOR_LOST",
          `nothing was heard of the coordinator at ${this.address} for ${seconds} s: its host is down, or this one is cut off`,
        ),
      );
      this.#session?.cancel();
    }, heartbeatMs / ticksPerHeartbeat);
    this.#tick.unref();
    this.#send({ heartbeat: { number: 0 } });
  }

  readonly #handlers: { readonly [K in keyof CoordinatorMessage]-?: (message: NonNullable<CoordinatorMessage[K]>) => void } = {
    heartbeat: () => {},
    waiting: ({ text }) => {
      this.#waiting = text;
    },
    start: (start) => this.#started?.resolve({ worldSize: start.worldSize, host: start.host, hosts: start.hosts, assignments: assignmentsOf(start) }),
    stop: ({ reason }) => this.#events.emit("stop", reason),
    abort: ({ fault }) => {
      const told = faultFromMessage(fault);
      this.#started?.reject(new ControlError("ERR_COORDINATOR_LOST", `the job was ended before its start: ${told.message}`));
      this.#events.emit("abort", told);
    },
    firstFailure: ({ failure }) => failure && this.#events.emit("firstFailure", failureFromMessage(failure)),
    verdict: (verdict) => {
      this.#verdict = true;
      this.#started?.reject(new ControlError("ERR_COORDINATOR_LOST", "the job was ended before its start"));
      this.#events.emit("verdict", verdictFromMessage(verdict));
    },
    question: ({ id, rank }) => void this.#answer(id, rank),
    answer: ({ id, rank, state, text, step }) => {
      this.#questions.get(id)?.({ rank, state: stateFromNumber(state), text, step });
      this.#questions.delete(id);
    },
    stall: (stall) => this.#events.emit("stall", stall),
  };

  #receive(message: CoordinatorMessage): void {
    this.#silent = 0;
    const told = body(message);
    if (told) (this.#handlers[told[0]] as (m: unknown) => void)(told[1]);
  }

  #lost(error: ControlError): void {
    clearInterval(this.#tick);
    this.#ended?.();
    if (this.#over) return;
    this.#over = true;
    this.#started?.reject(error);
    for (const [, answer] of this.#questions) answer({ rank: -1, state: "unknown", text: error.message });
    this.#questions.clear();
    if (!this.#verdict) this.#events.emit("lost", error);
  }

  #send(message: AgentMessage): void {
    if (!this.#over) this.#session?.send(message);
  }

  /** An error that ends a worker, as soon as the worker reports it. at: performance.now() of the report. */
  reportFailure(rank: number, error: ErrorReport, at?: number): void {
    this.#send({ failure: { rank, error, ageUs: age(at) } });
  }
  /** The end of a worker's process, also the one in order. */
  reportExit({ rank, exitCode, signal = "", stopped = false, stderrTail = "", at, step, epoch }: ExitReport): void {
    this.#send({ exit: { rank, exitCode, signal, stopped, stderrTail: stderrTail.slice(-(16 << 10)), ageUs: age(at), step, epoch } });
  }
  /** A worker waits for others longer than the watchdog allows. */
  reportStall(stall: Stall): void {
    this.#send({ stall });
  }
  /** A worker's group of ranks has ended. */
  reportFault(rank: number, fault: CollectiveFault): void {
    this.#send({ fault: { rank, fault: faultToMessage(fault) } });
  }
  /** Asks for a clean stop of the whole job; comes back as the event "stop". */
  requestStop(reason: string): void {
    this.#send({ stop: { reason } });
  }
  /** Ends the whole job; comes back as the event "abort". */
  requestAbort(fault: CollectiveFault): void {
    this.#send({ abort: { fault: faultToMessage(fault) } });
  }

  /** Where a rank of any host is; never rejects, always answers within some seconds. */
  where(rank: number): Promise<Whereabouts> {
    const id = ++this.#question;
    return new Promise((resolve) => {
      const settle = (answer: Whereabouts): void => {
        clearTimeout(timer);
        this.#questions.delete(id);
        resolve({ ...answer, rank });
      };
      const timer = setTimeout(() => settle({ rank, state: "unknown", text: "the coordinator did not answer" }), timeouts.questionMs + 1000);
      if (this.#over || !this.#session) return settle({ rank, state: "unknown", text: "there is no connection to the coordinator" });
      this.#questions.set(id, settle);
      this.#send({ question: { id, rank } });
    });
  }

  /** What answers when another host asks where a rank of this one is. */
  answerWith(whereabouts: (rank: number) => Promise<Omit<Whereabouts, "rank">> | Omit<Whereabouts, "rank">): void {
    this.#whereabouts = whereabouts;
  }

  async #answer(id: number, rank: number): Promise<void> {
    let found: Omit<Whereabouts, "rank">;
    try {
      found = await this.#whereabouts(rank);
    } catch (error) {
      found = { state: "unknown", text: errorReport(error).message };
    }
    this.#send({ answer: { id, rank, state: stateToNumber(found.state), text: found.text.slice(0, 64 << 10), step: found.step } });
  }

  /** Goes in order (its workers have ended), then closes. */
  async leave(): Promise<void> {
    this.#send({ leave: {} });
    await this.close();
  }

  /** Closes the connection; without leave() before, the others take this host for lost. */
  async close(): Promise<void> {
    const session = this.#session;
    this.#session = undefined;
    this.#started?.reject(new ControlError("ERR_CONTROL_CLOSED", "the connection was closed before all hosts had joined"));
    if (session && !this.#over) {
      this.#over = true;
      const ended = new Promise<void>((resolve) => {
        this.#ended = resolve;
      });
      session.end();
      const timer = setTimeout(() => this.#ended?.(), 500);
      await ended;
      clearTimeout(timer);
      session.cancel();
    }
    this.#over = true;
    clearInterval(this.#tick);
    for (const [, answer] of this.#questions) answer({ rank: -1, state: "unknown", text: "the connection was closed" });
    this.#channel.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
