// What threads can be sent of a loader: names of code with options that survive structured clone, and tables; never code.
import { isAbsolute, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { inspect } from "node:util";
import { ArgumentError } from "../../errors.js";
import type { TableData } from "../columns/column-data.js";
import { Dataset } from "../dataset/dataset.js";
import type { MapperDescriptor, ModuleRef } from "../types.js";

/** An export of a module. With options it is a maker, called with them; without it is the thing itself. */
export interface ExportRef {
  readonly url: string;
  readonly name: string;
  readonly options?: { readonly value: unknown };
}
/** The rows as a thread finds them; undefined when the loader's thread reads them and sends each batch's. */
export type TravellingRows = { readonly kind: "table"; readonly table: TableData } | { readonly kind: "export"; readonly ref: ExportRef };

export const isModuleRef = (value: unknown): value is ModuleRef =>
  typeof value === "object" && value !== null && "filename" in value && "name" in value && typeof value.name === "string";

export function refOfModule({ filename, name }: ModuleRef): ExportRef {
  const url =
    filename instanceof URL || /^[a-z]+:\/\//.test(filename) ? String(filename) : pathToFileURL(isAbsolute(filename) ? filename : resolve(filename)).href;
  return { url, name };
}

/** What an object says of how another thread makes it: `descriptor`, { module, name, options } or a ModuleRef with options. */
export function descriptorOf(value: unknown): ExportRef | undefined {
  if ((typeof value !== "object" && typeof value !== "function") || value === null || !("descriptor" in value)) return undefined;
  const { descriptor } = value as { readonly descriptor: unknown };
  if (descriptor === undefined) return undefined;
  const options = { value: (descriptor as { readonly options?: unknown } | null)?.options };
  if (isModuleRef(descriptor)) return { ...refOfModule(descriptor), options };
  const { module: url, name } = (descriptor ?? {}) as Partial<MapperDescriptor>;
  if (typeof url === "string" && typeof name === "string") return { url, name, options };
  throw new ArgumentError(`DataLoader: a descriptor is ${inspect(descriptor, { depth: 0 })}`, {
    code: "ERR_LOADER_OPTIONS",
    hint: "give { module, name, options }: the URL of a module, the name of its function that makes the object, and what that is called with",
  });
}

/** How threads come by the rows of a map-style dataset. */
export function travellingRows(dataset: object): TravellingRows | undefined {
  if (dataset instanceof Dataset) return { kind: "table", table: Dataset.tableOf(dataset).data() };
  const ref = descriptorOf(dataset);
  return ref && { kind: "export", ref };
}

/** @throws ArgumentError ERR_CLOSURE_TRAVEL for a collator that only this thread has. */
export function travellingCollator(collateFn: unknown): ExportRef {
  if (isModuleRef(collateFn)) return refOfModule(collateFn);
  const ref = descriptorOf(collateFn);
  if (ref) return ref;
  throw new ArgumentError("DataLoader: collateFn is a closure and cannot travel to other threads (numWorkers)", {
    code: "ERR_CLOSURE_TRAVEL",
    hint: "give a collator of the library, or { filename, name } of a module's export; or leave numWorkers out",
  });
}

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
