// CSV as RFC 4180 has it: cells, the columns of a first line, and rows made longer for columns that came later.

/** One cell, quoted where it must be. */
export function cell(value: number | string | boolean | undefined): string {
  if (value === undefined) return "";
  const text = String(value);
  return /[",\r\n]/.test(text) || text !== text.trim() ? `"${text.replaceAll('"', '""')}"` : text;
}
export const row = (values: readonly (number | string | boolean | undefined)[]): string => `${values.map(cell).join(",")}\n`;

/** Where the rows of a text end: at line breaks outside of quotes. A last row without one ends with the text. */
function* rows(text: string): Generator<string> {
  let [begin, quoted] = [0, false];
  for (let i = 0; i < text.length; i++) {
    const letter = text[i];
    if (letter === '"') quoted = !quoted;
    else if (letter === "\n" && !quoted) {
      yield text.slice(begin, i).replace(/\r$/, "");
      begin = i + 1;
    }
  }
  if (begin < text.length) yield text.slice(begin);
}

/** The cells of one row. */
export function cells(line: string): string[] {
  const out: string[] = [];
  for (const match of `,${line}`.matchAll(/,(?:"((?:[^"]|"")*)"|([^,]*))/g)) out.push(match[1] === undefined ? match[2]! : match[1].replaceAll('""', '"'));
  return out;
}

/** All rows of a text. */
export const parseCsv = (text: string): string[][] => [...rows(text)].map(cells);

/** The same table with these columns, of which the first ones are those it has; rows that are too short (a killed process left one) are filled up. */
export function widen(text: string, columns: readonly string[]): string {
  const lines = [...rows(text)].slice(1).map((line) => line + ",".repeat(Math.max(0, columns.length - cells(line).length)));
  return row(columns) + lines.map((line) => `${line}\n`).join("");
}
