// Files of settings in YAML or JSON: one mapping of keys to plain values, with the line of each.
import { isMap, isScalar, LineCounter, parseDocument } from "yaml";
import { UsageError } from "../usage.js";
import { type ConfigEntry, placeOf } from "./config-entries.js";

/** @throws UsageError with the place of what cannot be read. */
export function entriesOfYaml(text: string, name: string): ConfigEntry[] {
  const lineCounter = new LineCounter();
  const document = parseDocument(text, { lineCounter, prettyErrors: false, logLevel: "error" });
  const [error] = document.errors;
  if (error) {
    const { line, col } = lineCounter.linePos(error.pos[0]);
    const what = error.code === "MULTIPLE_DOCS" ? "a second document begins: settings stand in one" : error.message;
    throw new UsageError(`${name}:${line}:${col}: ${what}`);
  }
  const { contents } = document;
  if (contents === null || (isScalar(contents) && contents.value === null)) return [];
  if (!isMap(contents)) throw new UsageError(`${name}: no mapping of keys to values, such as num_processes: 2`);
  /** Aliases may lead nowhere, or to very much. */
  const plain = (node: unknown, line: number | undefined): unknown => {
    try {
      return node === null ? null : (node as { toJS(owner: typeof document): unknown }).toJS(document);
    } catch (cause) {
      throw new UsageError(`${placeOf(name, line)}: ${(cause as Error).message}`, { cause });
    }
  };
  return contents.items.map(({ key, value }) => {
    const at = isScalar(key) && key.range ? lineCounter.linePos(key.range[0]).line : undefined;
    return { key: String(isScalar(key) ? key.value : key), value: plain(value, at), ...(at !== undefined && { line: at }) };
  });
}
