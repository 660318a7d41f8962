// The names of options. Types find wrong ones, but programs whose types are only stripped run all the same.
import { ArgumentError } from "./errors.js";

/** All names that options of this type can have. */
export type OptionNames<T> = { readonly [K in keyof Required<T>]: true };

const camelCase = (name: string): string => name.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
const has = (names: object, name: string): boolean => Object.hasOwn(names, name);

/**
 * `groups`: other places, by name, where an option may belong.
 * @throws ArgumentError ERR_OPTIONS for a name that is not known, with what was meant, and for what is no object.
 */
export function checkNames(what: string, options: object, known: object, groups: Readonly<Record<string, object>> = {}): void {
  const given: unknown = options;
  if (typeof given !== "object" || given === null)
    throw new ArgumentError(`${what} was given ${typeof given === "object" ? "null" : JSON.stringify(given)} in the place of options`, {
      code: "ERR_OPTIONS",
      hint: `name it: { ${Object.keys(known)[0]}: ... }`,
    });
  const unknown = Object.keys(options).find((name) => !has(known, name));
  if (unknown === undefined) return;
  const name = camelCase(unknown);
  const group = Object.entries(groups).find(([, names]) => names !== known && has(names, name))?.[0];
  const all = Object.keys(known).join(", ");
  const hint = has(known, name) ? `write ${name}` : group ? `it belongs to ${group}: { ${name} }` : all ? `its options are ${all}` : "it has none";
  throw new ArgumentError(`${what} has no option ${unknown}`, { code: "ERR_OPTIONS", hint });
}
