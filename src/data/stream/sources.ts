// Shards of tables, of generators and of files.
import { inspect } from "node:util";
import { ArgumentError } from "../../errors.js";
import type { Table } from "../columns/table.js";
import type { StreamRow } from "./cursor.js";
import type { ShardSource } from "./source.js";

/** A function that makes a row of a table. */
export function rowsOfTable(table: Table): (i: number) => StreamRow {
  const readers = [...table.columns.keys()].map((name) => [name, table.reader(name)] as const);
  return (i) => {
    const row: StreamRow = {};
    for (const [name, read] of readers) row[name] = read(i);
    return row;
  };
}

/** Neighbouring rows each, the first ones one more. @throws ArgumentError ERR_COUNT */
export function tableShards(table: Table, shards: number): readonly ShardSource[] {
  if (!Number.isInteger(shards) || shards < 1 || (shards > table.length && shards > 1))
    throw new ArgumentError(`numShards is ${String(shards)}`, {
      code: "ERR_COUNT",
      hint: `give a whole number from 1 to the number of rows (${table.length})`,
    });
  const read = rowsOfTable(table);
  const [each, more] = [Math.floor(table.length / shards), table.length % shards];
  return Array.from({ length: shards }, (_, k) => {
    const start = each * k + Math.min(k, more);
    const end = start + each + (k < more ? 1 : 0);
    return {
      *rows(skip) {
        for (let i = start + skip; i < end; i++) yield read(i);
      },
    };
  });
}

/** One call for each item of the lists in the arguments, which must be of one length. @throws ArgumentError ERR_STREAM_SHARDS */
export function generatorShards(generator: (kwargs: object) => Iterable<object> | AsyncIterable<object>, kwargs: object): readonly ShardSource[] {
  if (typeof generator !== "function")
    throw new ArgumentError(`fromGenerator: ${generator === null ? "null" : typeof generator} is no function`, {
      code: "ERR_STREAM_ROW",
      hint: "give a function that gives rows: function* () { yield { ... } }",
    });
  const lists = Object.entries(kwargs).filter((entry): entry is [string, unknown[]] => Array.isArray(entry[1]));
  const lengths = new Set(lists.map(([, list]) => list.length));
  if (lengths.size > 1)
    throw new ArgumentError(`genKwargs has lists of different lengths: ${lists.map(([name, list]) => `${name} ${list.length}`).join(", ")}`, {
      code: "ERR_STREAM_SHARDS",
      hint: "each list's items are shared out: give lists of one length, and other lists within an object",
    });
  const shards = Math.max(1, [...lengths][0] ?? 1);
  return Array.from({ length: shards }, (_, k) => ({
    async *rows(skip: number) {
      const own = shards === 1 ? kwargs : { ...kwargs, ...Object.fromEntries(lists.map(([name, list]) => [name, [list[k]]])) };
      let seen = 0;
      const given: unknown = generator(own);
      if (typeof given !== "object" || given === null || !(Symbol.asyncIterator in given || Symbol.iterator in given))
        throw new ArgumentError(`the generator gave ${inspect(given, { depth: 0 })}`, {
          code: "ERR_STREAM_ROW",
          hint: "it gives rows one by one: function* () { yield { ... } }",
        });
      for await (const row of given as AsyncIterable<object>) {
        if (typeof row !== "object" || row === null)
          throw new ArgumentError(`the generator gave ${String(row)}`, { code: "ERR_STREAM_ROW", hint: "rows are objects of columns, { name: value }" });
        if (seen++ >= skip) yield row as StreamRow;
      }
    },
  }));
}
