// Kinds of arguments: what counts as a value, wherever it comes from (a program, a file, the command line), and how help shows it.
import { readChoice, readSwitch } from "../../settings.js";
import { camelCase, isRecord, renamed, snakeCase } from "./names.js";

/** undefined: not such a value. */
export type Read<T> = { readonly value: T } | undefined;

/** T: the value as it is kept; In: what a program may give. */
export interface Kind<T, In = T> {
  /** What stands for the value in help; undefined: a switch, on by being there. */
  readonly placeholder: string | undefined;
  /** Completes "not ...": "a whole number of at least 1". */
  readonly wanted: string;
  readonly choices?: readonly string[];
  /** Choices elsewhere, and why they are none here. */
  readonly reasons?: Readonly<Record<string, string>>;
  /** The command line takes several words. */
  readonly many?: boolean;
  /** What is read of strings is a number or a switch, too. */
  read(raw: unknown): Read<T>;
  /** As JSON; default: as it is. */
  write?(value: T): unknown;
  /** For types alone. */
  readonly input?: In;
}

export interface NumberLimits {
  readonly min?: number;
  readonly max?: number;
  /** Less than this. */
  readonly below?: number;
  readonly whole?: boolean;
}

function limitsText({ min, max, below, whole }: NumberLimits): string {
  const what = whole ? "a whole number" : "a number";
  if (min !== undefined && max !== undefined) return `${what} from ${min} to ${max}`;
  const parts = [
    ...(min === undefined ? [] : [`of at least ${min}`]),
    ...(max === undefined ? [] : [`of at most ${max}`]),
    ...(below === undefined ? [] : [`below ${below}`]),
  ];
  return [what, parts.join(" and ")].filter(Boolean).join(" ");
}

/** What is finite and within the limits. Python's spelling of numbers in files (5e-5 in YAML 1.1 is a text) counts as one. */
export function number(limits: NumberLimits = {}): Kind<number> {
  const { min = -Infinity, max = Infinity, below = Infinity, whole = false } = limits;
  return {
    placeholder: whole ? "N" : "X",
    wanted: limitsText(limits),
    read: (raw) => {
      const value = typeof raw === "string" && raw.trim() !== "" ? Number(raw) : raw;
      if (typeof value !== "number" || !Number.isFinite(value) || (whole && !Number.isSafeInteger(value))) return undefined;
      return value >= min && value <= max && value < below ? { value: value === 0 ? 0 : value } : undefined;
    },
  };
}
export const whole = (min?: number, max?: number): Kind<number> =>
  number({ whole: true, ...(min !== undefined && { min }), ...(max !== undefined && { max }) });

export const onOff: Kind<boolean> = {
  placeholder: undefined,
  wanted: "true or false",
  read: (raw) => {
    const value = readSwitch(raw);
    return value === undefined ? undefined : { value };
  },
};

export const oneOf = <const C extends string>(...choices: readonly C[]): Kind<C> => ({
  placeholder: "NAME",
  wanted: `one of ${choices.join(", ")}`,
  choices,
  read: (raw) => {
    const value = readChoice(raw, choices);
    return value === undefined ? undefined : { value };
  },
});

/** Names that are known and refused, with the reason. */
export const refusing = <T, In>(kind: Kind<T, In>, reasons: Readonly<Record<string, string>>): Kind<T, In> => ({ ...kind, reasons });

export const text = (placeholder = "TEXT", wanted = "a text"): Kind<string> => ({
  placeholder,
  wanted,
  read: (raw) => (typeof raw === "string" && raw !== "" ? { value: raw } : undefined),
});

/** null, as files say it, and undefined are no value. */
export const optional = <T, In>(kind: Kind<T, In>): Kind<T | undefined, In | undefined> => ({
  ...kind,
  read: (raw) => (raw === undefined || raw === null ? { value: undefined } : kind.read(raw)),
  write: (value) => (value === undefined || kind.write === undefined ? value : kind.write(value)),
});

/** One value stands for a list of it. */
export const listOf = <T>(kind: Kind<T>): Kind<readonly T[], readonly T[] | T> => ({
  placeholder: kind.placeholder ?? "YES|NO",
  wanted: `a list, each ${kind.wanted}`,
  ...(kind.choices && { choices: kind.choices }),
  many: true,
  read: (raw) => {
    const read = (Array.isArray(raw) ? raw : [raw]).map((item) => kind.read(item));
    return read.includes(undefined) ? undefined : { value: Object.freeze(read.map((item) => item!.value)) };
  },
});

/** What JSON text says, or undefined. */
export function readJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** As Python reads JSON text of an argument: texts that are numbers or switches are these. */
function plainValues(value: unknown): unknown {
  if (isRecord(value)) return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, plainValues(item)]));
  if (typeof value !== "string") return value;
  if (/^(true|false)$/i.test(value)) return value.toLowerCase() === "true";
  return /^(\d+\.?\d*|\.\d+)$/.test(value) ? Number(value) : value;
}

/** Whether a file can hold it: nothing in it has itself in it. */
function isWritable(value: unknown): boolean {
  try {
    JSON.stringify(value);
    return true;
  } catch {
    return false;
  }
}

/** An object, or one as JSON text. Its keys are in camelCase, and in snake_case where it is written. */
export const options: Kind<Readonly<Record<string, unknown>>, Readonly<Record<string, unknown>> | string> = {
  placeholder: "JSON",
  wanted: "an object of options, or one as JSON text such as '{\"num_cycles\": 2}'",
  read: (raw) => {
    const value = typeof raw === "string" ? plainValues(readJson(raw)) : raw;
    return isRecord(value) && isWritable(value) ? { value: Object.freeze(renamed(value, camelCase) as Record<string, unknown>) } : undefined;
  },
  write: (value) => renamed(value, snakeCase),
};
