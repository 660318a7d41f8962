// What goes wrong at each place where src/native/nccl calls NCCL or CUDA, and what becomes of it: one case per place, on the second of two ranks.
import assert from "node:assert/strict";
import { callSites } from "../device/call-sites.js";
import type { Outcome } from "../support/ranks.js";
import type { GpuRanks } from "./nccl-ranks.js";

/** Tasks of nccl-tasks.ts, in the order of a group's life. */
type Phase = "connect" | "onDevice" | "around" | "onHost" | "close";
export interface Failing {
  readonly phase: Phase;
  /** Lines of the script from that phase on; " from=addon rank=1" is added. */
  readonly script: readonly string[];
  /** What the error of both ranks says; none: they go on. */
  readonly says?: RegExp;
  readonly code?: string;
  /** Phases between connect and the one that fails. */
  readonly before?: readonly Phase[];
  /** Handles that a library keeps because it refused to take them back. */
  readonly keeps?: string;
  readonly timeoutMs?: number;
}

/** As a GPU that has failed would answer; not sticky, so that the process can go on to the next case. */
const broken = 719;
const full = 2;
const cuda = (phase: Phase, call: string, nth = 1, error = broken): Failing => ({
  phase,
  script: [`fail ${call} nth=${nth} error=${error}`],
  says: new RegExp(`rank 1\\b.*${call}: .*\\(CUDA error ${error}\\)`),
});
const nccl = (phase: Phase, call: string, error = 3): Failing => ({
  phase,
  script: [`fail ${call} error=${error}`],
  says: new RegExp(`rank 1\\b.*${call}: .*\\(${error}\\)`),
});
/** Results that are not looked at: nothing that was asked for is missing. */
const passes = (phase: Phase, call: string, more: Partial<Failing> = {}): Failing => ({
  phase,
  script: [`fail ${call} error=${call.startsWith("nccl") ? 3 : broken}`],
  ...more,
});
const wordsOnly = "words for a message";

