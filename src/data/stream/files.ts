// Streams of files: each file is a shard, read as it is iterated.
import type { Table } from "../columns/table.js";
import { rowsOfTable } from "./sources.js";
import type { ShardSource } from "./source.js";
import type { StreamRow } from "./cursor.js";

/** The tables of a file; `skip` rows may be left out, of which `skipped` tells. */
export interface TablesFrom {
  readonly skipped: number;
  readonly tables: AsyncIterable<Table>;
}

/** `tables(skip)` may begin behind rows that are not wanted, and says how many it left out. */
export function tablesShard(tables: (skip: number) => TablesFrom | Promise<TablesFrom>): ShardSource {
  return {
    async *rows(skip: number): AsyncGenerator<StreamRow> {
      const { skipped, tables: rest } = await tables(skip);
      let left = skip - skipped;
      for await (const table of rest) {
        if (left >= table.length) {
          left -= table.length;
          continue;
        }
        const read = rowsOfTable(table);
        for (let i = left; i < table.length; i++) yield read(i);
        left = 0;
      }
    },
  };
}
