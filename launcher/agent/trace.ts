// What Node prints of an uncaught error: taken out of a worker's stderr, because the failure report says it better.

/**
 * The text without the trace of the error whose stack begins with this line. Node prints the place with the source line and an arrow, then the stack with the error's other properties, then its own version.
 * A text without such a trace comes back as it is.
 */
export function withoutTrace(text: string, stack: string): string {
  const [first = ""] = stack.split("\n");
  const lines = text.split("\n");
  const at = lines.findLastIndex((line) => first !== "" && (line === first || line === `Uncaught ${first}`));
  if (at < 0) return text;
  let end = at;
  while (end < lines.length && !/^Node\.js v\d/.test(lines[end]!)) end++;
  if (end === lines.length) return text;
  // Up from the stack: empty lines, the arrow, the source line, the place.
  let from = at;
  while (from > 0 && lines[from - 1] === "") from--;
  const arrow = from - 1;
  const place = lines.slice(Math.max(0, arrow - 6), Math.max(0, arrow)).findLastIndex((line) => /^\S.*:\d+$/.test(line));
  if (arrow >= 0 && /^\s*\^+\s*$/.test(lines[arrow]!) && place >= 0) from = Math.max(0, arrow - 6) + place;
  while (from > 0 && lines[from - 1] === "") from--;
  return [...lines.slice(0, from), ...lines.slice(end + 1)].join("\n");
}
