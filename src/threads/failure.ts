// Errors on their way out of a thread: they are returned, not thrown, because thrown ones lose their class and code.
import { AccelerateError } from "../errors.js";

export interface ThreadFailure {
  readonly name: string;
  readonly message: string;
  readonly stack: string;
  readonly code?: string;
}

/** What was thrown, as it travels. The stack is that of the user's own error, which tells the line. */
export function failureOf(error: unknown): ThreadFailure {
  const { name, message, stack, code }: Error & { code?: unknown } = error instanceof Error ? error : new Error(String(error));
  const told = error instanceof AccelerateError && error.cause instanceof Error ? error.cause.stack : stack;
  return { name, message, stack: told ?? `${name}: ${message}`, ...(typeof code === "string" ? { code } : {}) };
}

/** The error as the cause of another, with the thread's own stack. */
export const causeOf = ({ name, message, stack }: ThreadFailure): Error => Object.assign(new Error(message), { name, stack });
