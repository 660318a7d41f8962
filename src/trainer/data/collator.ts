// The collator where none is given.
import { DataCollatorWithPadding, defaultDataCollator } from "../../data/index.js";
import type { DataCollator, ProcessingClass } from "../options.js";

/** What of a processing class makes it a tokenizer: it knows how rows of tokens are padded. */
interface Tokenizer {
  readonly modelInputNames: readonly string[];
  readonly padTokenId: number | undefined;
}
export const isTokenizer = (processingClass: unknown): processingClass is Tokenizer =>
  (typeof processingClass === "function" || (typeof processingClass === "object" && processingClass !== null)) &&
  "modelInputNames" in processingClass &&
  "padTokenId" in processingClass;

/** Padding where there is a tokenizer to say how; else rows have one length already. */
export function defaultCollator(processingClass: ProcessingClass | undefined): DataCollator {
  return (isTokenizer(processingClass) ? new DataCollatorWithPadding(processingClass) : defaultDataCollator) as DataCollator;
}
