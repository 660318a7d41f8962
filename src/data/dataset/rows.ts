// Which rows: numbers of rows for slices, shards, splits and sorted orders, as Python's datasets and numpy choose them.
import { ArgumentError } from "../../errors.js";
import { sharedUint32 } from "../columns/column-data.js";
import { ClassLabel, featureText } from "../columns/features.js";
import type { Table } from "../columns/table.js";
import { Pcg64 } from "../pcg64.js";

/** from, from + 1, ... to - 1. */
export function range(from: number, to: number): Uint32Array {
  const rows = sharedUint32(Math.max(0, to - from));
  for (let i = 0; i < rows.length; i++) rows[i] = from + i;
  return rows;
}
export function sharedRows(rows: ArrayLike<number>): Uint32Array {
  const out = sharedUint32(rows.length);
  out.set(rows);
  return out;
}
/** 0 to length - 1, so many times over. */
export function repeatedRows(length: number, times: number): Uint32Array {
  const rows = sharedUint32(length * times);
  for (let i = 0; i < rows.length; i++) rows[i] = i % length;
  return rows;
}
/** The place in 0..length that a slice's end means; negative numbers count from the end. */
export const clamp = (index: number, length: number): number => Math.min(Math.max(Math.trunc(index < 0 ? index + length : index), 0), length);

/** @throws ArgumentError ERR_COUNT for anything but a whole number of at least `least`. */
export function wholeNumber(what: string, value: unknown, least: number): number {
  if (typeof value === "number" && Number.isInteger(value) && value >= least) return value;
  throw new ArgumentError(`${what} is ${String(value)}`, { code: "ERR_COUNT", hint: `give a whole number of at least ${least}` });
}

export interface ShardOfRows {
  readonly numShards: number;
  readonly index: number;
  /** Neighbouring rows; false: every numShards-th row. Default true. */
  readonly contiguous?: boolean;
}
export function shardRows(length: number, { numShards, index, contiguous = true }: ShardOfRows): Uint32Array {
  wholeNumber("numShards", numShards, 1);
  if (wholeNumber("index", index, 0) >= numShards)
    throw new ArgumentError(`there is no shard ${index} of ${numShards}`, { code: "ERR_COUNT", hint: `index goes from 0 to ${numShards - 1}` });
  if (!contiguous) return sharedRows(Array.from({ length: Math.ceil((length - index) / numShards) }, (_, k) => index + k * numShards));
  const [each, more] = [Math.floor(length / numShards), length % numShards];
  const start = each * index + Math.min(index, more);
  return range(start, start + each + (index < more ? 1 : 0));
}

export interface SplitOptions<C extends string = string> {
  /** A part of the rows (below 1) or a number of rows. Without testSize and trainSize 0.25. */
  readonly testSize?: number;
  readonly trainSize?: number;
  /** Default true. */
  readonly shuffle?: boolean;
  readonly seed?: number;
  /** A column of class labels, whose classes are in both parts as often as in the whole. */
  readonly stratifyByColumn?: C;
}

function sizes(length: number, options: SplitOptions): { readonly train: number; readonly test: number } {
  const given = { trainSize: options.trainSize, testSize: options.testSize ?? (options.trainSize === undefined ? 0.25 : undefined) };
  const count = (name: "trainSize" | "testSize"): number | undefined => {
    const size = given[name];
    if (size === undefined) return undefined;
    if (!(size > 0) || (size >= 1 && (!Number.isInteger(size) || size >= length)))
      throw new ArgumentError(`${name} ${size} of ${length} rows`, {
        code: "ERR_TEST_SIZE",
        hint: `give a part between 0 and 1 or a number of rows from 1 to ${length - 1}`,
      });
    return size >= 1 ? size : name === "testSize" ? Math.ceil(size * length) : Math.floor(size * length);
  };
  const [train, test] = [count("trainSize"), count("testSize")];
  const out = { train: train ?? length - test!, test: test ?? length - train! };
  if (out.train + out.test > length)
    throw new ArgumentError(`trainSize and testSize are ${out.train + out.test} rows, there are ${length}`, {
      code: "ERR_TEST_SIZE",
      hint: "make one of them smaller",
    });
  if (out.train <= 0 || out.test <= 0) {
    throw new ArgumentError(
      `testSize ${given.testSize} and trainSize ${given.trainSize} leave ${out.train} of ${length} rows to train on, ${out.test} to test on`,
      {
        code: "ERR_TEST_SIZE",
        hint: "give a part between 0 and 1 or a number of rows",
      },
    );
  }
  return out;
}

