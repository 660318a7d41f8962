// The error of texts that cannot be tokenized; a file of its own, because the declarations of `tokenizers` do not type-check and must stay out of ours.
import { AccelerateError } from "../errors.js";

/** Texts that the tokenizer refuses: code ERR_TOKENIZE. */
export class TokenizeError extends AccelerateError {
  constructor(message: string, options: { readonly cause?: unknown; readonly hint?: string } = {}) {
    super("ERR_TOKENIZE", message, options);
  }
}
