// Workers that end their loops at different times: those that are done do along what the others still do.
import { isDeepStrictEqual } from "node:util";
import type { CollectiveOptions, ProcessGroup } from "../../distributed/index.js";
import { AccelerateError, ArgumentError } from "../../errors.js";
import type { ExchangeOperation } from "../gradients/operations.js";

/** What a worker tells the others before it does anything with them. */
type News =
  | ExchangeOperation
  /** A call of the program's to the others. */
  | { readonly op: "call"; readonly purpose: string; readonly site?: string | undefined }
  /** Its loop is over. */
  | { readonly op: "joined" }
  /** Its loop has failed. */
  | { readonly op: "failed"; readonly message: string };

const describe = (news: News): string => {
  if (news.op === "call") return `calls ${news.purpose}${news.site ? ` at ${news.site}` : ""}`;
  return {
    step: "makes a step",
    norm: "clips a norm",
    scale: "clips a norm",
    clamp: "clips values",
    read: "reads a gradient",
    joined: "has no batches left",
    failed: "has failed",
  }[news.op];
};
/** Rates may differ between programs, as they may outside of a block. */
const comparable = (news: News): unknown => (news.op === "step" ? { ...news, settings: undefined } : news);

export interface JoinContext {
  readonly group: ProcessGroup;
  readonly options: CollectiveOptions;
  /** Does what another worker does, with nothing of this worker's own. */
  readonly carryOut: (operation: ExchangeOperation) => Promise<void>;
  /** Gradients that have been used are forgotten. */
  readonly forgetUsed: () => void;
  /** What workers that were done before take from one that was not. */
  readonly progress: { save(): unknown; load(saved: unknown): void };
  /** Throws if all were asked to stop. */
  readonly check: () => void;
}

/** Inside a block each operation of the exchange, and each call to the others, is told before it is made. */
export class Joining {
  #context: JoinContext | undefined;
  /** This worker's loop is over. */
  #done = false;
  #ended = false;

  get active(): boolean {
    return this.#context !== undefined;
  }
  /** Nothing that this worker does counts any more. */
  get done(): boolean {
    return this.#done;
  }

  /** Before an operation, on every worker: those that are done come along. Outside of a block nothing. @throws AccelerateError ERR_JOIN where they cannot. */
  async announce(news: () => News): Promise<void> {
    if (!this.#context || this.#done) return;
    await this.#tell(news());
  }

  /** Runs the body; resolves when those of all workers are over. */
  async run<V>(context: JoinContext, body: () => V | Promise<V>): Promise<V> {
    if (this.#context) throw new ArgumentError("joinUnevenInputs inside joinUnevenInputs", { code: "ERR_JOIN", hint: "one block holds the whole loop" });
    this.#context = context;
    this.#done = false;
    this.#ended = false;
    try {
      let value: V;
      try {
        value = await body();
      } catch (error) {
        await this.#fail(error);
        throw error;
      }
      await this.#followOthers();
      return value;
    } finally {
      this.#context = undefined;
      this.#done = false;
    }
  }

  async #followOthers(): Promise<void> {
    const { group, options, carryOut, forgetUsed, progress } = this.#context!;
    /** One of those that were busy for longest. */
    let last: number | undefined;
    for (;;) {
      forgetUsed();
      const all = await this.#tell({ op: "joined" });
      const busy = all.findIndex(({ op }) => op !== "joined");
      if (busy < 0) break;
      last = busy;
      this.#done = true;
      await carryOut(all[busy] as ExchangeOperation);
    }
    const lasts = await group.allGatherObject(last, options);
    const from = lasts.find((rank) => rank !== undefined);
    if (from === undefined) return;
    const saved = await group.broadcastObject(group.rank === from ? progress.save() : undefined, from, options);
    if (this.#done) progress.load(saved);
  }

  /** The others do not wait for a worker that has failed. */
  async #fail(error: unknown): Promise<void> {
    if (this.#ended) return;
    const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    // The body's own error is the one to be seen, also where the others cannot be told.
    await this.#tell({ op: "failed", message }).catch(() => {});
  }

  async #tell(mine: News): Promise<readonly News[]> {
    const { group, options, check } = this.#context!;
    const all = (await group.allGatherObject(mine, options)) as readonly News[];
    const failed = all.findIndex(({ op }) => op === "failed");
    const first = all.find(({ op }) => op !== "joined");
    const joined = all.findIndex(({ op }) => op === "joined");
    const other = all.findIndex((news) => news.op !== "joined" && !isDeepStrictEqual(comparable(news), comparable(first!)));
    const refuse = (code: string, message: string, hint: string): never => {
      this.#ended = true;
      throw new AccelerateError(code, `joinUnevenInputs: ${message}`, { hint });
    };
    if (failed >= 0) {
      this.#ended = true;
      check();
      refuse("ERR_PEER_FAILED", `rank ${failed} has failed (${(all[failed] as { message: string }).message})`, `see the error of rank ${failed}`);
    }
    if (other >= 0)
      refuse(
        "ERR_JOIN",
        `rank ${all.indexOf(first!)} ${describe(first!)}, rank ${other} ${describe(all[other]!)}`,
        "every worker that has batches must make the same calls in the same order",
      );
    if (first?.op === "call" && joined >= 0)
      refuse(
        "ERR_JOIN",
        `rank ${all.indexOf(first)} ${describe(first)}, which rank ${joined} cannot join in: it has no batches left`,
        "inside the block only steps, clipping and gradients are joined in; gather behind it",
      );
    return all;
  }
}
