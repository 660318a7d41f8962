// Arguments from a JSON or YAML file.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { ArgumentError } from "../../../errors.js";
import { camelCase, isRecord } from "../names.js";
import { type KnownArguments, suggested } from "./known.js";

/** Loaded by programs that read such a file, and by no others. */
const yaml = (): Pick<typeof import("yaml"), "parse"> => createRequire(import.meta.url)("yaml") as typeof import("yaml");

export const isArgumentFile = (path: string): boolean => /\.(json|ya?ml)$/i.test(path);

/**
 * What the file says, by names in camelCase.
 * @throws ArgumentError ERR_TRAINING_ARGUMENTS when it cannot be read; ERR_OPTIONS for a name that is not known.
 */
export function readArgumentFile(path: string, known: KnownArguments): ReadonlyMap<string, unknown> {
  let content: unknown;
  try {
    const text = readFileSync(path, "utf8");
    content = /\.json$/i.test(path) ? JSON.parse(text) : yaml().parse(text);
  } catch (cause) {
    throw new ArgumentError(`parseArgs: ${path} cannot be read (${(cause as Error).message.split("\n")[0]})`, { code: "ERR_TRAINING_ARGUMENTS", cause });
  }
  if (!isRecord(content))
    throw new ArgumentError(`parseArgs: ${path} holds no arguments by name`, { code: "ERR_TRAINING_ARGUMENTS", hint: "such as learning_rate: 5e-5" });
  const values = new Map<string, unknown>();
  for (const [key, value] of Object.entries(content)) {
    const name = camelCase(key);
    if (!known.has(name))
      throw new ArgumentError(`parseArgs: ${path} has an argument ${key} that is not known${suggested(name, known, (near) => near)}`, { code: "ERR_OPTIONS" });
    if (values.has(name)) throw new ArgumentError(`parseArgs: ${path} says ${name} twice`, { code: "ERR_OPTIONS", hint: `once as ${key}` });
    values.set(name, value);
  }
  return values;
}
