// A job as its coordinator sees it: who has joined, who is heard, what agents tell and are told. Speaks to agents through ports; knows nothing of gRPC.
import type { CollectiveFault } from "../distributed/errors.js";
import { body } from "./codec.js";
import { ControlError, faultFromMessage } from "./errors.js";
import type { Verdict } from "./failures.js";
import { type Liveness, liveness, timeouts } from "./limits.js";
import { type Expected, type Member, Membership, type Plan } from "./membership.js";
import type { AgentMessage, CoordinatorMessage, JoinReply, JoinRequest } from "./messages.js";
import { type AgentPort, Questions } from "./questions.js";
import { Settlement, type SettlementOptions } from "./settlement.js";

export interface JobOptions extends Expected, Partial<Liveness>, SettlementOptions {}

interface Session {
  readonly id: string;
  readonly name: string;
  readonly port: AgentPort;
  /** Ticks since it was last heard, and when that was. */
  silent: number;
  heardAt: number;
  left: boolean;
  ranks: readonly number[];
}

/** Ticks per heartbeat. Silence is counted in ticks of this process: while it is stopped itself, nobody is lost. */
const ticksPerHeartbeat = 4;
const unrefTimeout = (run: () => void, ms: number): NodeJS.Timeout => setTimeout(run, ms).unref();

export class Job {
  readonly #options: Liveness;
  readonly #expected: Expected;
  readonly #membership: Membership;
  readonly #settlement: Settlement;
  /** Members that have joined and not opened their session yet. */
  readonly #expectedSessions = new Map<string, NodeJS.Timeout>();
  /** Members that took too long for that: who comes after all has the place, if nobody else has taken it. */
  readonly #late = new Map<string, Member>();
  readonly #sessions = new Map<string, Session>();
  readonly #sessionOfRank = new Map<number, Session>();
  readonly #questions = new Questions();
  readonly #tick: NodeJS.Timeout;
  #startedAt = performance.now();
  #plan: Plan | undefined;
  #beats = 0;
  #note = "";

