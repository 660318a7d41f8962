// How a module prints: layer by layer, as torch's repr.
import { Parameter } from "../tensor/index.js";

/** What is asked of a module. */
interface Shown {
  readonly constructor: { readonly name: string };
  extraRepr(): string;
}
type IsModule = (value: unknown) => value is Shown;

const indented = (text: string): string => text.replaceAll("\n", "\n  ");
/** `Name(extra)` on one line where there are no parts, else a part per line. */
function block(name: string, extra: string, parts: readonly string[]): string {
  if (parts.length === 0 && !extra.includes("\n")) return `${name}(${extra})`;
  return `${name}(\n  ${[...(extra ? extra.split("\n") : []), ...parts.map(indented)].join("\n  ")}\n)`;
}

/** Equal neighbours of a list are told once: `(0-11): 12 x BertLayer(...)`. */
function listOf(items: readonly string[]): string {
  const parts: string[] = [];
  for (let i = 0; i < items.length; ) {
    let end = i + 1;
    while (end < items.length && items[end] === items[i]) end++;
    parts.push(end - i === 1 ? `(${i}): ${items[i]}` : `(${i}-${end - 1}): ${end - i} x ${items[i]}`);
    i = end;
  }
  return block("ModuleList", "", parts);
}

/** Text of a field that holds modules; undefined for others. */
function fieldRepr(value: unknown, isModule: IsModule): string | undefined {
  if (isModule(value)) return moduleRepr(value, isModule);
  if (Array.isArray(value)) {
    const items = value.map((item) => fieldRepr(item, isModule));
    return items.length > 0 && items.every((item) => item !== undefined) ? listOf(items) : undefined;
  }
  if (!(value instanceof Map)) return undefined;
  const entries = [...value].map(([key, item]) => [String(key), fieldRepr(item, isModule)] as const);
  if (entries.length === 0 || entries.some(([, item]) => item === undefined)) return undefined;
  return block(
    "ModuleDict",
    "",
    entries.map(([key, item]) => `(${key}): ${item}`),
  );
}

/** The text of a module and of all below it. One without modules of its own that says nothing of itself shows its parameters' shapes. */
export function moduleRepr(module: Shown, isModule: IsModule): string {
  const fields = Object.entries(module);
  const parts = fields.flatMap(([field, value]) => {
    const text = fieldRepr(value, isModule);
    return text === undefined ? [] : [`(${field}): ${text}`];
  });
  const own = parts.length === 0 ? fields.flatMap(([field, value]) => (value instanceof Parameter ? [`${field}=[${value.shape.join(", ")}]`] : [])) : [];
  return block(module.constructor.name, module.extraRepr() || own.join(", "), parts);
}

/** A number as Python prints it: 1e-12, 0.1, 1.0. */
export function pythonFloat(x: number): string {
  if (Number.isInteger(x) && Math.abs(x) < 1e16) return `${x}.0`;
  const size = Math.abs(x);
  if (size < 1e-4 && size > 0) {
    const [digits, power] = x.toExponential().split("e-") as [string, string];
    return `${digits}e-${power.padStart(2, "0")}`;
  }
  return String(x);
}
export const pythonBool = (x: boolean): string => (x ? "True" : "False");
