// Tokenization as a column job: text columns in, ragged int columns out, all in shared memory; runs in any thread.
import type { ColumnJob } from "../data/columns/column-data.js";
import { ListWriter, NumberWriter } from "../data/columns/column-writer.js";
import { tableOf } from "../data/columns/table.js";
import { ArgumentError } from "../errors.js";
import { Encoder } from "./encoder.js";
import type { ResolvedOptions } from "./options.js";
import { type Filling, padRow } from "./padding.js";

/** Survives structured clone: the tokenizer travels as the bytes of its tokenizer.json in shared memory. */
export interface TokenizeJobOptions {
  readonly json: Uint8Array;
  readonly text: string;
  readonly pair: string | undefined;
  readonly resolved: ResolvedOptions;
  readonly filling: Filling;
  readonly typeIds: boolean;
}

/** Makes the job; called in the thread that runs it. */
export function tokenizeJob({ json, text, pair, resolved, filling, typeIds }: TokenizeJobOptions): ColumnJob {
  const encoder = new Encoder(Buffer.from(json.buffer, json.byteOffset, json.byteLength).toString("utf8"));
  return async (data, start, end) => {
    const table = tableOf(data);
    const column = (name: string): string[] => {
      const read = table.reader(name);
      return Array.from({ length: end - start }, (_, i) => {
        const value = read(start + i);
        if (typeof value === "string") return value;
        throw new ArgumentError(`column ${name} holds ${value === null ? "null" : typeof value} in row ${start + i}`, {
          code: "ERR_TEXT_INPUT",
          hint: "a tokenizer takes texts: filter such rows out or fill them",
        });
      });
    };
    const [ids, types, mask] = [new ListWriter(new NumberWriter("int32")), new ListWriter(new NumberWriter("int8")), new ListWriter(new NumberWriter("int8"))];
    const rows: { ids: number[]; types: number[] }[] = [];
    for await (const encodings of encoder.encode(column(text), pair === undefined ? undefined : column(pair), { truncation: resolved.truncation })) {
      for (const encoding of encodings) rows.push({ ids: encoding.getIds(), types: typeIds ? encoding.getTypeIds() : [] });
    }
    const width =
      resolved.padding === "longest" ? rows.reduce((most, row) => Math.max(most, row.ids.length), 0) : resolved.padding === "none" ? 0 : resolved.padding;
    for (const row of rows) {
      const ones = new Array<number>(row.ids.length).fill(1);
      for (const [writer, values, fill] of [
        [ids, row.ids, filling.id],
        [types, row.types, filling.type],
        [mask, ones, 0],
      ] as const) {
        writer.items.pushAll(padRow(values, width, fill, filling.side));
        writer.endRow();
      }
    }
    return { input_ids: ids.finish(), ...(typeIds ? { token_type_ids: types.finish() } : {}), attention_mask: mask.finish() };
  };
}
