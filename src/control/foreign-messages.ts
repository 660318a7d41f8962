// What the main thread of a worker and its control thread say to each other.
import type { WorkerSettings } from "../config.js";
import type { AgentFrame, ErrorReport, WorkerFrame } from "./messages.js";

export interface ThreadData {
  readonly settings: WorkerSettings;
  /** Set to 1, with a notification, when the last words are out. */
  readonly done: SharedArrayBuffer;
}

export type ToThread =
  | { readonly kind: "frame"; readonly frame: WorkerFrame }
  /** The process ends: the main thread waits until this is told. */
  | { readonly kind: "exit"; readonly code: number; readonly error: ErrorReport | undefined };

export type FromThread =
  | { readonly kind: "frame"; readonly frame: AgentFrame }
  | { readonly kind: "say"; readonly text: string }
  /** Joining failed, or the coordinator is gone. */
  | { readonly kind: "lost"; readonly error: ErrorReport };
