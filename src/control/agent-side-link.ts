// The agent's end of one worker's socket.
import type { Duplex } from "node:stream";
import type { CollectiveFault } from "../distributed/errors.js";
import { AgentEnd, type AgentSideEvents, type AgentSideOptions } from "./agent-end.js";
import { ControlError, messageOf } from "./errors.js";
import { encodeFrame, FrameReader } from "./frames.js";

export type { AgentSideEvents, AgentSideOptions } from "./agent-end.js";

export class AgentSideLink {
  /** Resolves when the worker's end is closed and all that it has sent was told: a worker's exit is to be reported after it. */
  readonly closed: Promise<void>;
  readonly #socket: Duplex;
  readonly #end: AgentEnd;
  readonly #unsent: Buffer[] = [];

  constructor(socket: Duplex, options: AgentSideOptions) {
    const { rank } = options;
    this.#socket = socket;
    let error: ControlError | undefined;
    // Before anything else: an unheard error would end the process.
    socket.on("error", (cause) => {
      if (cause instanceof ControlError) error = cause;
    });
    this.#end = new AgentEnd((frame) => this.#later(encodeFrame("AgentFrame", frame)), options);
    const reader = new FrameReader("WorkerFrame", `worker ${rank}`);
    socket.on("data", (chunk: Buffer) => {
      try {
        for (const frame of reader.push(chunk)) this.#end.receive(frame);
      } catch (cause) {
        socket.destroy(cause instanceof ControlError ? cause : new ControlError("ERR_CONTROL_INTERNAL", `worker ${rank}: ${messageOf(cause)}`, { cause }));
      }
    });
    // The worker has no more to say; it may be dead.
    socket.on("end", () => socket.destroy());
    this.closed = new Promise((resolve) => {
      socket.on("close", () => {
        this.#end.end(error);
        resolve();
      });
    });
  }

  /** Frames are written two turns of the event loop later: a write to a worker that has died destroys the socket with all that is unread, and its last words are read by then. */
  #later(frame: Buffer): void {
    this.#unsent.push(frame);
    if (this.#unsent.length > 1) return;
    setImmediate(() =>
      setImmediate(() => {
        for (const bytes of this.#unsent.splice(0)) if (this.#socket.writable) this.#socket.write(bytes);
      }),
    );
  }

  /** What the worker said last of where it is. */
  get progress(): { readonly step?: number; readonly epoch?: number } {
    return this.#end.progress;
  }

  /** Returns what takes the listener away. */
  on<K extends keyof AgentSideEvents>(event: K, listener: AgentSideEvents[K]): () => void {
    return this.#end.on(event, listener);
  }

  stop(reason: string): void {
    this.#end.stop(reason);
  }
  abort(fault: CollectiveFault): void {
    this.#end.abort(fault);
  }

  close(): void {
    this.#socket.destroy();
  }
}
