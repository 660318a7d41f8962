// Patterns of names: Python's fnmatch, as huggingface_hub's allow_patterns take it, and fsspec's globs, as data_files of data sets. In time linear in name and pattern.

/** One step of a pattern: a test of a character, or a star over characters that pass it. */
interface Step {
  readonly accepts: (char: string) => boolean;
  readonly star: boolean;
}
const any = (): boolean => true;
const noSlash = (char: string): boolean => char !== "/";

/** `[a-z]`, `[!abc]`, `[]x]`; undefined: the bracket is not closed and stands for itself. */
function charSet(chars: readonly string[], from: number): { accepts: (char: string) => boolean; end: number } | undefined {
  const negated = chars[from + 1] === "!";
  const begin = from + (negated ? 2 : 1);
  // A bracket that closes at once is a member.
  const end = chars.indexOf("]", begin + 1);
  if (end < 0) return undefined;
  const ranges: [string, string][] = [];
  for (let i = begin; i < end; i++) {
    const ranged = chars[i + 1] === "-" && i + 2 < end;
    ranges.push([chars[i]!, ranged ? chars[i + 2]! : chars[i]!]);
    if (ranged) i += 2;
  }
  return { accepts: (char) => ranges.some(([low, high]) => char >= low && char <= high) !== negated, end };
}

function stepsOf(pattern: string, single: (char: string) => boolean): Step[] {
  const chars = [...pattern];
  const steps: Step[] = [];
  for (let i = 0; i < chars.length; i++) {
    const char = chars[i]!;
    const set = char === "[" ? charSet(chars, i) : undefined;
    if (char === "*") {
      if (!steps.at(-1)?.star) steps.push({ accepts: single, star: true });
    } else if (char === "?") steps.push({ accepts: single, star: false });
    else if (set) {
      steps.push({ accepts: (c) => set.accepts(c) && single(c), star: false });
      i = set.end;
    } else steps.push({ accepts: (c) => c === char, star: false });
  }
  return steps;
}

/** Whether the steps take the whole name: all places in the pattern that are possible are followed at once. */
function takes(steps: readonly Step[], name: string): boolean {
  // A star may take nothing, so the place behind it is possible, too.
  const spread = (places: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> => {
    for (let i = 0; i < steps.length; i++) if (places[i] && steps[i]!.star) places[i + 1] = 1;
    return places;
  };
  let places = new Uint8Array(steps.length + 1);
  places[0] = 1;
  spread(places);
  for (const char of name) {
    const next = new Uint8Array(steps.length + 1);
    for (let i = 0; i < steps.length; i++) if (places[i] && steps[i]!.accepts(char)) next[steps[i]!.star ? i : i + 1] = 1;
    places = spread(next);
  }
  return places[steps.length] === 1;
}

export type NamePattern = (name: string) => boolean;

/** Python's fnmatchcase: * and ? match slashes, too. */
export function fnmatch(pattern: string): NamePattern {
  const steps = stepsOf(pattern, any);
  return (name) => takes(steps, name);
}

const list = (patterns: string | readonly string[]): readonly NamePattern[] =>
  (typeof patterns === "string" ? [patterns] : patterns).map((pattern) => pattern.replaceAll("\\", "/")).map((p) => fnmatch(p.endsWith("/") ? `${p}*` : p));

/** Names that are allowed and not ignored. */
export function filterNames(
  names: readonly string[],
  filter: { readonly allowPatterns?: string | readonly string[] | undefined; readonly ignorePatterns?: string | readonly string[] | undefined },
): string[] {
  const allowed = filter.allowPatterns === undefined ? undefined : list(filter.allowPatterns);
  const ignored = filter.ignorePatterns === undefined ? [] : list(filter.ignorePatterns);
  return names.filter((name) => (allowed?.some((pattern) => pattern(name)) ?? true) && !ignored.some((pattern) => pattern(name)));
}

/** What a part of a path between slashes may be; "**" stands for any number of parts. */
type Part = Step[] | "**";

/** fsspec's glob over the whole path: * and ? match all but slashes, ** as a part of its own any number of parts, and at the end anything. */
export function globPath(pattern: string): NamePattern {
  const parts: Part[] = pattern.split("/").map((part) => (part === "**" ? part : stepsOf(part, noSlash)));
  return (name) => {
    const segments = name.split("/");
    // Places among the parts that are possible before the next segment.
    let places = new Set<number>();
    const reach = (to: Set<number>, place: number): void => {
      to.add(place);
      // At the end ** takes at least one segment; before others it may take none.
      if (parts[place] === "**" && place < parts.length - 1) reach(to, place + 1);
    };
    reach(places, 0);
    for (const segment of segments) {
      const next = new Set<number>();
      for (const place of places) {
        const part = parts[place];
        if (part === "**") {
          reach(next, place);
          if (place === parts.length - 1) next.add(place + 1);
        } else if (part && (part.length !== 1 || !part[0]!.star || segment !== "") && takes(part, segment)) reach(next, place + 1);
      }
      places = next;
    }
    return places.has(parts.length);
  };
}
