// Values that can be tracked: checked once, flattened to names with slashes, and written as JSON that knows NaN.
import { ArgumentError } from "../errors.js";

export type LogValue = number | string | boolean | LogValues;
/** Values of one step. Records inside count as groups: `{ train: { loss: 1 } }` is logged as `train/loss`. */
export interface LogValues {
  readonly [name: string]: LogValue;
}
export type FlatValue = number | string | boolean;
/** Names with slashes, in the order in which they were given. */
export type FlatValues = ReadonlyMap<string, FlatValue>;

/** Settings of a run. Groups as in `LogValues`; lists, null and everything else are kept as JSON. */
export type ConfigValues = Readonly<Record<string, unknown>>;

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> => {
  if (typeof value !== "object" || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
};
const isFlat = (value: unknown): value is FlatValue => typeof value === "number" || typeof value === "string" || typeof value === "boolean";
const kindOf = (value: unknown): string => {
  if (value === null) return "null";
  return typeof value === "object" ? (value.constructor?.name ?? "an object") : typeof value;
};

/** Names that trackers give to the step and the time. */
const reserved: ReadonlySet<string> = new Set(["_step", "_timestamp", "_runtime"]);
/** Levels of groups; deeper ones are refused, a ring among them. */
const maxDepth = 16;

function flattenInto(
  into: Map<string, FlatValue>,
  values: Readonly<Record<string, unknown>>,
  prefix: string,
  other: (name: string, value: unknown) => FlatValue | undefined,
  depth: number,
): void {
  if (depth > maxDepth) throw new ArgumentError(`the values under "${prefix}" are more than ${maxDepth} levels deep`, { hint: "log records without rings" });
  for (const [key, value] of Object.entries(values)) {
    const name = prefix === "" ? key : `${prefix}/${key}`;
    if (key === "") throw new ArgumentError(`a value${prefix === "" ? "" : ` under "${prefix}"`} has an empty name`, { hint: "give it a name" });
    if (isRecord(value)) flattenInto(into, value, name, other, depth + 1);
    else {
      const flat = isFlat(value) ? value : other(name, value);
      if (flat === undefined) continue;
      if (into.has(name)) throw new ArgumentError(`"${name}" is given twice`, { hint: "a group and a name with a slash mean the same" });
      into.set(name, flat);
    }
  }
}

/**
 * Values under their full names.
 * @throws ArgumentError for what no tracker can take.
 */
export function flatValues(values: LogValues): FlatValues {
  if (!isRecord(values)) throw new ArgumentError(`log takes a record of values, got ${kindOf(values)}`, { hint: "write log({ loss }, { step })" });
  const flat = new Map<string, FlatValue>();
  const refuse = (name: string, value: unknown): never => {
    throw new ArgumentError(`"${name}" is of type ${kindOf(value)}, which cannot be logged`, {
      hint: "log numbers, texts, booleans, or records of them; a tensor's number is await tensor.item()",
    });
  };
  flattenInto(flat, values, "", refuse, 0);
  for (const name of flat.keys())
    if (reserved.has(name)) throw new ArgumentError(`"${name}" is a name that trackers use themselves`, { hint: "give the value another name" });
  return flat;
}

/**
 * Settings under their full names; what is neither number, text nor boolean becomes JSON text, and undefined is left out.
 * @throws ArgumentError for tensors, whose numbers are not there yet, and rings.
 */
export function flatConfig(values: ConfigValues): FlatValues {
  const flat = new Map<string, FlatValue>();
  const text = (name: string, value: unknown): string | undefined =>
    value === undefined ? undefined : jsonText(value, { what: `the configuration's "${name}"` });
  flattenInto(flat, values, "", text, 0);
  return flat;
}

function readyForJson(value: unknown, notFinite: (value: number) => string): unknown {
  if (typeof value === "number") return Number.isFinite(value) ? value : notFinite(value);
  if (typeof value === "bigint" || typeof value === "function" || typeof value === "symbol") return String(value);
  if (value instanceof Map) return Object.fromEntries(value);
  if (value instanceof Set) return [...value];
  return value;
}

export interface JsonOptions {
  readonly indent?: number;
  /** Text for numbers that JSON has no form for; default "NaN", "Infinity" and "-Infinity", which protobuf's JSON uses, too. */
  readonly notFinite?: (value: number) => string;
  /** What the value is, in the message of an error; default "a value". */
  readonly what?: string;
}

/**
 * JSON; functions and big integers are their texts. Never undefined.
 * @throws ArgumentError for rings, and for tensors, whose numbers may not be there yet.
 */
export function jsonText(value: unknown, { indent, notFinite = String, what = "a value" }: JsonOptions = {}): string {
  try {
    return JSON.stringify(value, (_key, part: unknown) => readyForJson(part, notFinite), indent) ?? "null";
  } catch (cause) {
    throw new ArgumentError(`${what} has no JSON (${cause instanceof Error ? cause.message : cause})`, { cause, hint: "leave rings and tensors out" });
  }
}
