// How an argument is called: learningRate in programs, learning_rate in files, --learning-rate on the command line.

/** learningRate -> learning_rate, as Python spells it. */
export const snakeCase = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/** learning_rate, learning-rate -> learningRate */
export const camelCase = (name: string): string => name.replace(/[-_]+([a-z0-9])/gi, (_, letter: string) => letter.toUpperCase());

/** learningRate -> --learning-rate */
export const flagOf = (name: string): string => `--${snakeCase(name).replaceAll("_", "-")}`;

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && [Object.prototype, null].includes(Object.getPrototypeOf(value));

/** The keys of objects, however deep, in another spelling. */
export function renamed(value: unknown, rename: (name: string) => string): unknown {
  if (Array.isArray(value)) return value.map((item) => renamed(item, rename));
  if (!isRecord(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [rename(name), renamed(item, rename)]));
}

export { isRecord };
