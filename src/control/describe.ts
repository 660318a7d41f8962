// Failures in words.
import type { CollectiveFault } from "../distributed/errors.js";
import { isCollectiveCode } from "./errors.js";
import type { Failure } from "./failures.js";

/** "2", "2 and 3", "1, 2 and 5"; many are cut. */
export function ranksText(ranks: readonly number[]): string {
  const shown = ranks.length > 16 ? [...ranks.slice(0, 16).map(String), `${ranks.length - 16} more`] : ranks.map(String);
  return shown.length < 2 ? shown.join("") : `${shown.slice(0, -1).join(", ")} and ${shown.at(-1)}`;
}

const what: { readonly [K in Failure["kind"]]: (f: Failure, who: string) => string } = {
  error: ({ error }, who) => `${who} failed: ${error?.name || "Error"}: ${error?.message ?? ""}`,
  exit: ({ exitCode }, who) => `${who} ended with exit code ${exitCode}`,
  signal: ({ signal }, who) => `${who} was killed by ${signal}`,
  "host lost": ({ error }, who) => `${who} is lost: ${error?.message ?? ""}`,
  "worker lost": ({ error }, who) => `${who} is gone: ${error?.message ?? ""}`,
};

/** One line: who, what, where. */
export function describeFailure(failure: Failure, worldSize: number): string {
  const { ranks, host, kind, step } = failure;
  const workers = `worker${ranks.length === 1 ? "" : "s"} ${ranksText(ranks)} of ${worldSize}`;
  const who = kind === "host lost" ? `host ${host} (${workers})` : `${workers} on ${host}`;
  return `${what[kind](failure, who)}${step === undefined ? "" : ` (in step ${step})`}`;
}

/** What the other ranks' collectives fail with. */
export function faultOf(failure: Failure, worldSize: number): CollectiveFault {
  const { error } = failure;
  if (failure.symptom && error && isCollectiveCode(error.code)) return { code: error.code, message: error.message, ranks: error.ranks };
  const code = error?.code === "ERR_COLLECTIVE_MISMATCH" ? error.code : "ERR_PEER_LOST";
  return { code, message: describeFailure(failure, worldSize), ranks: failure.ranks };
}
