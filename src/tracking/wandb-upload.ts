// A W&B run on its way to the server: what waits, what was taken, and how it goes on after trouble. Lines have numbers, so sending them again does no harm.
import { TrackingError } from "./tracker.js";
import { jsonText } from "./values.js";
import { type Before, readBefore, wrapped } from "./wandb-before.js";
import type { Chunk, RunInput, RunOnServer, StreamRequest, WandbClient } from "./wandb-client.js";

export interface UploadOptions {
  readonly client: WandbClient;
  readonly run: Omit<RunInput, "config">;
  /** What may be there of a run of this name; undefined: nothing, the name is new. */
  readonly resume: "allow" | "must" | "never" | undefined;
  /** How long lines wait for others to go with them, in milliseconds. */
  readonly flushMs: number;
  /** A sign of life after so many milliseconds without lines. */
  readonly heartbeatMs: number;
  /** The server has the run. `before`: what it had of it. */
  readonly onConnected: (run: RunOnServer, before: Before | undefined) => void;
  /** The server refuses, or is too slow for what comes: nothing more is sent. */
  readonly onRefused: (error: TrackingError) => void;
}

/** Of one request and one line, as W&B's client keeps to them. */
const limits = { request: 10 << 20, line: (10 << 20) - (100 << 10) } as const;
/** What waits while the server does not take it, in characters. */
const maxWaiting = 64 << 20;
const fileNames = { history: "wandb-history.jsonl", output: "output.log" } as const;
const summaryName = "wandb-summary.json";
type Stream = keyof typeof fileNames;
const streams: readonly Stream[] = ["history", "output"];

/** Lines that the server does not have yet. */
class Queue {
  offset = 0;
  #lines: string[] = [];
  get length(): number {
    return this.#lines.length;
  }
  push(line: string): void {
    this.#lines.push(line);
  }
  /** As many of the first lines as go into a request with so much room; one at least when it is empty. */
  peek(room: number, empty: boolean): Chunk | undefined {
    let [count, size] = [0, 0];
    for (const line of this.#lines) {
      size += line.length;
      if (size > room && !(empty && count === 0)) break;
      count++;
    }
    return count === 0 ? undefined : { offset: this.offset, content: this.#lines.slice(0, count) };
  }
  taken(count: number): void {
    this.#lines.splice(0, count);
    this.offset += count;
  }
}
const sizeOf = (chunk: Chunk | undefined): number => chunk?.content.reduce((sum, line) => sum + line.length, 0) ?? 0;

export class WandbUpload {
  readonly #options: UploadOptions;
  readonly #queues: Readonly<Record<Stream, Queue>> = { history: new Queue(), output: new Queue() };
  readonly #abort = new AbortController();
  #waiting = 0;
  #config: Readonly<Record<string, unknown>> = {};
  #configBefore: Readonly<Record<string, unknown>> = {};
  #configSent = false;
  #summary: (() => string) | undefined;
  #exit: number | undefined;
  #run: RunOnServer | undefined;
  #off = false;
  #working: Promise<void> | undefined;
  #flush: NodeJS.Timeout | undefined;
  #beat: NodeJS.Timeout | undefined;

  constructor(options: UploadOptions) {
    this.#options = options;
  }

