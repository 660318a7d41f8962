// What an agent does for one worker, over whatever carries the frames: gives the assignment and the store, hears events and last words, sends stop and abort.
import type { CollectiveFault } from "../distributed/errors.js";
import type { Store } from "../distributed/store.js";
import { body } from "./codec.js";
import { Emitter } from "./emitter.js";
import { ControlError, errorReport, faultFromMessage, faultToMessage } from "./errors.js";
import { deviceStages } from "../distributed/assignment.js";
import type { Assignment, WorkerEvent } from "./link.js";
import type { AgentFrame, ErrorReport, StoreReply, StoreRequest, WorkerFrame } from "./messages.js";

export interface AgentSideOptions {
  /** For messages. */
  readonly rank: number;
  /** May come later than the worker. */
  readonly assignment: Assignment | Promise<Assignment>;
  readonly store: Store | Promise<Store>;
}

export interface AgentSideEvents {
  event: (event: WorkerEvent) => void;
  /** The worker's last words: it is about to end. */
  failure: (report: ErrorReport) => void;
  /** Its end is closed, in order or because it died; with an error if it sent what is no message. Comes after all that it has sent. */
  closed: (error: ControlError | undefined) => void;
}

/** Store calls of one worker that wait at the same time. */
const maxCalls = 4096;

export class AgentEnd {
  readonly #write: (frame: AgentFrame) => void;
  readonly #store: Promise<Store>;
  readonly #events = new Emitter<AgentSideEvents>();
  readonly #calls = new Map<number, AbortController>();
  readonly #rank: number;
  #closed = false;
  #last: { step?: number; epoch?: number } = {};

  /** write: what is sent to a worker that is gone is lost without an error. */
  constructor(write: (frame: AgentFrame) => void, { rank, assignment, store }: AgentSideOptions) {
    this.#write = write;
    this.#rank = rank;
    this.#store = Promise.resolve(store);
    // Each call that needs the store hears of its failure, and whoever made the assignment of that one's.
    this.#store.catch(() => {});
    Promise.resolve(assignment).then(
      (welcome) => this.send({ welcome }),
      () => {},
    );
  }

  get progress(): { readonly step?: number; readonly epoch?: number } {
    return this.#last;
  }

  on<K extends keyof AgentSideEvents>(event: K, listener: AgentSideEvents[K]): () => void {
    return this.#events.on(event, listener);
  }

  stop(reason: string): void {
    this.send({ stop: { reason } });
  }
  abort(fault: CollectiveFault): void {
    this.send({ abort: { fault: faultToMessage(fault) } });
  }

  send(frame: AgentFrame): void {
    if (!this.#closed) this.#write(frame);
  }

  receive(frame: WorkerFrame): void {
    const told = body(frame);
    if (told) (this.#handlers[told[0]] as (m: unknown) => void)(told[1]);
  }

  readonly #handlers: { readonly [K in keyof WorkerFrame]-?: (message: NonNullable<WorkerFrame[K]>) => void } = {
    progress: ({ step, epoch }) => {
      this.#last = { step, ...(epoch === undefined ? {} : { epoch }) };
      this.#events.emit("event", { kind: "progress", ...this.#last, step });
    },
    stall: ({ rank: _, device: told, ...stall }) => {
      const device = deviceStages.find((stage) => stage === told);
      this.#events.emit("event", { kind: "stalled", ...stall, ...(device && { device }) });
    },
    fault: (fault) => this.#events.emit("event", { kind: "fault", fault: faultFromMessage(fault) }),
    stopping: ({ step, saved }) => this.#events.emit("event", { kind: "stopping", step, ...(saved ? { saved } : {}) }),
    failure: (report) => this.#events.emit("failure", report),
    store: (request) => void this.#serve(request),
    cancel: ({ id }) => this.#calls.get(id)?.abort(),
  };

  async #serve(request: StoreRequest): Promise<void> {
    const { id } = request;
    const cancel = new AbortController();
    let reply: Partial<StoreReply>;
    try {
      if (this.#calls.size >= maxCalls) throw new ControlError("ERR_CONTROL_LIMIT", `worker ${this.#rank} has ${maxCalls} calls of the store waiting`);
      this.#calls.set(id, cancel);
      reply = await this.#perform(await this.#store, request, cancel.signal);
    } catch (error) {
      reply = { error: errorReport(error) };
    }
    if (this.#calls.get(id) === cancel) this.#calls.delete(id);
    if (!cancel.signal.aborted) this.send({ store: { id, value: new Uint8Array(0), number: 0, ...reply } });
  }

  async #perform(store: Store, { set, get, add, delete: remove }: StoreRequest, signal: AbortSignal): Promise<Partial<StoreReply>> {
    if (set) await store.set(set.key, set.value);
    else if (get) return { value: await store.get(get.key, { timeoutMs: get.waitMs, signal }) };
    else if (add) return { number: await store.add(add.key, add.amount) };
    else if (remove) await store.delete(remove.key);
    else throw new ControlError("ERR_CONTROL_MALFORMED", `worker ${this.#rank} asked the store for nothing`);
    return {};
  }

  /** The worker is gone. */
  end(error?: ControlError): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const call of this.#calls.values()) call.abort();
    this.#calls.clear();
    this.#events.emit("closed", error);
  }
}