/** Of every place. A text: why there is no case. */
export const sites: { readonly [site: string]: Failing | string } = {
  "openApi ncclGetVersion": "asked when the library is opened: a case of its own below",
  "openApi ncclGetErrorString": wordsOnly,
  "openApi cudaRuntimeGetVersion": "a number for messages",
  "uniqueId ncclGetUniqueId": { ...nccl("connect", "ncclGetUniqueId rank=0"), says: /rank 0\b.*ncclGetUniqueId: internal error/ },
  "uniqueId ncclGetErrorString": wordsOnly,
  "busId cudaDeviceGetPCIBusId": { ...cuda("connect", "cudaDeviceGetPCIBusId"), says: /rank 1 cannot use its GPU: cudaDeviceGetPCIBusId: .*CUDA error 719/ },
  "busId cudaGetLastError": wordsOnly,
  "busId cudaGetErrorString": wordsOnly,
  "Communicator::check ncclGetErrorString": wordsOnly,
  "Communicator::check ncclGetLastError": wordsOnly,
  "Communicator::check cudaGetLastError": wordsOnly,
  "Communicator::check cudaGetErrorString": wordsOnly,
  "select cudaSetDevice": cuda("connect", "cudaSetDevice"),
  "Communicator::open cudaStreamCreateWithFlags": cuda("connect", "cudaStreamCreateWithFlags"),
  "Communicator::open ncclCommInitRankConfig": nccl("connect", "ncclCommInitRankConfig", 2),
  "Communicator::asyncError ncclCommGetAsyncError": { ...nccl("onDevice", "ncclCommGetAsyncError", 1), says: /rank 1\b.*unhandled cuda error/ },
  "Communicator::takeEvent cudaEventCreateWithFlags": cuda("onDevice", "cudaEventCreateWithFlags"),
  "Communicator::marked cudaEventRecord": cuda("onDevice", "cudaEventRecord", 3),
  "Communicator::follow cudaStreamWaitEvent": cuda("onDevice", "cudaStreamWaitEvent"),
  "Communicator::stage cudaEventQuery": "asked when others wait for long; an error counts as having come",
  "Communicator::stage cudaGetLastError": wordsOnly,
  "Communicator::enqueue cudaStreamWaitEvent": "waits for a moment of a tap: the call and its error are those of the next",
  "Communicator::enqueue cudaStreamWaitEvent 2": cuda("onDevice", "cudaStreamWaitEvent", 2),
  "Communicator::issue cudaMemsetAsync": cuda("onDevice", "cudaMemsetAsync"),
  "Communicator::issue ncclRedOpCreatePreMulSum": nccl("onDevice", "ncclRedOpCreatePreMulSum", 5),
  "Communicator::issue ncclGroupStart": nccl("onDevice", "ncclGroupStart"),
  "Communicator::issue ncclAllReduce": nccl("onDevice", "ncclAllReduce", 4),
  "Communicator::issue ncclReduceScatter": nccl("onDevice", "ncclReduceScatter", 4),
  "Communicator::issue ncclAllGather": nccl("onDevice", "ncclAllGather", 5),
  "Communicator::issue ncclBroadcast": nccl("onDevice", "ncclBroadcast", 5),
  "Communicator::issue ncclSend": nccl("around", "ncclSend", 1),
  "Communicator::issue ncclRecv": nccl("around", "ncclRecv", 1),
  "Communicator::issue ncclGroupEnd": nccl("onDevice", "ncclGroupEnd", 2),
  "Communicator::issue ncclRedOpDestroy": passes("onDevice", "ncclRedOpDestroy", { keeps: "operation" }),
  "Communicator::await cudaEventQuery": cuda("onDevice", "cudaEventQuery"),
  "Communicator::await cudaGetLastError": wordsOnly,
  "Communicator::room cudaMalloc": cuda("onHost", "cudaMalloc", 1, full),
  "Communicator::room cudaHostAlloc": cuda("onHost", "cudaHostAlloc", 1, full),
  "Communicator::carryOut cudaMemcpyAsync": cuda("onHost", "cudaMemcpyAsync"),
  "Communicator::carryOut cudaMemcpyAsync 2": cuda("onHost", "cudaMemcpyAsync", 2),
  "Communicator::freeRoom cudaFree": passes("close", "cudaFree", { before: ["onHost"], keeps: "device memory" }),
  "Communicator::freeRoom cudaFreeHost": passes("close", "cudaFreeHost", { before: ["onHost"], keeps: "pinned memory" }),
  "Communicator::abort cudaSetDevice": { ...nccl("onDevice", "ncclAllReduce"), script: ["fail ncclAllReduce error=3", "fail cudaSetDevice nth=2 error=719"] },
  "Communicator::abort ncclCommAbort": {
    ...nccl("onDevice", "ncclAllReduce"),
    script: ["fail ncclAllReduce error=3", "fail ncclCommAbort error=3"],
    keeps: "communicator",
  },
  "Communicator::close cudaSetDevice": passes("close", "cudaSetDevice"),
  "Communicator::close ncclCommFinalize": passes("close", "ncclCommFinalize"),
  "Communicator::close ncclCommDestroy": passes("close", "ncclCommDestroy", { keeps: "communicator" }),
  "Communicator::close cudaEventDestroy": passes("close", "cudaEventDestroy", { before: ["onHost"], keeps: "event" }),
  "Communicator::close cudaStreamDestroy": passes("close", "cudaStreamDestroy", { keeps: "stream" }),
};

