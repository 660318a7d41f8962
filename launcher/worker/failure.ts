// The error that ends a worker as its launcher should see it: an error that only passes on the failure of a collective is a symptom like that failure itself.
interface Symptom {
  readonly code: string;
  readonly ranks: readonly number[];
}

const MAX_DEPTH = 8;
const symptoms: ReadonlySet<unknown> = new Set([
  "ERR_PEER_LOST",
  "ERR_COLLECTIVE_TIMEOUT",
  "ERR_COLLECTIVE_ABORTED",
  "ERR_GROUP_CLOSED",
  "ERR_COLLECTIVE_MISMATCH",
]);

function collectiveCause(error: unknown): Symptom | undefined {
  let at = error;
  for (let depth = 0; depth < MAX_DEPTH && typeof at === "object" && at !== null; depth++) {
    const { code, ranks, cause } = at as { code?: unknown; ranks?: unknown; cause?: unknown };
    if (symptoms.has(code) && Array.isArray(ranks)) return at as Symptom;
    at = cause;
  }
  return undefined;
}

/** The error, with code and ranks of the collective's failure that it wraps. */
export function workerFailure(error: unknown): unknown {
  try {
    const cause = collectiveCause(error);
    if (cause === undefined || cause === error) return error;
    const { name, message, stack } = error as Error;
    return { name, message: `${message} (${(cause as { message?: unknown }).message})`, stack, code: cause.code, ranks: cause.ranks };
  } catch {
    return error; // a getter of the user's threw
  }
}