  constructor(options: JobOptions) {
    this.#expected = options;
    this.#options = { ...liveness, ...options };
    this.#membership = new Membership(options);
    this.#settlement = new Settlement(options, {
      broadcast: (message) => this.#broadcast(message),
      now: () => this.#now(),
      isSilent: (rank) => (this.#sessionOfRank.get(rank)?.silent ?? 0) > 1.5 * ticksPerHeartbeat,
    });
    this.#tick = setInterval(() => this.#onTick(), this.#options.heartbeatMs / ticksPerHeartbeat).unref();
  }

  /** How the job ended. */
  get done(): Promise<Verdict> {
    return this.#settlement.done;
  }

  #now(): number {
    return performance.now() - this.#startedAt;
  }

  join(request: JoinRequest, peer: string | undefined): JoinReply {
    if (this.#settlement.ending) throw new ControlError("ERR_LAUNCH_MISMATCH", `${request.hostName} comes too late: the job has ended`);
    try {
      if (!/^[\w-]{8,64}$/.test(request.member)) throw new ControlError("ERR_CONTROL_MALFORMED", `${request.hostName} has no member id`);
      this.#membership.add({ id: request.member, request, peer });
    } catch (error) {
      this.#note = error instanceof Error ? error.message : String(error);
      this.#tellWaiting();
      throw error;
    }
    if (!this.#sessions.has(request.member) && !this.#expectedSessions.has(request.member))
      this.#expectedSessions.set(
        request.member,
        unrefTimeout(() => {
          this.#late.set(request.member, { id: request.member, request, peer });
          this.#withdraw(request.member, "joined and opened no session");
        }, timeouts.sessionMs),
      );
    const { heartbeatMs, lostAfterMs } = this.#options;
    return { heartbeatMs, lostAfterMs };
  }

  /** A member that goes before the start frees its place. */
  #withdraw(id: string, how: string): void {
    clearTimeout(this.#expectedSessions.get(id));
    this.#expectedSessions.delete(id);
    this.#note = `${this.#membership.nameOf(id)} ${how}`;
    this.#membership.remove(id);
    this.#tellWaiting();
  }

  /** An agent's session begins. @throws ControlError for a member that has not joined, or came late and finds its place taken. */
  open(id: string, port: AgentPort): { receive(message: AgentMessage): void; broken(how: string): void } {
    const [timer, late] = [this.#expectedSessions.get(id), this.#late.get(id)];
    if (!timer && !late) throw new ControlError("ERR_LAUNCH_MISMATCH", "a session needs a Join before it, and there is one per Join");
    if (late) {
      this.#membership.add(late);
      this.#note = "";
    }
    clearTimeout(timer);
    this.#expectedSessions.delete(id);
    this.#late.delete(id);
    const session: Session = { id, name: this.#membership.member(id)!.request.hostName, port, silent: 0, heardAt: this.#now(), left: false, ranks: [] };
    this.#sessions.set(id, session);
    if (this.#membership.complete && this.#expectedSessions.size === 0) this.#start();
    else this.#tellWaiting();
    return {
      receive: (message) => this.#receive(session, message),
      broken: (how) => this.#gone(session, how),
    };
  }

  #start(): void {
    const plan = this.#membership.plan();
    this.#plan = plan;
    this.#startedAt = performance.now();
    this.#settlement.begin(plan.worldSize);
    for (const session of this.#sessions.values()) {
      const { host, ranks } = plan.places.get(session.id)!;
      session.ranks = ranks;
      session.heardAt = 0;
      for (const rank of ranks) this.#sessionOfRank.set(rank, session);
      session.port.send({ start: { worldSize: plan.worldSize, host, hosts: plan.hosts, ranks } });
    }
  }

  #tellWaiting(): void {
    if (this.#plan || this.#settlement.finished) return;
    const { hosts } = this.#expected;
    const joined = this.#membership.names;
    const missing = this.#membership.missing;
    const text = `${joined.length} of ${hosts} joined (${joined.join(", ") || "nobody"}); awaited: ${missing}${this.#note ? `; ${this.#note}` : ""}`;
    this.#broadcast({ waiting: { hosts, joined, text } });
  }

  #broadcast(message: CoordinatorMessage): void {
    for (const session of this.#sessions.values()) session.port.send(message);
  }

  readonly #handlers: { readonly [K in keyof AgentMessage]-?: (session: Session, message: NonNullable<AgentMessage[K]>) => void } = {
    heartbeat: () => {},
    failure: (session, { rank, error, ageUs }) => {
      this.#own(session, rank);
      const report = error ?? { name: "Error", message: "", code: "", stack: "", ranks: [] };
      this.#settlement.failed(this.#settlement.log.error(rank, session.name, report, this.#now() - ageUs / 1000));
      this.#settlement.settle();
    },
    exit: (session, { rank, signal, stderrTail, ageUs, ...rest }) => {
      this.#own(session, rank);
      const atMs = this.#now() - ageUs / 1000;
      const news = { ...rest, rank, host: session.name, signal: signal || undefined, stderrTail: stderrTail || undefined, atMs };
      this.#settlement.ended(rank);
      const failure = this.#settlement.log.exit(news);
      if (failure) this.#settlement.failed(failure);
      this.#settlement.settle();
    },
    stall: (session, stall) => {
      this.#own(session, stall.rank);
      this.#settlement.waits.told(stall, this.#now());
      for (const other of this.#sessions.values()) if (other !== session) other.port.send({ stall });
    },
    fault: (session, { rank, fault }) => {
      this.#own(session, rank);
      const told = faultFromMessage(fault);
      // A group that somebody closed or ended on purpose is that program's business.
      if (told.code !== "ERR_GROUP_CLOSED" && told.code !== "ERR_COLLECTIVE_ABORTED") this.abort(told);
    },
    stop: (session, { reason }) => this.stop(reason || `${session.name} was asked to stop`),
    abort: (_session, { fault }) => this.abort(faultFromMessage(fault)),
    question: ({ port }, question) => {
      const owner = this.#sessionOfRank.get(question.rank);
      this.#questions.ask(question, port, owner && { ...owner, ended: this.#settlement.hasEnded(question.rank) });
    },
    answer: (session, answer) => {
      this.#own(session, answer.rank);
      this.#questions.answer(answer);
    },
    leave: (session) => {
      session.left = true;
      this.#gone(session, "left before its workers had ended");
    },
  };

  #receive(session: Session, message: AgentMessage): void {
    if (this.#sessions.get(session.id) !== session) return;
    session.silent = 0;
    session.heardAt = this.#now();
    // A message of a later version is no message to this one.
    const told = body(message);
    try {
      if (told) (this.#handlers[told[0]] as (s: Session, m: unknown) => void)(session, told[1]);
    } catch (error) {
      if (!(error instanceof ControlError)) throw error;
      this.#gone(session, error.message);
      session.port.end(error);
    }
  }

  #own(session: Session, rank: number): void {
    if (!session.ranks.includes(rank)) throw new ControlError("ERR_CONTROL_MALFORMED", `${session.name} speaks of rank ${rank}, which is not its own`);
  }

  /** atMs: when it was seen last, where that was before now. */
  #gone(session: Session, how: string, atMs = this.#now()): void {
    if (this.#sessions.get(session.id) !== session) return;
    this.#sessions.delete(session.id);
    const { finished, log } = this.#settlement;
    if (!this.#plan) {
      if (!finished) this.#withdraw(session.id, session.left ? "left before the start" : how);
      return;
    }
    const known = this.#membership.member(session.id)?.request.known !== undefined;
    const running = session.ranks.filter((rank) => !this.#settlement.hasEnded(rank));
    for (const rank of running) this.#settlement.ended(rank);
    // Under another launcher a worker that leaves is done; what it ended with is that launcher's business.
    if (running.length > 0 && !finished && !(known && session.left))
      this.#settlement.failed(log.lost(known ? "worker lost" : "host lost", session.name, running, how, atMs));
    this.#settlement.settle();
  }

  #onTick(): void {
    this.#beats++;
    if (this.#beats % ticksPerHeartbeat === 0) this.#broadcast({ heartbeat: { number: this.#beats / ticksPerHeartbeat } });
    const limit = (this.#options.lostAfterMs / this.#options.heartbeatMs) * ticksPerHeartbeat;
    for (const session of [...this.#sessions.values()]) {
      if (++session.silent < limit) continue;
      const how = `nothing was heard of it for ${(this.#options.lostAfterMs / 1000).toFixed(1)} s: the host is down or cut off`;
      this.#gone(session, how, session.heardAt);
      session.port.end(new ControlError("ERR_CONTROL_TIMEOUT", `${session.name}: ${how}`));
    }
  }

  /** Asks all workers for a clean stop. */
  stop(reason: string): void {
    if (this.#settlement.finished) return;
    this.#settlement.log.stop(reason);
    this.#broadcast({ stop: { reason } });
  }

  /** Ends all workers. */
  abort(fault: CollectiveFault): void {
    this.#settlement.abort(fault);
  }

  /** Gives the verdict if there is none, closes all sessions. quietly: the workers go on without a coordinator. */
  close(quietly = false): void {
    if (this.#plan && !quietly && !this.#settlement.complete)
      this.abort({ code: "ERR_PEER_LOST", message: "the coordinator was closed before the job's end", ranks: [] });
    this.#settlement.finish();
    clearInterval(this.#tick);
    for (const timer of this.#expectedSessions.values()) clearTimeout(timer);
    this.#questions.close();
    for (const session of this.#sessions.values()) session.port.end();
    this.#sessions.clear();
  }
}
