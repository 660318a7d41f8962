// What of a loader can be sent to threads: names of code with options that survive structured clone, and tables; never code.
import { inspect } from "node:util";
import { ArgumentError } from "../../errors.js";
import { Dataset } from "../dataset/dataset.js";
import { isModuleRef, moduleUrl } from "../module-ref.js";
import type { MapperDescriptor, ModuleRef } from "../types.js";
import type { ExportRef, TravellingRows } from "./exported.js";

export const refOfModule = (ref: ModuleRef): ExportRef => ({ url: moduleUrl(ref), name: ref.name });

/** What an object says of how another thread makes it: `descriptor`, { module, name, options } or a ModuleRef with options. */
function descriptorOf(value: unknown): ExportRef | undefined {
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

/** How threads come by the rows of a map-style dataset. A Dataset with a transform, which is a function, makes its rows here. */
export function travellingRows(dataset: object): TravellingRows | undefined {
  if (dataset instanceof Dataset) {
    const format = Dataset.formatOf(dataset);
    return format.transform ? undefined : { kind: "table", table: Dataset.tableOf(dataset).data(), format };
  }
  const ref = descriptorOf(dataset);
  return ref && { kind: "export", ref };
}

/** What threads must know anew when it has changed: the format of a Dataset. */
export const shownAs = (dataset: object | undefined): unknown => (dataset instanceof Dataset ? Dataset.formatOf(dataset) : undefined);

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
