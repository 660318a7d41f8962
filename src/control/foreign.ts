// The line of a worker that another launcher started: to a control thread, which is its agent. A world of one needs nobody.
import { Worker } from "node:worker_threads";
import type { WorkerSettings } from "../config.js";
import type { Store } from "../distributed/store.js";
import { ControlError, errorFromReport, errorReport } from "./errors.js";
import type { FromThread, ThreadData, ToThread } from "./foreign-messages.js";
import { KeyValues } from "./key-values.js";
import { timeouts } from "./limits.js";
import type { WorkerLink } from "./link.js";
import type { ErrorReport } from "./messages.js";
import { storeTimeout } from "./remote-store.js";
import { WorkerConnection } from "./worker-connection.js";

/** How long a process that ends waits for its last words to be told; rank 0 waits for the others to leave. */
const lastWordsMs = 15_000;

/** The connection of this process; made by the first call. */
export async function openForeignConnection(settings: WorkerSettings): Promise<WorkerConnection> {
  const done = new SharedArrayBuffer(4);
  const thread = new Worker(new URL("./foreign-thread.js", import.meta.url), {
    name: "accelerate-ts control",
    workerData: { settings, done } satisfies ThreadData,
    execArgv: [],
  });
  const post = (message: ToThread): void => thread.postMessage(message);
  let gone = false;
  let error: ErrorReport | undefined;
  const connection = new WorkerConnection(
    {
      send: (frame) => {
        if (!gone) post({ kind: "frame", frame });
      },
      ref: () => thread.ref(),
      unref: () => thread.unref(),
    },
    { storeTimeoutMs: settings.timeoutMs },
  );
  const lost = (cause: ControlError): void => {
    gone = true;
    connection.lost(cause);
  };
  const hear: { readonly [K in FromThread["kind"]]: (message: Extract<FromThread, { kind: K }>) => void } = {
    frame: ({ frame }) => connection.receive(frame),
    say: ({ text }) => void process.stderr.write(`${text}\n`),
    lost: ({ error: report }) => lost(errorFromReport(report) as ControlError),
  };
  thread.on("message", (message: FromThread) => (hear[message.kind] as (m: FromThread) => void)(message));
  thread.on("error", (cause) =>
    lost(new ControlError("ERR_CONTROL_INTERNAL", `the control thread of rank ${settings.rank} failed (${cause.message})`, { cause })),
  );
  thread.on("exit", () => lost(new ControlError("ERR_CONTROL_LINK", `the control thread of rank ${settings.rank} has ended`)));
  thread.unref();
  process.on("uncaughtExceptionMonitor", (thrown) => {
    error ??= errorReport(thrown);
  });
  process.on("exit", (code) => {
    if (gone) return;
    post({ kind: "exit", code, error });
    Atomics.wait(new Int32Array(done), 0, 0, lastWordsMs);
  });
  await connection.welcomed(timeouts.joinMs + 10_000);
  return connection;
}

/** A world of one: its store is a map. */
export function singleLink(settings: WorkerSettings): WorkerLink {
  const values = new KeyValues();
  const store: Store = {
    set: async (key, value) => values.set(key, value),
    get: async (key, { timeoutMs = settings.timeoutMs, signal } = {}) => {
      signal?.throwIfAborted();
      const value = await values.get(key, timeoutMs, signal);
      signal?.throwIfAborted();
      if (!value) throw storeTimeout(key, timeoutMs);
      return Uint8Array.from(value);
    },
    add: async (key, amount) => values.add(key, amount),
    delete: async (key) => values.delete(key),
  };
  const close = async (): Promise<void> => {};
  return {
    assignment: { rank: 0, worldSize: 1, localRank: 0, localWorldSize: 1, host: 0, hosts: 1, hostOfRank: [0], address: "127.0.0.1" },
    store,
    send: () => {},
    on: () => () => {},
    close,
    [Symbol.asyncDispose]: close,
  };
}
