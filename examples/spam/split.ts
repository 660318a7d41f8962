// Splits texts by seed such that equal ones never lie on both sides.
import { createHash } from "node:crypto";

/** Row numbers, in ascending order. */
export interface Split {
  readonly train: number[];
  readonly test: number[];
}

/**
 * Puts about `testSize` of the texts aside. Mails that were sent twice differ in little but case, spacing and numbers: those count as equal and stay together,
 * else the test would ask for texts that were learned by heart. The order of the groups is a hash of seed and text, not of their place in the corpus.
 *
 * @example
 * const { train, test } = splitByText(["Buy 1", "buy 2", "hello"], { testSize: 0.3, seed: 42 }); // 0 and 1 lie on one side
 */
export function splitByText(texts: readonly string[], options: { readonly testSize: number; readonly seed: number }): Split {
  const groups = new Map<string, number[]>();
  texts.forEach((text, row) => {
    const key = createHash("sha256")
      .update(`${options.seed}\n${normalize(text)}`)
      .digest("hex");
    const group = groups.get(key);
    if (group) group.push(row);
    else groups.set(key, [row]);
  });
  const wanted = Math.round(texts.length * options.testSize);
  const test = new Set<number>();
  for (const key of [...groups.keys()].sort()) {
    const group = groups.get(key)!;
    if (test.size + group.length <= wanted) for (const row of group) test.add(row);
  }
  const rows = texts.map((_, row) => row);
  return { train: rows.filter((row) => !test.has(row)), test: rows.filter((row) => test.has(row)) };
}

/** Letters only, in lower case. */
export function normalize(text: string): string {
  return text
    .toLowerCase()
    .replace(/[^\p{L}]+/gu, " ")
    .trim();
}
