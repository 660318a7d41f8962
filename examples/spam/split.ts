// Splits texts by seed such that equal ones never lie on both sides.
import { createHash } from "node:crypto";

export interface Split<T> {
  readonly train: T[];
  readonly test: T[];
}

/**
 * Puts about `testSize` of the items aside. Mails that were sent twice differ in little but case, spacing and numbers: those count as equal and stay together,
 * else the test would ask for texts that were learned by heart. The order of the groups is a hash of seed and text, not of their place in the corpus.
 *
 * @example
 * const { train, test } = splitByText(mails, { text: (mail) => mail.subject + mail.body, testSize: 0.2, seed: 42 });
 */
export function splitByText<T>(
  items: readonly T[],
  options: { readonly text: (item: T) => string; readonly testSize: number; readonly seed: number },
): Split<T> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const key = createHash("sha256")
      .update(`${options.seed}\n${normalize(options.text(item))}`)
      .digest("hex");
    const group = groups.get(key);
    if (group) group.push(item);
    else groups.set(key, [item]);
  }
  const wanted = Math.round(items.length * options.testSize);
  const test = new Set<T>();
  for (const key of [...groups.keys()].sort()) {
    const group = groups.get(key)!;
    if (test.size + group.length <= wanted) for (const item of group) test.add(item);
  }
  return { train: items.filter((item) => !test.has(item)), test: items.filter((item) => test.has(item)) };
}

/** Letters only, in lower case. */
export function normalize(text: string): string {
  return text
    .toLowerCase()
    .replace(/[^\p{L}]+/gu, " ")
    .trim();
}
