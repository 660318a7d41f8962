// The error that ends a worker as its launcher should see it: an error that only passes on the failure of a collective is a symptom like that failure itself.
interface Symptom {
  readonly code: string;
  readonly ranks: readonly number[];
}

const MAX_DEPTH = 8;
/** Of the error that the Accelerator throws after the step that a stop waited for. */
const STOP_CODE = "ERR_STOPPED";
const symptoms: ReadonlySet<unknown> = new Set([
  "ERR_PEER_LOST",
  "ERR_COLLECTIVE_TIMEOUT",
  "ERR_COLLECTIVE_ABORTED",
  "ERR_GROUP_CLOSED",
  "ERR_COLLECTIVE_MISMATCH",
]);

/** The error, its cause, that one's cause, ... */
function* causes(error: unknown): Generator<{ readonly code?: unknown; readonly ranks?: unknown; readonly message?: unknown }> {
  let at = error;
  for (let depth = 0; depth < MAX_DEPTH && typeof at === "object" && at !== null; depth++) {
    yield at;
    at = (at as { cause?: unknown }).cause;
  }
}

function collectiveCause(error: unknown): Symptom | undefined {
  for (const at of causes(error)) if (symptoms.has(at.code) && Array.isArray(at.ranks)) return at as Symptom;
  return undefined;
}

/** Whether the error is the stop that the user has asked for. */
export function isStop(error: unknown): boolean {
  try {
    for (const { code } of causes(error)) if (code === STOP_CODE) return true;
  } catch {
    // a getter of the user's threw
  }
  return false;
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
