// Tokenization as a column job: text columns in, ragged int columns out, all in shared memory; runs in any thread.
import type { ColumnData, ColumnJob } from "../data/columns/column-data.js";
import { ListWriter, NumberWriter } from "../data/columns/column-writer.js";
import { type Table, tableOf } from "../data/columns/table.js";
import { ArgumentError } from "../errors.js";
import { columnsOf } from "./columns.js";
import type { Encoding } from "./encoding.js";
import { Engine } from "./engine.js";
import { FastJob } from "./fast-job.js";
import { type Plan, widthOf } from "./options.js";
import type { TokenizerJson } from "./tokenizer-json.js";

/** Survives structured clone: the tokenizer travels as the bytes of its tokenizer.json in shared memory. */
export interface TokenizeJobOptions {
  readonly json: Uint8Array;
  readonly text: string;
  readonly pair: string | undefined;
  readonly plan: Plan;
}

/** Makes the job; called in the thread that runs it. */
export function tokenizeJob({ json, text, pair, plan }: TokenizeJobOptions): ColumnJob {
  const engine = new Engine(JSON.parse(Buffer.from(json.buffer, json.byteOffset, json.byteLength).toString("utf8")) as TokenizerJson);
  const fast = engine.fast && FastJob.fits(plan) ? new FastJob(engine.fast, engine.postProcessor, plan) : undefined;
  return async (data, start, end) => {
    const table = tableOf(data);
    const texts = textsOf(table, text, start, end);
    const pairs = pair === undefined ? undefined : textsOf(table, pair, start, end);
    return fast?.run(texts, pairs) ?? byRows(engine, plan, texts, pairs);
  };
}

function textsOf(table: Table, name: string, start: number, end: number): string[] {
  const read = table.reader(name);
  return Array.from({ length: end - start }, (_, i) => {
    const value = read(start + i);
    if (typeof value === "string") return value;
    throw new ArgumentError(`column ${name} holds ${value === null ? "null" : typeof value} in row ${start + i}`, {
      code: "ERR_TEXT_INPUT",
      hint: "a tokenizer takes texts: filter such rows out or fill them",
    });
  });
}

/** Any tokenizer and any options: rows first, then columns. */
async function byRows(engine: Engine, plan: Plan, texts: readonly string[], pairs: readonly string[] | undefined): Promise<Record<string, ColumnData>> {
  const first = await engine.sequences(texts, plan.utf16);
  const second = pairs && (await engine.sequences(pairs, plan.utf16));
  const rows: Encoding[] = [];
  const samples = new NumberWriter("int64");
  first.forEach((sequence, i) => {
    for (const row of engine.rows(sequence, second?.[i], plan)) {
      rows.push(row);
      samples.push(i);
    }
  });
  const width = widthOf(
    plan.padding,
    rows.reduce((most, row) => Math.max(most, row.filled), 0),
  );
  for (const row of rows) row.pad(width, plan.filling, "");
  const out: Record<string, ColumnData> = {};
  for (const { name, values } of columnsOf(plan)) {
    const items = new NumberWriter(name === "input_ids" || name === "offset_mapping" || name === "lengths" ? "int32" : "int8");
    const writer = name === "lengths" ? items : name === "offset_mapping" ? new ListWriter(new ListWriter(items)) : new ListWriter(items);
    for (const row of rows) writer.push(values(row));
    out[name] = writer.finish();
  }
  return plan.overflow ? { ...out, overflow_to_sample_mapping: samples.finish() } : out;
}