/** Rows of the two parts, those of Python's train_test_split. */
export function splitRows(table: Table, options: SplitOptions): { readonly train: Uint32Array; readonly test: Uint32Array } {
  const { train, test } = sizes(table.length, options);
  if (options.shuffle === false) {
    if (options.stratifyByColumn !== undefined)
      throw new ArgumentError("trainTestSplit: stratifyByColumn with shuffle: false", { code: "ERR_STRATIFY", hint: "leave one of them out" });
    return { train: range(0, train), test: range(train, train + test) };
  }
  const random = new Pcg64(options.seed);
  if (options.stratifyByColumn !== undefined) return stratified(table, options.stratifyByColumn, train, test, random);
  const order = random.permutation(table.length);
  return { test: order.subarray(0, test), train: order.subarray(test, test + train) };
}

/** How many of each class to draw, n altogether: the likeliest numbers, ties broken at random (scikit-learn's approximate mode). */
function drawsPerClass(counts: readonly number[], n: number, random: Pcg64): number[] {
  const all = counts.reduce((a, b) => a + b, 0);
  const exact = counts.map((count) => (n * count) / all);
  const draws = exact.map(Math.floor);
  let missing = Math.trunc(n - draws.reduce((a, b) => a + b, 0));
  const remainders = exact.map((x, i) => x - draws[i]!);
  for (const value of [...new Set(remainders)].sort((a, b) => b - a)) {
    if (missing === 0) break;
    const tied = remainders.flatMap((x, i) => (x === value ? [i] : []));
    const more = Math.min(tied.length, missing);
    for (const k of random.sample(tied.length, more)) draws[tied[k]!]!++;
    missing -= more;
  }
  return draws;
}

function stratified(table: Table, name: string, train: number, test: number, random: Pcg64): { readonly train: Uint32Array; readonly test: Uint32Array } {
  const fault = (message: string, hint: string) => new ArgumentError(`trainTestSplit: ${message}`, { code: "ERR_STRATIFY", hint });
  const { feature } = table.view(name);
  if (!(feature instanceof ClassLabel)) throw fault(`column ${name} is ${featureText(feature)}, no ClassLabel`, `make it one: classEncodeColumn("${name}")`);
  const read = table.reader(name);
  const rowsOf = new Map<number, number[]>();
  for (let i = 0; i < table.length; i++) {
    const label = read(i);
    if (typeof label !== "number") throw fault(`column ${name} holds null in row ${i}`, "filter such rows out");
    const rows = rowsOf.get(label);
    if (rows) rows.push(i);
    else rowsOf.set(label, [i]);
  }
  const classes = [...rowsOf].sort(([a], [b]) => a - b);
  const lone = classes.find(([, rows]) => rows.length < 2);
  if (lone) throw fault(`class ${lone[0]} of column ${name} has only one row`, "each class needs one row to train on and one to test on");
  if (train < classes.length || test < classes.length)
    throw fault(`${train} rows to train on and ${test} to test on, of ${classes.length} classes`, "each part needs a row of every class");
  const counts = classes.map(([, rows]) => rows.length);
  const trains = drawsPerClass(counts, train, random);
  const tests = drawsPerClass(
    counts.map((count, i) => count - trains[i]!),
    test,
    random,
  );
  const [trainRows, testRows]: [number[], number[]] = [[], []];
  classes.forEach(([, rows], i) => {
    const order = Array.from(random.permutation(rows.length), (k) => rows[k]!);
    trainRows.push(...order.slice(0, trains[i]));
    testRows.push(...order.slice(trains[i], trains[i]! + tests[i]!));
  });
  const mixed = (rows: readonly number[]) => sharedRows(Array.from(random.permutation(rows.length), (k) => rows[k]!));
  return { train: mixed(trainRows), test: mixed(testRows) };
}
