// Data sets that are computed by the library's own jobs: other types, class labels, rows in order, rows of batches. Cached as results of map are.
import { ArgumentError } from "../../errors.js";
import { type ColumnData, type ColumnJob, sharedUint32 } from "../columns/column-data.js";
import { ClassLabel, type Feature, type Features, featureText } from "../columns/features.js";
import { type Table, tableOf } from "../columns/table.js";
import type { RunOptions } from "../types.js";
import { castFeatures, castJob, castRows, recast, relabelled } from "./cast.js";
import { after } from "./origin.js";
import { range, wholeNumber } from "./rows.js";
import { type RunInput, type RunOutput, runWork } from "./run.js";
import { compareTexts } from "./sort.js";

interface OwnWork {
  readonly label: string;
  readonly job: ColumnJob;
  readonly key: readonly unknown[];
  readonly reads: readonly string[];
  readonly removed: readonly string[] | "all";
  readonly features: Features;
}
async function computed(input: RunInput, { job, ...work }: OwnWork, options: RunOptions): Promise<RunOutput> {
  const [output] = await runWork([input], { verb: "map", runsEmpty: true, ...work, code: { kind: "own", job: () => job, parallel: 1 } }, options);
  return output!;
}
/** One after the other: their bars would write over each other. */
async function each(inputs: readonly RunInput[], work: (input: RunInput) => Promise<RunOutput>): Promise<RunOutput[]> {
  const out: RunOutput[] = [];
  for (const input of inputs) out.push(await work(input));
  return out;
}
const featuresOf = (table: Table): Features => Object.fromEntries([...table.columns].map(([name, { feature }]) => [name, feature]));

export const castTables = (inputs: readonly RunInput[], wanted: Features, all: boolean, options: RunOptions): Promise<RunOutput[]> =>
  each(inputs, async (input) => {
    const features = castFeatures(input.table, wanted, all);
    const names = recast(input.table, features);
    const key = ["cast", Object.entries(features)];
    if (names.length === 0) return { table: relabelled(input.table, features), origin: after(input.origin, "cast", key) };
    return computed(input, { label: "Casting the dataset", job: castJob(features, names), key, reads: names, removed: [], features }, options);
  });

/** As Python's str(). */
function pythonText(value: unknown, feature: Feature): string {
  if (value === null) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (typeof value === "number" && typeof feature === "string" && feature.startsWith("float") && Number.isInteger(value)) return `${value}.0`;
  return value instanceof Date
    ? value
        .toISOString()
        .replace("T", " ")
        .replace(/(\.000)?Z$/, "")
    : String(value);
}

export const classEncodeTables = (inputs: readonly RunInput[], name: string, includeNulls: boolean): Promise<RunOutput[]> =>
  each(inputs, async (input) => {
    const { feature } = input.table.view(name);
    if (typeof feature !== "string" || feature === "json")
      throw new ArgumentError(`classEncodeColumn: column ${name} is ${featureText(feature)}`, {
        code: "ERR_CAST",
        hint: "give a column of texts, numbers or bool",
      });
    const read = input.table.reader(name);
    const texts = new Set<string>();
    for (let i = 0; i < input.table.length; i++) {
      const value = read(i);
      if (includeNulls || value !== null) texts.add(pythonText(value, feature));
    }
    const label = new ClassLabel([...texts].sort(compareTexts));
    const features = { ...featuresOf(input.table), [name]: label };
    const job: ColumnJob = async (_, start, end) => {
      const numberAt = (i: number): number | null => {
        const value = read(i);
        return value === null && !includeNulls ? null : label.str2int(pythonText(value, feature));
      };
      return { [name]: castRows(numberAt, start, end, { name, to: "int64", code: "ERR_CAST" }) };
    };
    return computed(input, { label: "Casting to class labels", job, key: ["classEncode", name, includeNulls], reads: [name], removed: [], features }, {});
  });

export const flattenTables = (inputs: readonly RunInput[], options: RunOptions): Promise<RunOutput[]> =>
  each(inputs, async (input) => {
    const views = [...input.table.columns];
    if (views.every(([, { indices }]) => !indices)) return { table: input.table, origin: input.origin };
    const features = featuresOf(input.table);
    const names = Object.keys(features);
    return computed(
      input,
      { label: "Flattening the indices", job: castJob(features, names), key: ["flatten"], reads: names, removed: "all", features },
      options,
    );
  });

export const batchTables = (
  inputs: readonly RunInput[],
  batchSize: number,
  { dropLastBatch = false, ...options }: RunOptions & { readonly dropLastBatch?: boolean },
): Promise<RunOutput[]> =>
  each(inputs, async (input) => {
    wholeNumber("batchSize", batchSize, 1);
    const { length } = input.table;
    const table = dropLastBatch && length % batchSize > 0 ? input.table.select(range(0, length - (length % batchSize))) : input.table;
    const features = featuresOf(table);
    const names = Object.keys(features);
    const job: ColumnJob = async (data, start, end) => {
      const read = tableOf(data);
      return Object.fromEntries(
        names.map((name) => [name, listsOf(castRows(read.reader(name), start, end, { name, to: features[name]!, code: "ERR_CAST" }), batchSize)]),
      );
    };
    const lists = Object.fromEntries(names.map((name) => [name, { sequence: features[name]! }]));
    return computed(
      { ...input, table },
      { label: "Batching examples", job, key: ["batch", batchSize, dropLastBatch], reads: names, removed: "all", features: lists },
      { ...options, batchSize: batchSize * Math.max(1, Math.floor(1000 / batchSize)) },
    );
  });

/** A list of every `size` rows. */
function listsOf(items: ColumnData, size: number): ColumnData {
  const length = Math.ceil(items.length / size);
  const offsets = sharedUint32(length + 1);
  for (let i = 1; i <= length; i++) offsets[i] = Math.min(i * size, items.length);
  return { kind: "list", length, items, offsets };
}
