// All writes of a worker to its agent go through one synchronous queue per descriptor, so that the last words of a dying process begin at the border of a frame.
import { writeSync } from "node:fs";

/** Between two tries while the agent does not read. */
const retryMs = 2;
/** For last words. */
const flushMs = 2000;

const codeOf = (error: unknown): unknown => (error as { code?: unknown } | undefined)?.code;

export class FrameWriter {
  readonly #fd: number;
  #queue: Buffer[] = [];
  #timer: NodeJS.Timeout | undefined;
  #broken = false;

  constructor(fd: number) {
    this.#fd = fd;
  }

  /** Queues a frame and writes what the socket takes at once. Nothing happens when the agent is gone. */
  write(frame: Buffer): void {
    if (this.#broken) return;
    this.#queue.push(frame);
    this.#drain();
  }

  /** Waits, blocking, until all is written; for a process that dies. */
  flush(): void {
    const end = performance.now() + flushMs;
    while (this.#queue.length > 0 && !this.#broken && performance.now() < end) {
      this.#drain();
      if (this.#queue.length > 0) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, retryMs);
    }
  }

  #drain(): void {
    try {
      while (this.#queue.length > 0) {
        const [frame] = this.#queue as [Buffer, ...Buffer[]];
        const written = writeSync(this.#fd, frame);
        if (written === frame.length) this.#queue.shift();
        else this.#queue[0] = frame.subarray(written);
      }
    } catch (error) {
      if (codeOf(error) === "EAGAIN") {
        // Holds the process until it is written: what was sent last is to arrive.
        this.#timer ??= setTimeout(() => {
          this.#timer = undefined;
          this.#drain();
        }, retryMs);
        return;
      }
      // EPIPE, EBADF: the agent is gone; the reading side says so.
      this.#broken = true;
      this.#queue = [];
    }
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#broken = true;
    this.#queue = [];
  }
}
