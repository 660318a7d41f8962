// How datasets print: the texts of Python's datasets, byte for byte.

/** What Python's isprintable refuses. */
function codeEscape(char: string): string {
  const code = char.codePointAt(0)!;
  const [letter, digits] = code < 0x100 ? ["x", 2] : code < 0x10000 ? ["u", 4] : ["U", 8];
  return `\\${letter}${code.toString(16).padStart(digits as number, "0")}`;
}

/** Python's repr of a string: single quotes unless the text holds one and no double quote. */
export function pythonString(text: string): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  const escaped = text
    .replaceAll("\\", "\\\\")
    .replaceAll("\n", "\\n")
    .replaceAll("\r", "\\r")
    .replaceAll("\t", "\\t")
    .replaceAll(/(?! )[\p{C}\p{Z}]/gu, codeEscape);
  return quote + (quote === "'" ? escaped.replaceAll("'", "\\'") : escaped) + quote;
}
export const pythonList = (texts: readonly string[]): string => `[${texts.map(pythonString).join(", ")}]`;

/** Dataset({ features: [...], num_rows: N }) over four lines. */
export const datasetText = (columns: readonly string[], length: number): string =>
  `Dataset({\n    features: ${pythonList(columns)},\n    num_rows: ${length}\n})`;

/** DatasetDict({ train: Dataset({...}) ... }), every line of a split four spaces deeper. */
export function datasetDictText(splits: readonly (readonly [name: string, text: string])[]): string {
  if (splits.length === 0) return "DatasetDict({\n    \n})";
  const lines = splits.map(([name, text]) =>
    `${name}: ${text}`
      .split("\n")
      .map((line) => `    ${line}\n`)
      .join(""),
  );
  return `DatasetDict({\n${lines.join("")}})`;
}
