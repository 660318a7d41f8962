// Code that is named rather than sent: exports of modules, imported where they are needed.
import { inspect } from "node:util";
import { ArgumentError } from "../../errors.js";
import type { TableData } from "../columns/column-data.js";
import type { Format } from "../dataset/format.js";

/** An export of a module. With options it is a maker, called with them; without it is the thing itself. */
export interface ExportRef {
  readonly url: string;
  readonly name: string;
  readonly options?: { readonly value: unknown };
}
/** The rows as a thread finds them; undefined when the loader's thread reads them and sends each batch's. */
export type TravellingRows =
  | { readonly kind: "table"; readonly table: TableData; readonly format: Format }
  | { readonly kind: "export"; readonly ref: ExportRef };

/** Imports what a reference names. @throws ArgumentError ERR_MODULE_EXPORT */
export async function exported(ref: ExportRef): Promise<unknown> {
  const exports = (await import(ref.url)) as Record<string, unknown>;
  const found = exports[ref.name];
  if (found === undefined || (ref.options && typeof found !== "function"))
    throw new ArgumentError(`${ref.url} exports no ${ref.options ? "function " : ""}${ref.name}`, {
      code: "ERR_MODULE_EXPORT",
      hint: `its exports are ${Object.keys(exports).join(", ") || "none"}`,
    });
  return ref.options ? await (found as (options: unknown) => unknown)(ref.options.value) : found;
}
/** The same of a collator or another function. @throws ArgumentError ERR_MODULE_EXPORT */
export async function exportedFunction(ref: ExportRef): Promise<(...args: unknown[]) => unknown> {
  const found = await exported(ref);
  if (typeof found === "function") return found as (...args: unknown[]) => unknown;
  throw new ArgumentError(`${ref.url}: ${ref.name} is ${inspect(found, { depth: 0 })}`, { code: "ERR_MODULE_EXPORT", hint: "name a function" });
}