  /** Whether anything waits that the server has not taken. */
  get unsent(): boolean {
    return streams.some((name) => this.#queues[name].length > 0) || this.#exit !== undefined;
  }

  /** Begins to speak to the server, and returns when it has the run or after so many milliseconds. */
  async start(waitMs: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const enough = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, waitMs);
    });
    await Promise.race([this.#work(), enough]);
    clearTimeout(timer);
  }
  /** Adds to the configuration of the run. */
  config(values: Readonly<Record<string, unknown>>): void {
    this.#config = { ...this.#config, ...values };
    this.#configSent = false;
    this.#soon();
  }
  /** A line, and where the summary that it belongs to is to be had from. @throws TrackingError for a line that W&B would not take. */
  line(stream: Stream, text: string, summary?: () => string): void {
    if (this.#off) return;
    if (text.length > limits.line)
      throw new TrackingError("ERR_TRACKER", `a line of ${text.length} characters is more than W&B takes`, { hint: "log less at once" });
    this.#queues[stream].push(text);
    this.#waiting += text.length;
    if (summary) this.#summary = summary;
    if (this.#waiting > maxWaiting)
      this.#refused(
        new TrackingError("ERR_TRACKER", `${this.#waiting >> 20} MiB wait for the W&B server`, { hint: "log less often, or use a server that is nearer" }),
      );
    else this.#soon();
  }

  /** Sends what is left and that the run has ended. Returns after so many milliseconds at most; `unsent` tells whether the server has it all. */
  async finish(exitCode: number, deadlineMs: number): Promise<void> {
    if (this.#off) return;
    this.#exit = exitCode;
    const deadline = setTimeout(() => this.#abort.abort(), deadlineMs);
    this.#options.client.hurry();
    try {
      // Work that was under way has not seen the end of the run.
      await this.#working;
      await this.#work();
    } finally {
      clearTimeout(deadline);
      this.#stop();
    }
  }

  #soon(): void {
    if (this.#off || this.#exit !== undefined || this.#working) return;
    this.#flush ??= setTimeout(() => void this.#work(), this.#options.flushMs).unref();
  }
  /** Does all there is to do. Never rejects. */
  #work(): Promise<void> {
    clearTimeout(this.#flush);
    this.#flush = undefined;
    this.#working ??= this.#all()
      .catch((error: unknown) => {
        // Aborted by finish: what is unsent is told there.
        if (!this.#abort.signal.aborted) this.#refused(error);
      })
      .finally(() => {
        this.#working = undefined;
        if (streams.some((name) => this.#queues[name].length > 0) || !this.#configSent) this.#soon();
      });
    return this.#working;
  }
  async #all(): Promise<void> {
    if (this.#off) return;
    const { client } = this.#options;
    const { signal } = this.#abort;
    this.#run ??= await this.#connect(signal);
    while (!this.#configSent) await this.#upsert(signal);
    for (let request = this.#next(); request; request = this.#next()) {
      await client.stream(this.#run, request, signal);
      this.#taken(request);
    }
    this.#beatLater();
  }

  async #connect(signal: AbortSignal): Promise<RunOnServer> {
    const { client, run, resume, onConnected } = this.#options;
    const before = resume === undefined ? undefined : await client.before(run, signal);
    if (before && resume === "never")
      throw new TrackingError("ERR_TRACKER", `there is a run ${run.name} already, and resume is "never"`, { hint: 'give another id, or resume: "allow"' });
    if (!before && resume === "must")
      throw new TrackingError("ERR_TRACKER", `there is no run ${run.name} to go on with, and resume is "must"`, {
        hint: 'check the id, or give resume: "allow"',
      });
    const known = before && readBefore(before);
    this.#configBefore = known?.config ?? {};
    const made = await this.#upsert(signal);
    this.#queues.history.offset = Math.max(before?.historyLineCount ?? 0, made.historyLineCount ?? 0);
    this.#queues.output.offset = before?.logLineCount ?? 0;
    onConnected(made, known);
    return made;
  }
  async #upsert(signal: AbortSignal): Promise<RunOnServer> {
    this.#configSent = true;
    const config = jsonText(wrapped({ ...this.#configBefore, ...this.#config }));
    return this.#options.client.upsert({ ...this.#options.run, config }, signal);
  }

  /** The next request; undefined when the server has everything. The end of the run goes with the last lines. */
  #next(): StreamRequest | undefined {
    const { history, output } = this.#queues;
    const lines = history.peek(limits.request, true);
    const text = output.peek(limits.request - sizeOf(lines), lines === undefined);
    const summary = this.#summary?.();
    const all = (lines?.content.length ?? 0) === history.length && (text?.content.length ?? 0) === output.length;
    const ends = all && this.#exit !== undefined;
    if (!lines && !text && summary === undefined && !ends) return undefined;
    this.#summary = undefined;
    return {
      files: {
        ...(lines && { [fileNames.history]: lines }),
        ...(text && { [fileNames.output]: text }),
        // One line that is written anew each time.
        ...(summary !== undefined && summary.length <= limits.line && { [summaryName]: { offset: 0, content: [summary] } }),
      },
      ...(ends && { complete: true, exitcode: this.#exit! }),
    };
  }
  #taken({ files = {}, complete }: StreamRequest): void {
    for (const name of streams) {
      const chunk = files[fileNames[name]];
      this.#queues[name].taken(chunk?.content.length ?? 0);
      this.#waiting -= sizeOf(chunk);
    }
    if (complete) {
      this.#exit = undefined;
      this.#stop();
    }
  }

  #beatLater(): void {
    clearTimeout(this.#beat);
    if (this.#off || this.#exit !== undefined) return;
    this.#beat = setTimeout(() => void this.#sign(), this.#options.heartbeatMs).unref();
  }
  /** A sign of life, unless lines are on their way. */
  async #sign(): Promise<void> {
    const run = this.#run;
    if (!this.#working && run && !this.#off) {
      this.#working = this.#options.client
        .stream(run, {}, this.#abort.signal)
        .catch((error: unknown) => {
          if (!this.#abort.signal.aborted) this.#refused(error);
        })
        .finally(() => {
          this.#working = undefined;
          if (streams.some((name) => this.#queues[name].length > 0)) this.#soon();
        });
      await this.#working;
    }
    this.#beatLater();
  }

  #refused(error: unknown): void {
    if (this.#off) return;
    this.#stop();
    this.#options.onRefused(error instanceof TrackingError ? error : new TrackingError("ERR_TRACKER", String(error), { cause: error }));
  }
  #stop(): void {
    this.#off = true;
    clearTimeout(this.#flush);
    clearTimeout(this.#beat);
    this.#abort.abort();
  }
}
