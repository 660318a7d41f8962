// loadDataset with streaming: true: the files of a plan as streams, one shard per file.
import { ArgumentError } from "../../errors.js";
import { type Features, printable } from "../columns/features.js";
import { tablesShard } from "../stream/files.js";
import { IterableDataset } from "../stream/iterable-dataset.js";
import { type IterableDatasetDict, iterableDatasetDict } from "../stream/iterable-dataset-dict.js";
import { Source } from "../stream/source.js";
import { ParquetFile } from "./parquet.js";
import type { AnyOptions, DataPlan } from "./plan.js";
import { splitTexts } from "./split-string.js";

/** So many rows are looked at where the files do not say what they hold. */
const SAMPLE_ROWS = 10_000;
/** As Python's builders: whether they know what their files hold before reading them. */
const tellsFeatures = new Set(["json", "parquet", "arrow"]);

/** @throws ArgumentError ERR_SPLIT, ERR_SPLIT_NOT_FOUND; DataFileError ERR_DATA_FILE when what is looked at to learn the columns is no such file */
export async function streams(plan: DataPlan, options: AnyOptions): Promise<unknown> {
  const { split } = options;
  const names = plan.splits.map(([name]) => name);
  const texts = splitTexts(split);
  const wanted = texts ?? names;
  for (const name of wanted) {
    if (names.includes(name)) continue;
    const part = /[[+(]/.test(name);
    throw new ArgumentError(part ? `split ${JSON.stringify(name)}: a stream has no parts` : `there is no split ${JSON.stringify(name)}`, {
      code: part ? "ERR_SPLIT" : "ERR_SPLIT_NOT_FOUND",
      hint: part ? "take and skip rows: stream.skip(10).take(100)" : `splits are ${names.join(", ") || "none"}`,
    });
  }
  const out = new Map<string, IterableDataset<never>>();
  for (const [name, files] of plan.splits) if (wanted.includes(name)) out.set(name, await stream(plan, files, options));
  if (typeof split === "string") return out.get(split);
  if (texts) return texts.map((name) => out.get(name));
  return iterableDatasetDict([...out]) satisfies IterableDatasetDict<never>;
}

async function stream(plan: DataPlan, files: readonly string[], { signal }: AnyOptions): Promise<IterableDataset<never>> {
  const { format, options, features: declared, fetchFile } = plan;
  // Files of the hub come when they are read; the first says what the others hold.
  const looked = fetchFile ? files.slice(0, 1) : files;
  if (!declared) for (const file of looked) await fetchFile?.(file);
  const features = declared ?? (await format.features(looked, options, SAMPLE_ROWS));
  const shards = files.map((file) =>
    tablesShard(async (skip) => {
      await fetchFile?.(file);
      return format.name === "parquet" ? parquetFrom(file, features, skip) : from(plan, file, features);
    }),
  );
  const source = new Source(shards, declared !== undefined || tellsFeatures.has(format.name));
  return IterableDataset.ofParts({ node: source, features: printable(features), signal });
}

const from = ({ format, options, features: declared }: DataPlan, file: string, features: Features) => ({
  skipped: 0,
  tables: format.tables(file, options, { features, declared: declared !== undefined }),
});

/** Row groups that are not wanted are not read. */
async function parquetFrom(file: string, features: Features, skip: number) {
  const parquet = await ParquetFile.open(file);
  const { groups, rows } = parquet.groupsBefore(skip);
  async function* tables() {
    await using _ = parquet;
    yield* parquet.tables(features, groups);
  }
  return { skipped: rows, tables: tables() };
}
