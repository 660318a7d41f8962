// Modelled time of doubled GPUs (test/doubles/cuda/times.cc): what their streams did when, and how much of the communication nothing else hid.
import type { LogLine } from "./machine.js";

/** An entry of a stream; microseconds of the monotonic clock, which all processes share. */
export interface Entry {
  readonly ran: string;
  readonly stream: number;
  /** It could begin here; a collective begins when it could on all ranks. */
  readonly ready: number;
  readonly begin: number;
  readonly end: number;
  /** How much later than modelled the work was really done. */
  readonly late: number;
}

/** The entries of one process's log that took time. */
export const timeline = (lines: readonly LogLine[]): readonly Entry[] =>
  lines.filter((line): line is LogLine & Entry => line.ran !== undefined && line.end! > line.begin!);

export const isCommunication = ({ ran }: Entry): boolean => ran.startsWith("nccl");

type Interval = readonly [begin: number, end: number];

function union(intervals: readonly Interval[]): readonly Interval[] {
  const out: [number, number][] = [];
  for (const [begin, end] of intervals.toSorted((a, b) => a[0] - b[0])) {
    const last = out.at(-1);
    if (last && begin <= last[1]) last[1] = Math.max(last[1], end);
    else out.push([begin, end]);
  }
  return out;
}
const length = (intervals: readonly Interval[]): number => intervals.reduce((sum, [begin, end]) => sum + end - begin, 0);

export interface Overlap {
  /** Microseconds in which kernels and copies ran. */
  readonly computing: number;
  /** In which bytes travelled between ranks. */
  readonly communicating: number;
  /** Of these, in which no kernel or copy ran. */
  readonly exposed: number;
}

export function overlap(entries: readonly Entry[]): Overlap {
  const intervals = (of: readonly Entry[]): readonly Interval[] => union(of.map(({ begin, end }) => [begin, end]));
  const computing = intervals(entries.filter((entry) => !isCommunication(entry)));
  const communicating = intervals(entries.filter(isCommunication));
  const both = length(union([...computing, ...communicating]));
  return { computing: length(computing), communicating: length(communicating), exposed: both - length(computing) };
}
