// Reports of all ranks as one: how fast the whole training is, and which rank holds it up. A report travels as twelve numbers.
import { ArgumentError } from "../errors.js";
import { phases, type StepReport } from "./step-timer.js";
import type { LogValues } from "./values.js";

/** A report of one rank, and what memory its parameters and gradients take. */
export interface RankReport extends StepReport {
  readonly arenaBytes: number;
}

/** Numbers of a report on the way. */
export const reportLength = 12;
export const packReport = ({ steps, totalMs, stepMs, p95Ms, slowestMs, phases: spent, samples, tokens, rssBytes, arenaBytes }: RankReport): Float64Array =>
  // What was not counted is NaN.
  Float64Array.of(steps, totalMs, stepMs, p95Ms, slowestMs, ...phases.map((p) => spent[p]), samples ?? Number.NaN, tokens ?? Number.NaN, rssBytes, arenaBytes);

export function unpackReports(numbers: Float64Array): RankReport[] {
  const counted = (n: number): number | undefined => (Number.isNaN(n) ? undefined : n);
  return Array.from({ length: numbers.length / reportLength }, (_, rank) => {
    const [steps, totalMs, stepMs, p95Ms, slowestMs, data, compute, communication, samples, tokens, rssBytes, arenaBytes] = numbers.subarray(
      rank * reportLength,
      (rank + 1) * reportLength,
    ) as unknown as readonly number[];
    return {
      steps: steps!,
      totalMs: totalMs!,
      stepMs: stepMs!,
      p95Ms: p95Ms!,
      slowestMs: slowestMs!,
      phases: { data: data!, compute: compute!, communication: communication! },
      samples: counted(samples!),
      tokens: counted(tokens!),
      rssBytes: rssBytes!,
      arenaBytes: arenaBytes!,
    };
  });
}

/** How uneven the ranks are. */
export interface RankSkew {
  readonly slowestRank: number;
  readonly slowestMs: number;
  readonly fastestMs: number;
  /** Slowest over fastest: 1 is even. */
  readonly ratio: number;
}
/**
 * From a time per rank, such as the time of a step without the waiting for others.
 * @throws ArgumentError for an empty list.
 *
 * @example
 * rankSkew([100, 150]); // { slowestRank: 1, slowestMs: 150, fastestMs: 100, ratio: 1.5 }
 */
export function rankSkew(millisecondsOfRanks: readonly number[]): RankSkew {
  if (millisecondsOfRanks.length === 0) throw new ArgumentError("there are no ranks to compare", { hint: "give one time per rank" });
  const slowestMs = Math.max(...millisecondsOfRanks);
  const fastestMs = Math.min(...millisecondsOfRanks);
  return { slowestRank: millisecondsOfRanks.indexOf(slowestMs), slowestMs, fastestMs, ratio: slowestMs === fastestMs ? 1 : slowestMs / fastestMs };
}

/** The training as a whole, over one interval. */
export interface Performance {
  readonly steps: number;
  readonly stepMs: number;
  readonly p95Ms: number;
  readonly slowestMs: number;
  /** Of all ranks together; undefined when none were counted. */
  readonly samplesPerSecond: number | undefined;
  readonly tokensPerSecond: number | undefined;
  /** 0 to 1, mean over the ranks. Waiting for slower ranks is communication. */
  readonly shares: Readonly<Record<(typeof phases)[number], number>>;
  /** Of the rank that has most, and of all ranks. Pages that ranks share count in each of them. */
  readonly rssBytes: number;
  readonly rssBytesTotal: number;
  /** Parameters and gradients of rank 0. */
  readonly arenaBytes: number;
  /** Of the time of a step without communication; undefined for one rank. */
  readonly skew: RankSkew | undefined;
}

const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0);

/** Ranks step together, so their intervals are of the same steps. */
export function combined(reports: readonly RankReport[]): Performance {
  const over = (f: (report: RankReport) => number): number[] => reports.map(f);
  const mean = (f: (report: RankReport) => number): number => sum(over(f)) / reports.length;
  const seconds = mean((r) => r.totalMs) / 1000;
  const rate = (f: (report: RankReport) => number | undefined): number | undefined => {
    const counted = reports.map(f).filter((n) => n !== undefined);
    // A clock that stood still knows no rate.
    return counted.length === 0 || seconds === 0 ? undefined : sum(counted) / seconds;
  };
  const share = (phase: (typeof phases)[number]): number => mean((r) => (r.totalMs > 0 ? Math.min(1, r.phases[phase] / r.totalMs) : 0));
  return {
    steps: reports[0]!.steps,
    stepMs: mean((r) => r.stepMs),
    p95Ms: Math.max(...over((r) => r.p95Ms)),
    slowestMs: Math.max(...over((r) => r.slowestMs)),
    samplesPerSecond: rate((r) => r.samples),
    tokensPerSecond: rate((r) => r.tokens),
    shares: { data: share("data"), compute: share("compute"), communication: share("communication") },
    rssBytes: Math.max(...over((r) => r.rssBytes)),
    rssBytesTotal: sum(over((r) => r.rssBytes)),
    arenaBytes: reports[0]!.arenaBytes,
    skew: reports.length === 1 ? undefined : rankSkew(over((r) => Math.max(0, r.totalMs - r.phases.communication) / r.steps)),
  };
}

/** Of what `performanceValues` logs, the name of the clock: optimizer steps. */
export const performanceAxis = "perf/step";
const mebibyte = 2 ** 20;

/**
 * The names under which a training's speed is logged; times in milliseconds, memory in MiB, shares from 0 to 1:
 * `perf/step_ms`, `perf/step_ms_p95`, `perf/step_ms_max`, `perf/samples_per_second`, `perf/tokens_per_second`, `perf/data_share`, `perf/compute_share`, `perf/communication_share`, `perf/rss_mib`,
 * `perf/rss_mib_total`, `perf/arena_mib`, and for several ranks `perf/slowest_rank`, `perf/rank_skew` (slowest over fastest), `perf/rank_ms_max`, `perf/rank_ms_min`.
 */
export function performanceValues({
  stepMs,
  p95Ms,
  slowestMs,
  samplesPerSecond,
  tokensPerSecond,
  shares,
  rssBytes,
  rssBytesTotal,
  arenaBytes,
  skew,
}: Performance): LogValues {
  return {
    "perf/step_ms": stepMs,
    "perf/step_ms_p95": p95Ms,
    "perf/step_ms_max": slowestMs,
    ...(samplesPerSecond !== undefined && { "perf/samples_per_second": samplesPerSecond }),
    ...(tokensPerSecond !== undefined && { "perf/tokens_per_second": tokensPerSecond }),
    "perf/data_share": shares.data,
    "perf/compute_share": shares.compute,
    "perf/communication_share": shares.communication,
    "perf/rss_mib": rssBytes / mebibyte,
    "perf/rss_mib_total": rssBytesTotal / mebibyte,
    "perf/arena_mib": arenaBytes / mebibyte,
    ...(skew && {
      "perf/slowest_rank": skew.slowestRank,
      "perf/rank_skew": skew.ratio,
      "perf/rank_ms_max": skew.slowestMs,
      "perf/rank_ms_min": skew.fastestMs,
    }),
  };
}
