// The error type of the whole library: a stable code, a message that says what, where and what to do, and the cause.

export interface AccelerateErrorOptions {
  readonly cause?: unknown;
  /** What the user can do next; appended to the message. */
  readonly hint?: string;
}

/**
 * Base of every error that the library throws on purpose.
 *
 * @example
 * try { await loss.backward(); } catch (error) {
 *   if (error instanceof AccelerateError && error.code === "ERR_STALE_OUTPUT") console.error(error.message);
 * }
 */
export class AccelerateError extends Error {
  readonly code: string;
  declare readonly hint: string | undefined;

  constructor(code: string, message: string, options: AccelerateErrorOptions = {}) {
    super(options.hint ? `${message}: ${options.hint}` : message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.code = code;
    // The message ends with it: printed errors need not say it twice.
    Object.defineProperty(this, "hint", { value: options.hint, enumerable: false });
  }
}

/** A shape, rank or size that does not fit. */
export class ShapeError extends AccelerateError {
  constructor(message: string, options: AccelerateErrorOptions & { readonly code?: string } = {}) {
    super(options.code ?? "ERR_SHAPE", message, options);
  }
}

/** An argument that the called function cannot take. */
export class ArgumentError extends AccelerateError {
  constructor(message: string, options: AccelerateErrorOptions & { readonly code?: string } = {}) {
    super(options.code ?? "ERR_ARGUMENT", message, options);
  }
}
