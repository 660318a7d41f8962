// Writing Parquet (hyparquet-writer encodes), with the features in the file's metadata as Python's datasets writes them.
import { ArgumentError } from "../../errors.js";
import { checkNames, type OptionNames } from "../../option-names.js";
import { schemaMessage, writeSchema } from "../arrow/message-writer.js";
import { rawReader } from "../arrow/raw-reader.js";
import { featuresToJson } from "../columns/hf-features.js";
import { pythonJson } from "../columns/python-json.js";
import type { Table } from "../columns/table.js";
import { OutputFile, ranges } from "./output-file.js";
import { parquetColumn } from "./parquet-schema.js";

export interface ParquetWriteOptions {
  /** Rows of a row group; default 10,000. */
  readonly batchSize?: number | undefined;
  /** Default "snappy". */
  readonly compression?: "snappy" | "none" | undefined;
  readonly signal?: AbortSignal | undefined;
}
const names: OptionNames<ParquetWriteOptions> = { batchSize: true, compression: true, signal: true };
const codecs = { snappy: "SNAPPY", none: "UNCOMPRESSED" } as const;
const GROUP_ROWS = 10_000;

/**
 * Python's load_dataset and `loadDataset("parquet", ...)` find the same features again.
 * @returns Bytes written.
 * @throws AccelerateError ERR_DATA_WRITE; ArgumentError ERR_OPTIONS
 */
export async function writeParquet(table: Table, path: string, options: ParquetWriteOptions = {}): Promise<number> {
  checkNames("toParquet", options, names);
  const { batchSize = GROUP_ROWS, compression = "snappy", signal } = options;
  if (!Number.isInteger(batchSize) || batchSize < 1)
    throw new ArgumentError(`toParquet: batchSize is ${batchSize}`, { code: "ERR_OPTIONS", hint: "give a whole number of at least 1" });
  if (!Object.hasOwn(codecs, compression))
    throw new ArgumentError(`toParquet: compression is ${String(compression)}`, { code: "ERR_OPTIONS", hint: `give one of ${Object.keys(codecs).join(", ")}` });
  const { ByteWriter, ParquetWriter } = await import("hyparquet-writer");
  const columns = [...table.columns].map(([name, { data, indices, feature }]) => {
    const raw = rawReader(data);
    return { name, read: indices ? (i: number) => raw(indices[i]!) : raw, ...parquetColumn(name, feature) };
  });
  const features = Object.fromEntries([...table.columns].map(([name, { feature }]) => [name, feature]));
  const huggingface = pythonJson({ info: { features: featuresToJson(features) } });
  await using out = await OutputFile.create(path);
  const buffer = new ByteWriter();
  const writer = new ParquetWriter({
    writer: buffer,
    schema: [{ name: "schema", num_children: columns.length }, ...columns.flatMap(({ elements }) => elements)],
    codec: codecs[compression],
    kvMetadata: [
      { key: "huggingface", value: huggingface },
      // Types that Parquet has no name for.
      { key: "ARROW:schema", value: schemaMessage(writeSchema(features), [["huggingface", huggingface]]).toString("base64") },
    ],
    createdBy: "accelerate-ts",
  });
  const flush = async () => {
    await out.write(new Uint8Array(buffer.buffer, 0, buffer.index));
    buffer.index = 0;
  };
  for (const [start, end] of ranges(table.length, batchSize)) {
    signal?.throwIfAborted();
    await writer.write({
      columnData: columns.map(({ name, read, convert }) => ({ name, data: Array.from({ length: end - start }, (_, i) => convert(read(start + i))) })),
      rowGroupSize: batchSize,
    });
    await flush();
  }
  await writer.finish();
  await flush();
  return out.close();
}
