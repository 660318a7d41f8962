// The ranks' side of the conformance suite where groups end: mismatches, deadlines, aborts, deaths.
import { setTimeout as sleep } from "node:timers/promises";
import type { CollectiveFault } from "../../src/distributed/errors.js";
import type { ProcessGroup, RankStatus } from "../../src/distributed/process-group.js";
import type { DType } from "../../src/graph/dtype.js";
import type { RankContext } from "../support/ranks.js";
import { blank, connectTo, groupOf, type TaskBase } from "./conformance-tasks.js";

/** What a task that ends in a fault tells. */
export interface FaultReport {
  readonly code: string;
  readonly message: string;
  readonly ranks: readonly number[];
  /** Milliseconds from the call (or from `since`) to the error. */
  readonly ms: number;
  /** When the error came, in milliseconds of the machine's clock. */
  readonly at: number;
  /** The same call once more: its code, and how long it took. */
  readonly again: { readonly code: string; readonly message: string; readonly ms: number };
}

async function faultOf(group: ProcessGroup, call: () => Promise<unknown>): Promise<FaultReport> {
  const started = performance.now();
  const error = await call().then(
    () => {
      throw new Error("the call went through");
    },
    (thrown: Error & CollectiveFault) => thrown,
  );
  const at = Date.now();
  const ms = performance.now() - started;
  if (error.code === undefined) throw error;
  const later = performance.now();
  const again = await group.barrier().then(
    () => ({ code: "none", message: "" }),
    (thrown: Error & CollectiveFault) => thrown,
  );
  return {
    code: error.code,
    message: error.message,
    ranks: error.ranks,
    ms,
    at,
    again: { code: again.code, message: again.message, ms: performance.now() - later },
  };
}

/** The odd rank makes another call than the others. */
export async function mismatch(
  context: RankContext,
  args: TaskBase & { readonly odd: number; readonly difference: "op" | "count" | "dtype" | "reduce" | "root" },
): Promise<FaultReport> {
  const group = await groupOf(context, args);
  await group.barrier();
  const odd = context.rank === args.odd;
  const data = (length: number, dtype: DType = "float32") => blank(dtype, length);
  const site = odd ? "train.ts:52:5" : "train.ts:40:3";
  const calls: Readonly<Record<typeof args.difference, () => Promise<void>>> = {
    op: () => (odd ? group.allGather(data(8, "int32"), data(8 * context.size, "int32"), { site }) : group.allReduce(data(1), "sum", { site })),
    count: () => group.allReduce(data(odd ? 200_000 : 100_000), "sum", { site }),
    dtype: () => group.allReduce(data(4, odd ? "int32" : "float32"), "sum", { site }),
    reduce: () => group.allReduce(data(4), odd ? "max" : "sum", { site }),
    root: () => group.broadcast(data(4), odd ? 1 : 0, { site }),
  };
  return faultOf(group, calls[args.difference]);
}

/** All ranks but one wait; that one does what `act` says. */
export async function alone(
  context: RankContext,
  args: TaskBase & {
    readonly missing: number;
    readonly act: "sleep" | "leave" | "abort" | "signal" | "block" | "exit" | "throw" | "quit";
    readonly forMs?: number;
    readonly timeoutMs?: number;
    readonly count?: number;
  },
): Promise<FaultReport | RankStatus[] | undefined> {
  const group = await groupOf(context, args);
  await group.barrier({ site: "train.ts:30:1" });
  const options = { site: "train.ts:40:9", ...(args.timeoutMs !== undefined && { timeoutMs: args.timeoutMs }) };
  if (context.rank !== args.missing) {
    context.tell("waiting");
    return faultOf(group, () => (args.count ? group.allReduce(blank("float32", args.count), "sum", options) : group.barrier(options)));
  }
  await sleep(args.forMs ?? 50);
  if (args.act === "sleep") return undefined;
  if (args.act === "leave") await group.close();
  if (args.act === "abort") group.abort({ code: "ERR_COLLECTIVE_ABORTED", message: "the user pressed Ctrl-C", ranks: [context.rank] });
  if (args.act === "signal") return faultOf(group, () => group.barrier({ ...options, signal: AbortSignal.abort(new Error("enough")) }));
  if (args.act === "block") for (const end = performance.now() + 60_000; performance.now() < end; );
  if (args.act === "exit") process.exit(3);
  if (args.act === "throw") setImmediate(() => Promise.reject(new TypeError("a bug of the user")));
  if (args.act === "quit") process.exit(0);
  if (args.act === "throw") await sleep(10_000);
  return undefined;
}

/** Collectives for ever, so that a signal from outside hits at any moment. */
export async function busy(context: RankContext, args: TaskBase & { readonly count: number; readonly timeoutMs?: number }): Promise<FaultReport> {
  const group = await groupOf(context, args);
  const data = blank("float32", args.count);
  await group.barrier();
  context.tell("busy");
  const options = args.timeoutMs === undefined ? {} : { timeoutMs: args.timeoutMs };
  const report = await faultOf(group, async () => {
    for (;;) await group.allReduce(data, "mean", options);
  });
  context.tell("failed");
  return report;
}

/** Rank 0 looks at the others while they wait in a collective that it has not entered. */
export async function watched(context: RankContext, args: TaskBase): Promise<{ readonly seen: readonly RankStatus[]; readonly stalls: readonly unknown[] }> {
  const stalls: unknown[] = [];
  const connect = await connectTo(args.backend);
  const reported = `${args.group.name}/reported`;
  const onStall = (event: { readonly waiting: readonly number[] }): void => {
    stalls.push(event);
    void context.store.set(reported, Uint8Array.of(1));
  };
  // Rank 0 waits for nobody for long, unless the machine lets it.
  const group = await connect(context, { ...args.group, reportAfterMs: context.rank === 0 ? 30_000 : 150, onStall });
  await group.barrier({ site: "train.ts:30:1" });
  let seen: readonly RankStatus[] = [];
  if (context.rank === 0) {
    await context.store.get(reported);
    seen = group.status();
  }
  await group.allReduce(blank("float32", 12), "sum", { site: "train.ts:40:9", purpose: "gradient exchange" });
  await group.barrier();
  await group.close();
  return { seen, stalls };
}
