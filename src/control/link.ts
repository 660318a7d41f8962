// A worker's line to whoever launched it: who it is, the store, news in both directions. Carried by the agent's socket (fd 3), or by a control thread under other launchers.
import type { Assignment, StallEvent } from "../distributed/assignment.js";
import type { CollectiveFault } from "../distributed/errors.js";
import type { Store } from "../distributed/store.js";

/** Key under which an agent puts the rank of a worker that has ended in order: whoever waits for it to join is told. */
export const endedKey = "worker/ended";

export type { Assignment } from "../distributed/assignment.js";

/** What a worker tells. Everything is data; nothing in the protocol runs code. */
export type WorkerEvent =
  /** Where the worker is; told at every step, sent a few times per second. For "failed in step 81" and for watchdogs. */
  | { readonly kind: "progress"; readonly step: number; readonly epoch?: number }
  /** It waits in a collective for longer than the watchdog allows. */
  | StallEvent
  /** Its group has ended. */
  | { readonly kind: "fault"; readonly fault: CollectiveFault }
  /** It stops because it was asked to; `saved` once the run can go on from where it is. */
  | { readonly kind: "stopping"; readonly step: number; readonly saved?: true };

export interface LinkEvents {
  /** The user asked for a clean stop (Ctrl-C, SIGTERM, preemption). */
  stop: (reason: string) => void;
  /** A rank or host is gone, the launcher ends the job. */
  abort: (fault: CollectiveFault) => void;
}

export interface WorkerLink extends AsyncDisposable {
  readonly assignment: Assignment;
  readonly store: Store;
  send(event: WorkerEvent): void;
  /** News that came before somebody listened is not lost. Returns what takes the listener away. */
  on<K extends keyof LinkEvents>(event: K, listener: LinkEvents[K]): () => void;
  close(): Promise<void>;
}
