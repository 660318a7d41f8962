// Settings that a launcher hands to the programs it starts: their variables, and what counts as a value of them. No imports: the command line reads it, too.

/** Types that a step may compute in. */
export const precisions = ["no", "fp16", "bf16"] as const;
export type Precision = (typeof precisions)[number];

export const MAX_ACCUMULATION = 1_000_000;

/** Seconds after which a worker that keeps the others waiting is reported, and after which the job ends. */
export const WATCHDOG_SECONDS = 60;
export const TIMEOUT_SECONDS = 1800;

/** Variables by setting; the first that is set counts. The second ones are those of Python's Accelerate. */
export const programVariables = {
  mixedPrecision: ["ACCELERATE_TS_MIXED_PRECISION", "ACCELERATE_MIXED_PRECISION"],
  gradientAccumulationSteps: ["ACCELERATE_TS_GRADIENT_ACCUMULATION_STEPS", "ACCELERATE_GRADIENT_ACCUMULATION_STEPS"],
  debug: ["ACCELERATE_TS_DEBUG_MODE", "ACCELERATE_DEBUG_MODE"],
  cpu: ["ACCELERATE_TS_USE_CPU", "ACCELERATE_USE_CPU"],
} as const;

/** What an Accelerator takes where the program itself says nothing. */
export interface ProgramDefaults {
  readonly mixedPrecision?: Precision;
  readonly gradientAccumulationSteps?: number;
  readonly debug?: boolean;
  readonly cpu?: boolean;
}

const switches: ReadonlyMap<string, boolean> = new Map([
  ...["1", "true", "yes", "y", "on", "t"].map((text) => [text, true] as const),
  ...["0", "false", "no", "n", "off", "f"].map((text) => [text, false] as const),
]);

/** undefined: neither yes nor no. */
export const readSwitch = (raw: unknown): boolean | undefined =>
  typeof raw === "boolean" ? raw : typeof raw === "string" || typeof raw === "number" ? switches.get(String(raw).trim().toLowerCase()) : undefined;

/** undefined: not a whole number within the limits. */
export function readWhole(raw: unknown, min: number, max: number): number | undefined {
  const value = typeof raw === "string" && /^\d+$/.test(raw.trim()) ? Number(raw) : raw;
  return typeof value === "number" && Number.isInteger(value) && value >= min && value <= max ? value : undefined;
}

/** undefined: none of them. */
export const readChoice = <const T extends string>(raw: unknown, choices: readonly T[]): T | undefined =>
  typeof raw === "string" ? choices.find((choice) => choice === raw.trim().toLowerCase()) : undefined;
