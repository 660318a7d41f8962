// Values in messages and lists.

const MAX_TEXT = 60;

/** As a person would write it; what is long is cut. */
export function valueText(value: unknown): string {
  const text = typeof value === "string" ? (value === "" || /[\s"]/.test(value) ? JSON.stringify(value) : value) : (JSON.stringify(value) ?? String(value));
  return text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}...` : text;
}
