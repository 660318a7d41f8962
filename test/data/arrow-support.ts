// What the tests of Arrow files share: rows of tables, Python's golden files, folders that go away.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import type { Features } from "../../src/data/columns/features.js";
import { RowWriter } from "../../src/data/columns/row-writer.js";
import type { Table } from "../../src/data/columns/table.js";
import { packageRoot } from "../../src/package-root.js";

export type AnyRow = Record<string, unknown>;

export const goldenFolder = join(packageRoot(import.meta.url), "test/golden/arrow");

/** Values that JSON cannot say: { "$date": "..." } and so on. */
function revive(_: string, value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if ("$date" in value) return new Date(value.$date as string);
  if ("$bytes" in value) return Uint8Array.from(Buffer.from(value.$bytes as string, "hex"));
  return "$bigint" in value ? BigInt(value.$bigint as string) : value;
}
export interface Golden {
  readonly features: string;
  readonly metadata: { readonly info: { readonly features: unknown } };
  readonly rows: readonly AnyRow[];
  readonly colors: readonly unknown[];
  readonly slice: readonly AnyRow[];
  readonly saved: { readonly fingerprint: string; readonly text: readonly string[] };
}
export const golden = (): Golden => JSON.parse(readFileSync(join(goldenFolder, "golden.json"), "utf8"), revive) as Golden;

export function rowsOf(table: Table): AnyRow[] {
  const readers = [...table.columns.keys()].map((name) => [name, table.reader(name)] as const);
  return Array.from({ length: table.length }, (_, i) => Object.fromEntries(readers.map(([name, read]) => [name, read(i)])));
}
export function tableOfRows(features: Features, rows: readonly AnyRow[]): Table {
  const writer = new RowWriter(features);
  for (const row of rows) writer.push(row);
  return writer.finish();
}
export const featuresOf = (table: Table): Features => Object.fromEntries([...table.columns].map(([name, { feature }]) => [name, feature]));

export function temporaryFolder(name: string): string {
  const folder = mkdtempSync(join(tmpdir(), name));
  after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
