// JSON whose integers keep all their digits: beyond 2^53 they are bigints, which JSON.parse and JSON.stringify do not know.

const MARK = "\u0000int:";
const LITERALS = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;
const [LEAST, MOST] = [-(2n ** 63n), 2n ** 64n - 1n];

/** A 64-bit integer that a number would round. */
function isWide(literal: string): boolean {
  if (literal.length < 16 || !/^-?\d+$/.test(literal) || Number.isSafeInteger(Number(literal))) return false;
  const value = BigInt(literal);
  return value >= LEAST && value <= MOST;
}

/** As JSON.parse, with integers of 64 bits as bigints where a number would round them. @throws SyntaxError */
export function parseJson(text: string): unknown {
  if (!/\d{16}/.test(text)) return JSON.parse(text);
  let found = false;
  const marked = text.replace(LITERALS, (literal) => {
    if (literal.startsWith('"') || !isWide(literal)) return literal;
    found = true;
    return `"\\u0000int:${literal}"`;
  });
  if (found) {
    try {
      return JSON.parse(marked, (_, value: unknown) => (typeof value === "string" && value.startsWith(MARK) ? BigInt(value.slice(MARK.length)) : value));
    } catch {
      // The places in the message are those of the text itself.
    }
  }
  return JSON.parse(text);
}

/** As JSON.stringify, with all digits of bigints; undefined for what JSON has nothing for. */
export function stringifyJson(value: unknown): string | undefined {
  let found = false;
  const text = JSON.stringify(value, (_, inner: unknown) => {
    if (typeof inner !== "bigint") return inner;
    found = true;
    return MARK + String(inner);
  }) as string | undefined;
  return found ? text!.replaceAll(/"\\u0000int:(-?\d+)"/g, "$1") : text;
}
