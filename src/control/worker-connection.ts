// A worker's side of the line to its agent, over any port of frames: store calls by number, news that is kept for late listeners, events outwards.
import type { CollectiveFault } from "../distributed/errors.js";
import { CollectiveError } from "../distributed/errors.js";
import type { Store, StoreOptions } from "../distributed/store.js";
import { body } from "./codec.js";
import { isolate } from "./emitter.js";
import { ControlError, errorFromReport, faultFromMessage, faultToMessage } from "./errors.js";
import type { Assignment, LinkEvents, WorkerEvent, WorkerLink } from "./link.js";
import type { AgentFrame, StoreReply, StoreRequest, WorkerFrame } from "./messages.js";
import { storeTimeout } from "./remote-store.js";

/** What carries frames: a socket, or a message port to the control thread. */
export interface FramePort {
  /** What is sent to an end that is gone is lost; that it is gone is told by WorkerConnection.lost, after what it has said before. */
  send(frame: WorkerFrame): void;
  /** While something is awaited the process must not end. */
  ref(): void;
  unref(): void;
}

type News = { readonly [K in keyof LinkEvents]: readonly [K, ...Parameters<LinkEvents[K]>] }[keyof LinkEvents];

interface Pending {
  readonly resolve: (reply: StoreReply) => void;
  readonly reject: (error: unknown) => void;
  readonly wait: boolean;
}

const progressMs = 250;

export class WorkerConnection {
  readonly #port: FramePort;
  readonly #timeoutMs: number;
  readonly #pending = new Map<number, Pending>();
  readonly #news: News[] = [];
  readonly #hearers = new Set<(news: News) => void>();
  #welcome: { readonly resolve: (assignment: Assignment) => void; readonly reject: (error: unknown) => void } | undefined;
  #assignment: Assignment | undefined;
  #call = 0;
  #refs = 0;
  #progressDue = Number.NEGATIVE_INFINITY;
  #gone: ControlError | undefined;
  #abort: CollectiveFault | undefined;

  constructor(port: FramePort, options: { readonly storeTimeoutMs: number }) {
    this.#port = port;
    this.#timeoutMs = options.storeTimeoutMs;
  }

  get assignment(): Assignment {
    return this.#assignment!;
  }

