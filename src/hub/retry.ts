// Trying again: after a growing pause, or after the one the server names.
import { setTimeout as sleep } from "node:timers/promises";
import type { HubClient } from "./client.js";
import { HubError } from "./errors.js";
import { BusyError, isTransient } from "./failure.js";

/** Attempts after the first. */
const RETRIES = 5;
const FIRST_PAUSE = 200;
const MAX_PAUSE = 8000;
/** A host that is not there at all is seldom there a moment later. */
const UNREACHABLE_RETRIES = 2;
const unreachable = ["ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "ENETUNREACH", "EHOSTUNREACH"];
function retriesOf({ cause }: HubError): number {
  // fetch says why in the cause of its own error.
  const { code } = ((cause as Error | undefined)?.cause ?? {}) as { code?: string };
  return code !== undefined && unreachable.includes(code) ? UNREACHABLE_RETRIES : RETRIES;
}
/** Longest wait that a server may ask for. */
const MAX_PATIENCE = 300_000;
/** Shorter pauses are not worth a word. */
const TOLD = 1000;

/** Waits before attempt `retry`, 1 being the first after a failure. @throws the error when it is for good, or the wait too long */
export async function pauseAfter(client: HubClient, error: unknown, retry: number): Promise<void> {
  if (!isTransient(error) || retry > retriesOf(error)) throw error;
  const asked = error instanceof BusyError ? error.retryAfterMs : undefined;
  if (asked !== undefined && asked > MAX_PATIENCE)
    throw new HubError(error.code, error.message, {
      hint: `it asks to wait for ${Math.round(asked / 1000)} s`,
      status: error.status,
      url: error.url,
      cause: error,
    });
  // Processes that were refused together should not come back together.
  const pause = asked ?? Math.min(MAX_PAUSE, FIRST_PAUSE * 2 ** (retry - 1)) * (0.75 + Math.random() / 2);
  if (pause >= TOLD) client.warn(`${error.message}; trying again in ${Math.round(pause / 1000)} s (${retry}/${retriesOf(error)})`);
  await sleep(pause, undefined, client.signal ? { signal: client.signal } : {});
}

export async function retried<T>(client: HubClient, attempt: () => Promise<T>): Promise<T> {
  for (let retry = 1; ; retry++) {
    try {
      return await attempt();
    } catch (error) {
      await pauseAfter(client, error, retry);
    }
  }
}
