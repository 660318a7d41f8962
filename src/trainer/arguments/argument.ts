// An argument, as tables list them.
import { readSwitch } from "../../settings.js";
import type { Kind } from "./kinds.js";
import type { OldName } from "./old-names.js";

/** Parts of the page and of help, in order. */
export const argumentGroups = {
  duration: "Output, duration and batches",
  schedule: "Learning rate",
  optimizer: "Optimizer",
  stability: "Gradients and loss",
  memory: "Precision and memory",
  evaluation: "Evaluation",
  saving: "Checkpoints",
  logging: "Logs",
  tracking: "Trackers",
  seeds: "Seeds and hardware",
  data: "Data",
  distributed: "Several workers",
  hub: "Hugging Face Hub",
  script: "For the script",
} as const;
export type ArgumentGroup = keyof typeof argumentGroups;

export interface Argument<T = unknown, In = unknown> {
  readonly kind: Kind<T, In>;
  readonly standard: T;
  /** undefined: in a table of one's own. */
  readonly group?: ArgumentGroup;
  readonly help: string;
  /** It has no default. */
  readonly required?: true;
  /** In docs, where the default is not a plain value. */
  readonly otherwise?: string;
  /** Why only what means "off" is taken. */
  readonly refused?: string;
  /** Why every value means the same. */
  readonly same?: string;
  /** An old name's end: told once where it is given. */
  readonly old?: string;
}
export type ArgumentTable = Readonly<Record<string, Argument>>;

/** The values of a table's arguments. */
export type ValuesOf<A extends ArgumentTable> = { readonly [K in keyof A]: A[K] extends Argument<infer T, unknown> ? T : never };
/** What a program may give for them. */
export type InputOf<A extends ArgumentTable> = {
  readonly [K in keyof A]?: (A[K] extends { readonly kind: { readonly input?: infer In } } ? Exclude<In, undefined> : never) | undefined;
};

/** What arguments can be read for, from files and the command line: `TrainingArguments`, or what `defineArguments` gives. */
export interface ArgumentSource<T = unknown> {
  readonly argumentTable: ArgumentTable;
  /** Above them in help. */
  readonly argumentTitle: string;
  readonly oldArguments?: Readonly<Record<string, OldName>>;
  /** Names in camelCase or with underscores. */
  fromJSON(record: Readonly<Record<string, unknown>>): T;
}

type Rest = Pick<Argument, "otherwise" | "old">;

/** Makes the entries of one group. */
export const group = (name: ArgumentGroup) => ({
  keep: <T, In>(kind: Kind<T, In>, standard: NoInfer<T>, help: string, rest: Rest = {}): Argument<T, In> => ({ kind, standard, group: name, help, ...rest }),
  /** Every value means the same here. */
  same: <T, In>(kind: Kind<T, In>, standard: NoInfer<T>, help: string, same: string): Argument<T, In> => ({ kind, standard, group: name, help, same }),
  /** Taken only where it says "off", is the default, or asks for what happens anyway (`anyway`). */
  refuse: <const T>(standard: T, help: string, refused: string, anyway: readonly unknown[] = []): Argument<T, T> => ({
    kind: off(standard, anyway),
    standard,
    group: name,
    help,
    refused,
  }),
});

const isEmpty = (value: unknown): boolean =>
  value === undefined ||
  value === null ||
  value === false ||
  value === "" ||
  (typeof value === "string" && ["false", "no", "none", "null"].includes(value.toLowerCase())) ||
  (typeof value === "object" && Object.keys(value).length === 0);

/** Python writes secrets as their own names. */
const isPlaceholder = (value: unknown): boolean => typeof value === "string" && /^<[A-Z_]+>$/.test(value);

const off = <T>(standard: T, anyway: readonly unknown[]): Kind<T> => ({
  placeholder: "X",
  wanted: "off",
  read: (raw) => {
    // Where the default is true, false is what is asked for.
    const isOff = standard === true ? raw === null || readSwitch(raw) === true : isEmpty(raw) || isPlaceholder(raw) || String(raw) === String(standard);
    return isOff || anyway.some((value) => String(value) === String(raw)) ? { value: standard } : undefined;
  },
});
