// Profiles as Chrome traces: https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU, read by chrome://tracing and ui.perfetto.dev.
import type { RunEvent } from "./session-events.js";

/** A span of this process, in milliseconds of `performance.now`. */
export interface Span {
  readonly name: string;
  readonly began: number;
  readonly ended: number;
}
/** A run of a graph with what its session wrote about it. */
export interface TracedRun extends Span {
  readonly events: RunEvent | undefined;
}

interface TraceEvent {
  readonly name: string;
  readonly ph: "X" | "M";
  readonly pid: number;
  readonly tid: number;
  readonly ts?: number;
  readonly dur?: number;
  readonly args?: object;
}

const lanes = ["steps", "graphs", "nodes"] as const;

/** The trace of one worker, one process in the viewer. Times begin with the first span. */
export function chromeTrace(rank: number, steps: readonly Span[], runs: readonly TracedRun[]): string {
  const origin = Math.min(...[...steps, ...runs].map(({ began }) => began), Number.MAX_VALUE);
  const micro = (at: number): number => Math.round((at - origin) * 1000);
  const span = (tid: number, { name, began, ended }: Span): TraceEvent => ({
    name,
    ph: "X",
    pid: rank,
    tid,
    ts: micro(began),
    dur: Math.round((ended - began) * 1000),
  });
  const events: TraceEvent[] = [
    { name: "process_name", ph: "M", pid: rank, tid: 0, args: { name: `rank ${rank}` } },
    ...lanes.map((name, tid): TraceEvent => ({ name: "thread_name", ph: "M", pid: rank, tid, args: { name } })),
    ...steps.map((step) => span(0, step)),
  ];
  for (const run of runs) {
    events.push(span(1, run));
    if (!run.events) continue;
    // The session's clock begins elsewhere: its run is laid at the end of ours, where nothing but the answer follows.
    const shift = micro(run.ended) - (run.events.at + run.events.duration);
    for (const node of run.events.nodes) {
      const args = { op: node.op, inputs: node.inputs.map(({ shape }) => shape), outputs: node.outputs.map(({ shape }) => shape) };
      events.push({ name: node.name, ph: "X", pid: rank, tid: 2, ts: node.at + shift, dur: node.duration, args });
    }
  }
  return JSON.stringify({ displayTimeUnit: "ms", traceEvents: events });
}
