// JSON as Python's json.dumps writes it: ", " and ": ", and nothing but ASCII.

const ascii = (text: string): string => JSON.stringify(text).replaceAll(/[\u007f-\uffff]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);

/** @param indent spaces per level, as json.dumps(indent=...); without it all is one line */
export function pythonJson(value: unknown, indent?: number, depth = 0): string {
  if (typeof value === "string") return ascii(value);
  if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? "null";
  const list = Array.isArray(value);
  const items = list
    ? value.map((item) => pythonJson(item, indent, depth + 1))
    : Object.entries(value)
        .filter(([, item]) => item !== undefined)
        .map(([key, item]) => `${ascii(key)}: ${pythonJson(item, indent, depth + 1)}`);
  const [open, close] = list ? ["[", "]"] : ["{", "}"];
  if (items.length === 0) return open + close;
  if (indent === undefined) return `${open}${items.join(", ")}${close}`;
  const line = `\n${" ".repeat(indent * (depth + 1))}`;
  return `${open}${line}${items.join(`,${line}`)}\n${" ".repeat(indent * depth)}${close}`;
}
