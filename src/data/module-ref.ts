// Exports of modules as users name them, { filename, name }: their addresses, and importing them.
import { statSync } from "node:fs";
import { isAbsolute, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { ArgumentError } from "../errors.js";
import type { ModuleRef } from "./types.js";

export const isModuleRef = (value: unknown): value is ModuleRef =>
  typeof value === "object" && value !== null && "filename" in value && "name" in value && typeof value.name === "string";

/** @throws ArgumentError ERR_MODULE_EXPORT when there is no such file. */
export function moduleUrl({ filename }: ModuleRef): string {
  if (filename instanceof URL || /^[a-z]+:\/\//.test(filename)) return String(filename);
  const file = isAbsolute(filename) ? filename : resolve(filename);
  if (!statSync(file, { throwIfNoEntry: false })?.isFile())
    throw new ArgumentError(`there is no module ${file}`, {
      code: "ERR_MODULE_EXPORT",
      hint: "give a path that is absolute or relative to where the program was started, or a URL: new URL('./lib.js', import.meta.url)",
    });
  return pathToFileURL(file).href;
}

/** Imports a function. @throws ArgumentError ERR_MODULE_EXPORT when the module has none of the name. */
export async function importFunction(url: string, name: string): Promise<(...args: unknown[]) => unknown> {
  const exports = (await import(url)) as Record<string, unknown>;
  const found = Object.hasOwn(exports, name) ? exports[name] : undefined;
  if (typeof found === "function") return found as (...args: unknown[]) => unknown;
  const names = Object.keys(exports).filter((key) => typeof exports[key] === "function");
  throw new ArgumentError(`${url} exports no function ${name}`, { code: "ERR_MODULE_EXPORT", hint: `its functions are ${names.join(", ") || "none"}` });
}
