// Several data sets as one: one after the other, side by side, or row by row in turn.
import { randomBytes } from "node:crypto";
import { ArgumentError } from "../../errors.js";
import type { Table } from "../columns/table.js";
import { Pcg64 } from "../pcg64.js";
import { concatenateStreams, interleaveStreams, isStream } from "../stream/combine.js";
import type { IterableDataset } from "../stream/iterable-dataset.js";
import type { Row, Simplify } from "../types.js";
import { beside, under } from "./columns.js";
import { Dataset } from "./dataset.js";
import { plainFormat } from "./format.js";
import { afterUnknown, named, type Origin } from "./origin.js";
import { fingerprintOf } from "./fingerprint.js";
import { sharedRows } from "./rows.js";

type AnyDataset = Dataset<Row>;
/** A Dataset of any rows. */
type SomeDataset = { readonly columnNames: readonly string[]; readonly length: number };
/** A stream of any rows. */
type SomeStream = { readonly columnNames: readonly string[] | undefined; readonly numShards: number };
type RowOfDataset<D> = D extends Dataset<infer R> ? R : never;
type AllRows<D extends readonly unknown[]> = D extends readonly [infer First, ...infer Rest] ? RowOfDataset<First> & AllRows<Rest> : unknown;

function checked(what: string, datasets: readonly object[]): readonly AnyDataset[] {
  const odd = datasets.findIndex((dataset) => !(dataset instanceof Dataset));
  if (datasets.length > 0 && odd < 0) return datasets as readonly AnyDataset[];
  throw new ArgumentError(`${what}: ${odd < 0 ? "the list is empty" : `element ${odd} is no Dataset`}`, {
    code: "ERR_CONCATENATE",
    hint: "give a list of Datasets, or one of streams; of a DatasetDict name a split: raw.train",
  });
}

const areStreams = (given: readonly object[]): given is readonly IterableDataset[] => given.length > 0 && given.every(isStream);

function together<R>(datasets: readonly AnyDataset[], table: Table, ...parts: unknown[]): Dataset<R> {
  const origins = datasets.map((dataset) => Dataset.originOf(dataset));
  // What all share stays: they were loaded from one place.
  const [first] = origins as [Origin];
  const place: Origin = {
    fingerprint: first.fingerprint,
    ...(first.cacheDirectory !== undefined && origins.every(({ cacheDirectory }) => cacheDirectory === first.cacheDirectory)
      ? { cacheDirectory: first.cacheDirectory }
      : {}),
    ...(first.split !== undefined && origins.every(({ split }) => split === first.split) ? { split: first.split } : {}),
  };
  const formats = datasets.map((dataset) => dataset.format);
  const same = formats.every((format) => format.transform === formats[0]!.transform && JSON.stringify(format) === JSON.stringify(formats[0]));
  const origin = parts.includes(undefined)
    ? afterUnknown(place)
    : named(
        place,
        fingerprintOf(
          origins.map(({ fingerprint }) => fingerprint),
          ...parts,
        ),
      );
  return Dataset.ofTable<R>(table, origin, same ? formats[0]! : plainFormat);
}

/**
 * Data sets one after the other, without copies (axis 0): columns of one name must be of one type, one that a data set lacks is null there.
 * Axis 1 puts columns of equally many rows side by side. Streams give a stream, of axis 0 alone.
 *
 * @throws ArgumentError ERR_CONCATENATE, ERR_COLUMN_LENGTH, ERR_COLUMN_EXISTS
 * @example
 * const all = concatenateDatasets([raw.train, raw.validation]);
 */
export function concatenateDatasets<R>(datasets: readonly Dataset<R>[], options?: { readonly axis?: 0 }): Dataset<R>;
export function concatenateDatasets<R>(streams: readonly IterableDataset<R>[], options?: { readonly axis?: 0 }): IterableDataset<R>;
export function concatenateDatasets(datasets: readonly SomeDataset[], options?: { readonly axis?: 0 }): Dataset;
export function concatenateDatasets(streams: readonly SomeStream[], options?: { readonly axis?: 0 }): IterableDataset;
export function concatenateDatasets<const D extends readonly SomeDataset[]>(datasets: D, options: { readonly axis: 1 }): Dataset<Simplify<AllRows<D>>>;
export function concatenateDatasets(given: readonly object[], { axis = 0 }: { readonly axis?: 0 | 1 } = {}): unknown {
  if (axis !== 0 && axis !== 1) throw new ArgumentError(`concatenateDatasets: axis is ${String(axis)}`, { code: "ERR_CONCATENATE", hint: "give 0 or 1" });
  if (areStreams(given)) {
    if (axis === 0) return concatenateStreams(given);
    throw new ArgumentError("concatenateDatasets: streams do not stand side by side (axis 1)", { code: "ERR_CONCATENATE", hint: "give Datasets" });
  }
  const datasets = checked("concatenateDatasets", given);
  const tables = datasets.map((dataset) => Dataset.tableOf(dataset));
  return together(datasets, axis === 0 ? under(tables) : beside(tables), "concatenate", axis);
}

