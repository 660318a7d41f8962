// Failures of the control plane, and errors as data that travels between processes.
import { CollectiveError, type CollectiveErrorCode, type CollectiveFault } from "../distributed/errors.js";
import { AccelerateError, type AccelerateErrorOptions } from "../errors.js";
import type { ErrorReport, Fault } from "./messages.js";
import { faultCodes } from "./schema.js";

export type ControlErrorCode =
  /** No coordinator answered within the deadline. */
  | "ERR_COORDINATOR_UNREACHABLE"
  /** It was there and is gone. */
  | "ERR_COORDINATOR_LOST"
  /** Wrong or missing token or job id. */
  | "ERR_CONTROL_AUTH"
  /** A token file that cannot be used, a bind that is not safe, certificates that do not load. */
  | "ERR_CONTROL_SECURITY"
  /** Hosts or launchers contradict each other. */
  | "ERR_LAUNCH_MISMATCH"
  | "ERR_CONTROL_TIMEOUT"
  /** Bytes that are no message of the protocol. */
  | "ERR_CONTROL_MALFORMED"
  /** More keys, bytes or waits than the coordinator takes. */
  | "ERR_CONTROL_LIMIT"
  | "ERR_STORE_TIMEOUT"
  /** The worker's line to its launcher cannot be opened or is gone. */
  | "ERR_CONTROL_LINK"
  | "ERR_CONTROL_CLOSED"
  | "ERR_CONTROL_INTERNAL";

/** A failure of the control plane. */
export class ControlError extends AccelerateError {
  declare readonly code: ControlErrorCode;
  constructor(code: ControlErrorCode, message: string, options: AccelerateErrorOptions = {}) {
    super(code, message, options);
  }
}

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

const codeOfFault = new Map<number, CollectiveErrorCode>(Object.entries(faultCodes).map(([code, number]) => [number, code as CollectiveErrorCode]));

export const faultToMessage = (fault: CollectiveFault): Fault => ({ code: faultCodes[fault.code], message: fault.message, ranks: fault.ranks });
/** A code of a later version counts as an abort. */
export const faultFromMessage = (fault: Fault | undefined): CollectiveFault => ({
  code: codeOfFault.get(fault?.code ?? 0) ?? "ERR_COLLECTIVE_ABORTED",
  message: fault?.message || "the job was ended",
  ranks: fault?.ranks ?? [],
});

export const isCollectiveCode = (code: string): code is CollectiveErrorCode => Object.hasOwn(faultCodes, code);

const limits = { name: 256, message: 64 << 10, code: 256, stack: 64 << 10 } as const;
const cut = (text: string, length: number): string => (text.length > length ? `${text.slice(0, length)} ... (${text.length} characters)` : text);

/** What an error says, as data; long texts are cut. Never throws, whatever was thrown. */
export function errorReport(error: unknown, where: { readonly step?: number | undefined; readonly epoch?: number | undefined } = {}): ErrorReport {
  try {
    const { name, message, code, stack, ranks } = (typeof error === "object" && error !== null ? error : { message: String(error) }) as Partial<
      Record<"name" | "message" | "code" | "stack" | "ranks", unknown>
    >;
    const text = (value: unknown, length: number): string => (value === undefined || value === null ? "" : cut(String(value), length));
    return {
      name: text(name, limits.name) || (error instanceof Error ? "Error" : `thrown ${typeof error}`),
      message: text(message, limits.message),
      code: text(code, limits.code),
      stack: text(stack, limits.stack),
      ranks: Array.isArray(ranks) ? ranks.filter((r) => Number.isInteger(r) && r >= 0 && r < 2 ** 32).slice(0, 4096) : [],
      step: count(where.step),
      epoch: count(where.epoch),
    };
  } catch {
    // A getter or toString of the thrown thing threw.
    return { name: "thrown object", message: "that cannot be read", code: "", stack: "", ranks: [] };
  }
}
const count = (value: number | undefined): number | undefined => (Number.isSafeInteger(value) && value! >= 0 ? value : undefined);

/** The error that another process reported, as an error of this one. */
export function errorFromReport(report: ErrorReport): AccelerateError {
  if (isCollectiveCode(report.code)) return new CollectiveError({ code: report.code, message: report.message, ranks: report.ranks });
  return new ControlError((report.code || "ERR_CONTROL_INTERNAL") as ControlErrorCode, report.message);
}
