// Options of a tokenizer call, resolved to what is to be done.
import { ArgumentError } from "../errors.js";

export type Strategy = "longest_first" | "only_first" | "only_second";
export interface Truncation {
  /** In tokens, special ones among them. */
  readonly maxLength: number;
  readonly strategy: Strategy;
}

export interface TokenizeOptions {
  /** true or "longest": to the longest of the call; "max_length": to maxLength. */
  readonly padding?: boolean | "longest" | "max_length";
  /** true is "longest_first"; to maxLength, or to the model's longest input. */
  readonly truncation?: boolean | Strategy;
  /** In tokens, special ones among them; given alone, without padding and truncation, it truncates. */
  readonly maxLength?: number;
}
export interface ResolvedOptions {
  readonly padding: "none" | "longest" | number;
  readonly truncation: Truncation | undefined;
}
const strategyNames: readonly Strategy[] = ["longest_first", "only_first", "only_second"];

/** @throws ArgumentError ERR_TOKENIZE_OPTIONS */
export function resolveOptions(options: TokenizeOptions, modelMaxLength: number, isPair: boolean): ResolvedOptions {
  const fault = (message: string, hint: string) => new ArgumentError(`tokenizer: ${message}`, { code: "ERR_TOKENIZE_OPTIONS", hint });
  const { padding = false, maxLength } = options;
  if (maxLength !== undefined && (!Number.isInteger(maxLength) || maxLength < (isPair ? 4 : 3))) {
    throw fault(`maxLength ${maxLength}`, `a whole number of at least ${isPair ? 4 : 3}: the special tokens and one more`);
  }
  const limit = maxLength ?? modelMaxLength;
  if (padding === "max_length" && !Number.isFinite(limit)) throw fault('padding "max_length"', "the model names no longest input: give maxLength");
  if (typeof padding !== "boolean" && padding !== "longest" && padding !== "max_length")
    throw fault(`padding ${JSON.stringify(padding)}`, 'use true, false, "longest" or "max_length"');
  // As transformers: maxLength alone truncates, unless it is there for padding.
  const wanted = options.truncation ?? (maxLength !== undefined && padding === false);
  const strategy = wanted === true ? "longest_first" : wanted;
  if (strategy !== false && !strategyNames.includes(strategy))
    throw fault(`truncation ${JSON.stringify(strategy)}`, `use true, false or one of ${strategyNames.join(", ")}`);
  if (strategy === "only_second" && !isPair) throw fault('truncation "only_second" of single texts', "give pairs, or use true");
  return {
    padding: padding === "max_length" ? limit : padding === true || padding === "longest" ? "longest" : "none",
    truncation: strategy !== false && Number.isFinite(limit) ? { maxLength: limit, strategy } : undefined,
  };
}