export interface InterleaveOptions {
  /** How often rows of each come; without them the data sets take turns. They sum to 1. */
  readonly probabilities?: readonly number[];
  readonly seed?: number;
  /** When it ends: with the first data set that has no more rows (default), when all have given theirs at least once, or each row exactly once. */
  readonly stoppingStrategy?: "first_exhausted" | "all_exhausted" | "all_exhausted_without_replacement";
}
type Strategy = NonNullable<InterleaveOptions["stoppingStrategy"]>;
const strategies: readonly string[] = ["first_exhausted", "all_exhausted", "all_exhausted_without_replacement"];

const fault = (message: string, hint: string): ArgumentError => new ArgumentError(`interleaveDatasets: ${message}`, { code: "ERR_INTERLEAVE", hint });

/** Which row of the sources stacked on each other comes next, the sources in turn. */
function inTurn(lengths: readonly number[], offsets: readonly number[], strategy: Strategy): number[] {
  const rounds = strategy === "first_exhausted" ? Math.min(...lengths) : Math.max(...lengths);
  const rows: number[] = [];
  for (let k = 0; k < rounds; k++)
    lengths.forEach((length, i) => {
      if (k < length) rows.push(offsets[i]! + k);
      else if (strategy === "all_exhausted" && length > 0) rows.push(offsets[i]! + (k % length));
    });
  return rows;
}

/** The same with sources drawn at random, in blocks of 1000 draws as Python's datasets draws them. */
function drawn(lengths: readonly number[], offsets: readonly number[], strategy: Strategy, probabilities: readonly number[], random: Pcg64): number[] {
  const given = lengths.map(() => 0);
  const over = (i: number): boolean => given[i]! >= lengths[i]!;
  const drawable = lengths.flatMap((_, i) => (probabilities[i]! > 0 ? [i] : []));
  const ended = (): boolean => (strategy === "first_exhausted" ? drawable.some(over) : drawable.every(over));
  const rows: number[] = [];
  while (true) {
    for (const i of random.choice(1000, probabilities)) {
      if (strategy === "all_exhausted_without_replacement") {
        if (ended()) return rows;
        if (over(i)) continue;
      }
      rows.push(offsets[i]! + (given[i]! % lengths[i]!));
      given[i]!++;
      if (ended()) return rows;
    }
  }
}

function checkProbabilities(sources: number, strategy: Strategy, probabilities: readonly number[]): void {
  if (probabilities.length !== sources) throw fault(`${probabilities.length} probabilities for ${sources} data sets`, "give one for each");
  const never = probabilities.findIndex((p) => !(p > 0));
  if (strategy !== "first_exhausted" && never >= 0) throw fault(`data set ${never} has probability 0 and would never be exhausted`, "leave it out");
}
function checkSources(lengths: readonly number[], strategy: Strategy, probabilities: readonly number[]): void {
  checkProbabilities(lengths.length, strategy, probabilities);
  const empty = lengths.findIndex((length, i) => length === 0 && probabilities[i]! > 0);
  if (empty >= 0) throw fault(`data set ${empty} is empty`, "leave it out, or give it probability 0");
}

/**
 * Rows of several data sets in turn, or drawn with probabilities: the same rows as Python's `interleave_datasets` for the same seed. Streams give a stream, which ends at once when
 * its strategy says so, where Datasets finish the turn.
 *
 * @throws ArgumentError ERR_INTERLEAVE, ERR_PROBABILITIES, ERR_CONCATENATE
 * @example
 * const mixed = interleaveDatasets([english, korean], { probabilities: [0.7, 0.3], seed: 42, stoppingStrategy: "all_exhausted" });
 */
export function interleaveDatasets<R>(datasets: readonly Dataset<R>[], options?: InterleaveOptions): Dataset<R>;
export function interleaveDatasets<R>(streams: readonly IterableDataset<R>[], options?: InterleaveOptions): IterableDataset<R>;
export function interleaveDatasets(streams: readonly SomeStream[], options?: InterleaveOptions): IterableDataset;
export function interleaveDatasets(given: readonly object[], options: InterleaveOptions = {}): unknown {
  const { probabilities, seed, stoppingStrategy: strategy = "first_exhausted" } = options;
  if (!strategies.includes(strategy)) throw fault(`stoppingStrategy is ${JSON.stringify(strategy)}`, `give one of ${strategies.join(", ")}`);
  if (areStreams(given)) {
    if (probabilities) checkProbabilities(given.length, strategy, probabilities);
    return interleaveStreams(given, strategy, probabilities && { probabilities, seed: seed ?? randomBytes(6).readUIntBE(0, 6) });
  }
  const sources = checked("interleaveDatasets", given);
  const lengths = sources.map(({ length }) => length);
  const offsets = lengths.map((_, i) => lengths.slice(0, i).reduce((sum, length) => sum + length, 0));
  if (probabilities) checkSources(lengths, strategy, probabilities);
  const rows = probabilities ? drawn(lengths, offsets, strategy, probabilities, new Pcg64(seed)) : inTurn(lengths, offsets, strategy);
  const table = under(sources.map((dataset) => Dataset.tableOf(dataset))).select(sharedRows(rows));
  return together(sources, table, "interleave", options, probabilities && seed === undefined ? undefined : 0);
}
