// "did you mean": the name among some that looks most like what was written. No imports: the command line reads it, too.

/** Letters to change, add or leave out until a becomes b. */
export function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) next[j] = Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1));
    row = next;
  }
  return row[b.length]!;
}

/** undefined: none is close. */
export function similar(word: string, names: Iterable<string>): string | undefined {
  let best: string | undefined;
  let least = Math.ceil(word.length * 0.4) + 1;
  for (const name of names) {
    const far = distance(word, name);
    if (far < least) [best, least] = [name, far];
  }
  return best;
}

/** " (did you mean x?)", or nothing. */
export function didYouMean(word: string, names: Iterable<string>): string {
  const name = similar(word, names);
  return name === undefined ? "" : ` (did you mean ${name}?)`;
}