/** What is heard, or never heard, when the call itself has gone well. */
const later = (phase: Phase, work: string, error: number, how = ""): Failing => ({
  phase,
  script: [`fail launch:${work} error=${error}${how}`],
  says: /rank 1\b.*\(\d\): scripted/,
});
const hangs = (phase: Phase, work: string): Failing => ({
  phase,
  script: [`hang launch:${work}`],
  timeoutMs: 1000,
  says: phase === "connect" ? /could not join|has not ended in time/ : /was given up/,
  code: "ERR_COLLECTIVE_TIMEOUT",
});
export const afterwards: { readonly [what: string]: Failing } = {
  "an error while ranks connect": later("connect", "ncclCommInit", 3),
  "an error of a group that was taken": later("onDevice", "ncclGroupEnd", 2),
  "an asynchronous error of an all-reduce": later("onDevice", "ncclAllReduce", 1, " async"),
  "an asynchronous error of a reduce-scatter": later("onDevice", "ncclReduceScatter", 3, " async"),
  "an asynchronous error of an all-gather": later("onDevice", "ncclAllGather", 3, " async"),
  "an asynchronous error of a broadcast": later("onDevice", "ncclBroadcast", 3, " async"),
  "an asynchronous error of numbers of the host": later("onHost", "ncclAllReduce", 2, " async"),
  "a rank that is lost to NCCL": { ...later("onDevice", "ncclAllReduce", 6, " async"), says: /rank 1\b.*remote process exited/, code: "ERR_PEER_LOST" },
  "an error while a communicator is finalized": { phase: "close", script: ["fail launch:ncclCommFinalize error=3"] },
  "ranks that never connect": hangs("connect", "ncclCommInit"),
  "a group that is never taken": hangs("onDevice", "ncclGroupEnd"),
  "an all-reduce that never ends": hangs("onDevice", "ncclAllReduce"),
  "a reduce-scatter that never ends": hangs("onDevice", "ncclReduceScatter"),
  "an all-gather that never ends": hangs("onDevice", "ncclAllGather"),
  "a broadcast that never ends": hangs("onDevice", "ncclBroadcast"),
};

/** Places of the sources that the table lacks, and rows of places that are none. */
export function unknownSites(): { readonly without: readonly string[]; readonly gone: readonly string[] } {
  const found = callSites("nccl", /(?:api_?(?:\.|->)|api\(\)->)((?:nccl|cuda)\w+)\(/g);
  return { without: found.filter((site) => !Object.hasOwn(sites, site)), gone: Object.keys(sites).filter((site) => !found.includes(site)) };
}

const told = (outcome: Outcome): string => JSON.stringify(outcome);

/** Carries a case out, and sees that the ranks come through it. */
export async function fails(ranks: GpuRanks, { phase, script, says, code, before = [], timeoutMs }: Failing): Promise<void> {
  ranks.script();
  await ranks.values("fresh");
  const lines = script.map((line) => `${line} from=addon${line.includes("rank=") ? "" : " rank=1"}`.replaceAll(/(launch:.*) from=addon/g, "$1"));
  const all = (outcomes: readonly Outcome[]): void => {
    for (const outcome of outcomes) assert.equal(outcome.kind, "value", told(outcome));
  };
  if (phase !== "connect") all(await ranks.connect(timeoutMs));
  for (const earlier of before) all(await ranks.run(earlier));
  ranks.script(...lines);
  const outcomes = phase === "connect" ? await ranks.connect(timeoutMs) : await ranks.run(phase);
  if (says === undefined) all(outcomes);
  for (const [rank, first] of says === undefined ? [] : outcomes.entries()) {
    // Its own part may be done before the other one fails: then it is the error of its next call.
    const outcome = first.kind === "value" ? (await ranks.run("onHost", {}, [rank]))[0]! : first;
    assert.equal(outcome.kind, "error", `rank ${rank}: ${told(outcome)}`);
    assert.match(outcome.error.message, says!);
    assert.equal(outcome.error.code, code ?? "ERR_NCCL", outcome.error.message);
    assert.ok(outcome.ms < 15_000, `after ${outcome.ms} ms`);
  }
  if (says === undefined && phase !== "close") all(await ranks.run("onHost"));
  // Ends whatever it has come to.
  all(await ranks.run("close"));
}
