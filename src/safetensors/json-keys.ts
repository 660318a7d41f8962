// Keys that an object of JSON has twice: JSON.parse keeps the last one and says nothing.

/** Arrays and objects in each other, at most: the limit of serde_json, by which the format's own library reads. */
const maxDepth = 128;
const [backslash, colon] = [..."\\:"].map((character) => character.charCodeAt(0));
/** Everything that a level or a string begins or ends with. */
const marks = /["[\]{}]/g;
const blank = /[ \t\r\n]*/y;

/** Where a string ends that begins at a quote: the place of its last quote, or of the text's end. */
function endOfString(text: string, begin: number): number {
  for (let end = text.indexOf('"', begin + 1); end >= 0; end = text.indexOf('"', end + 1)) {
    let slashes = 0;
    while (text.charCodeAt(end - 1 - slashes) === backslash) slashes++;
    if (slashes % 2 === 0) return end;
  }
  return text.length;
}

/**
 * The first key that an object anywhere in the text has twice. Texts that are no JSON give anything: they are for JSON.parse.
 *
 * @throws SyntaxError for a text with too many arrays and objects in each other
 */
export function repeatedKey(text: string): string | undefined {
  const open: Set<string>[] = [];
  marks.lastIndex = 0;
  for (let found = marks.exec(text); found; found = marks.exec(text)) {
    const [mark] = found;
    if (mark === "[" || mark === "{") {
      if (open.push(new Set()) > maxDepth) throw new SyntaxError(`more than ${maxDepth} levels`);
    } else if (mark !== '"') open.pop();
    else {
      const end = endOfString(text, found.index);
      blank.lastIndex = marks.lastIndex = end + 1;
      blank.test(text);
      if (text.charCodeAt(blank.lastIndex) !== colon) continue;
      const written = text.slice(found.index, end + 1);
      const key = written.includes("\\") ? (JSON.parse(written) as string) : written.slice(1, -1);
      const keys = open.at(-1);
      if (keys?.has(key)) return key;
      keys?.add(key);
    }
  }
  return undefined;
}