  #hold(): () => void {
    if (this.#refs++ === 0) this.#port.ref();
    return () => {
      if (--this.#refs === 0) this.#port.unref();
    };
  }

  /** Resolves when the agent has said who this worker is. */
  async welcomed(timeoutMs: number): Promise<void> {
    if (this.#assignment) return;
    const release = this.#hold();
    let timer: NodeJS.Timeout | undefined;
    try {
      this.#assignment = await new Promise<Assignment>((resolve, reject) => {
        this.#welcome = { resolve, reject };
        if (this.#gone) reject(this.#gone);
        timer = setTimeout(
          () =>
            reject(
              new ControlError(
                "ERR_CONTROL_TIMEOUT",
                `the launcher did not tell this worker its place within ${Math.round(timeoutMs / 1000)} s: other hosts may be missing`,
              ),
            ),
          timeoutMs,
        );
      });
    } finally {
      clearTimeout(timer);
      this.#welcome = undefined;
      release();
    }
  }

  receive(frame: AgentFrame): void {
    const told = body(frame);
    if (told) (this.#handlers[told[0]] as (m: unknown) => void)(told[1]);
  }

  readonly #handlers: { readonly [K in keyof AgentFrame]-?: (message: NonNullable<AgentFrame[K]>) => void } = {
    welcome: (assignment) => {
      this.#assignment ??= assignment;
      this.#welcome?.resolve(assignment);
    },
    stop: ({ reason }) => this.#tell(["stop", reason]),
    abort: ({ fault }) => this.#end(faultFromMessage(fault)),
    store: (reply) => {
      const pending = this.#pending.get(reply.id);
      if (!pending) return;
      this.#pending.delete(reply.id);
      if (reply.error) pending.reject(errorFromReport(reply.error));
      else pending.resolve(reply);
    },
  };

  #tell(news: News): void {
    this.#news.push(news);
    for (const hear of [...this.#hearers]) isolate(() => hear(news));
  }

  /** The job ends: waits for keys that others would set end with its reason. */
  #end(fault: CollectiveFault): void {
    this.#abort ??= fault;
    for (const [id, pending] of [...this.#pending]) {
      if (!pending.wait) continue;
      this.#pending.delete(id);
      pending.reject(new CollectiveError(fault));
    }
    this.#tell(["abort", fault]);
  }

  /** The other end is gone, or sent what cannot be read. */
  lost(error: ControlError): void {
    if (this.#gone) return;
    this.#gone = error;
    this.#welcome?.reject(error);
    for (const pending of this.#pending.values()) pending.reject(error);
    this.#pending.clear();
    if (!this.#abort) this.#end({ code: "ERR_PEER_LOST", message: error.message, ranks: [] });
  }

  send(frame: WorkerFrame): void {
    if (!this.#gone) this.#port.send(frame);
  }

  async #request(
    operation: Omit<StoreRequest, "id">,
    key: string,
    options: { readonly timeoutMs?: number; readonly signal?: AbortSignal | undefined; readonly wait: boolean },
  ): Promise<StoreReply> {
    const { timeoutMs = this.#timeoutMs, signal, wait } = options;
    signal?.throwIfAborted();
    if (this.#gone) throw this.#gone;
    if (wait && this.#abort) throw new CollectiveError(this.#abort);
    const id = ++this.#call;
    const release = this.#hold();
    let timer: NodeJS.Timeout | undefined;
    let cancel: (() => void) | undefined;
    try {
      return await new Promise<StoreReply>((resolve, reject) => {
        this.#pending.set(id, { resolve, reject, wait });
        const giveUp = (error: unknown): void => {
          this.#pending.delete(id);
          this.send({ cancel: { id } });
          reject(error);
        };
        // The agent has the same deadline; this one is for an agent that is stopped.
        timer = setTimeout(() => giveUp(storeTimeout(key, timeoutMs)), Math.min(timeoutMs + 1000, 2 ** 31 - 1));
        cancel = () => giveUp(signal!.reason);
        signal?.addEventListener("abort", cancel, { once: true });
        this.#port.send({ store: { id, ...operation } });
      });
    } finally {
      this.#pending.delete(id);
      clearTimeout(timer);
      if (cancel) signal?.removeEventListener("abort", cancel);
      release();
    }
  }

  readonly store: Store = {
    set: async (key, value) => {
      await this.#request({ set: { key, value } }, key, { wait: false });
    },
    get: async (key, { timeoutMs = this.#timeoutMs, signal }: StoreOptions = {}) => {
      const waitMs = Math.min(2 ** 32 - 1, Math.max(0, Math.ceil(timeoutMs)));
      return Uint8Array.from((await this.#request({ get: { key, waitMs } }, key, { timeoutMs, signal, wait: true })).value);
    },
    add: async (key, amount) => (await this.#request({ add: { key, amount } }, key, { wait: false })).number,
    delete: async (key) => {
      await this.#request({ delete: { key } }, key, { wait: false });
    },
  };

  /** The agent hears of progress a few times per second; last words hold the exact step. */
  #progressIsDue(): boolean {
    const now = performance.now();
    if (now < this.#progressDue) return false;
    this.#progressDue = now + progressMs;
    return true;
  }

  /** A user's own view: its listeners, its close. */
  link(onEvent: (event: WorkerEvent) => void = () => {}): WorkerLink {
    const off = new Set<() => void>();
    const close = async (): Promise<void> => {
      for (const remove of [...off]) remove();
    };
    return {
      assignment: this.assignment,
      store: this.store,
      send: (event) => {
        onEvent(event);
        if (event.kind !== "progress" || this.#progressIsDue()) this.send(frameOf(event));
      },
      on: (event, listener) => {
        const hear = ([name, ...args]: News): void => {
          if (name === event) (listener as (...a: unknown[]) => void)(...args);
        };
        const remove = (): void => {
          off.delete(remove);
          this.#hearers.delete(hear);
        };
        off.add(remove);
        // What came before is told after this call has returned, in order with what comes meanwhile.
        queueMicrotask(() => {
          if (!off.has(remove)) return;
          this.#hearers.add(hear);
          for (const news of [...this.#news]) isolate(() => hear(news));
        });
        return remove;
      },
      close,
      [Symbol.asyncDispose]: close,
    };
  }
}

const frames: { readonly [K in WorkerEvent["kind"]]: (event: Extract<WorkerEvent, { kind: K }>) => WorkerFrame } = {
  progress: ({ step, epoch }) => ({ progress: { step, epoch } }),
  stalled: ({ waitedMs, collective, waiting, missing, device }) => ({
    stall: { rank: 0, waitedMs: Math.round(waitedMs), collective, waiting, missing, ...(device && { device }) },
  }),
  fault: ({ fault }) => ({ fault: faultToMessage(fault) }),
  stopping: ({ step, saved }) => ({ stopping: { step, ...(saved ? { saved } : {}) } }),
};
const frameOf = (event: WorkerEvent): WorkerFrame => (frames[event.kind] as (e: WorkerEvent) => WorkerFrame)(event);
