// The thread that writes checkpoints while the program goes on.
import { parentPort } from "node:worker_threads";
import { AccelerateError } from "../errors.js";
import { writeAllHashed, type WritePoint } from "./files.js";
import type { ManifestFile } from "./manifest.js";
import { verifyCheckpoint } from "./verify.js";

export interface BackgroundFile {
  readonly path: string;
  readonly buffer: ArrayBuffer;
  readonly bytes: number;
}
export type BackgroundTask =
  | { readonly kind: "write"; readonly directory: string; readonly files: readonly BackgroundFile[]; readonly tellsPoints: boolean }
  | { readonly kind: "verify"; readonly directory: string }
  | { readonly kind: "reserve"; readonly sizes: readonly number[] }
  | { readonly kind: "abort" }
  | { readonly kind: "go-on" };
export type BackgroundNews =
  | { readonly kind: "point"; readonly point: WritePoint; readonly path: string }
  | { readonly kind: "bytes"; readonly bytes: number }
  | { readonly kind: "reserved"; readonly buffers: readonly ArrayBuffer[] }
  | { readonly kind: "written"; readonly files: readonly ManifestFile[]; readonly buffers: readonly ArrayBuffer[] }
  | { readonly kind: "verified" }
  | { readonly kind: "failed"; readonly code: string; readonly message: string; readonly buffers: readonly ArrayBuffer[] };

const port = parentPort!;
const tell = (news: BackgroundNews, transfer: readonly ArrayBuffer[] = []): void => port.postMessage(news, transfer);
let stop = new AbortController();
/** Moments that were told of and are waited for, the oldest first. */
const waiting: (() => void)[] = [];

async function write({ directory, files, tellsPoints }: Extract<BackgroundTask, { kind: "write" }>): Promise<void> {
  stop = new AbortController();
  const buffers = files.map((f) => f.buffer);
  const onPoint = (point: WritePoint, path: string): Promise<void> =>
    new Promise((resolve) => {
      waiting.push(resolve);
      tell({ kind: "point", point, path });
    });
  try {
    const contents = files.map(({ path, buffer, bytes }) => ({ path, parts: [new Uint8Array(buffer, 0, bytes)] }));
    const options = { signal: stop.signal, onPoint: tellsPoints ? onPoint : undefined, onBytes: (bytes: number) => tell({ kind: "bytes", bytes }) };
    const written = await writeAllHashed(directory, contents, options);
    tell({ kind: "written", files: written, buffers }, buffers);
  } catch (error) {
    tellFailure(error, buffers);
  }
}

function tellFailure(error: unknown, buffers: readonly ArrayBuffer[]): void {
  const code = error instanceof AccelerateError ? error.code : "ERR_CHECKPOINT_WRITE";
  tell({ kind: "failed", code, message: error instanceof Error ? error.message : String(error), buffers }, buffers);
}

async function verify({ directory }: Extract<BackgroundTask, { kind: "verify" }>): Promise<void> {
  try {
    await verifyCheckpoint(directory);
    tell({ kind: "verified" });
  } catch (error) {
    tellFailure(error, []);
  }
}

/** Memory whose pages are there: the first copy into it takes no longer than any other. */
function reserve(sizes: readonly number[]): void {
  const buffers = sizes.map((size) => new ArrayBuffer(size));
  for (const buffer of buffers) new Uint8Array(buffer).fill(1);
  tell({ kind: "reserved", buffers }, buffers);
}

const handlers: { readonly [K in BackgroundTask["kind"]]: (task: Extract<BackgroundTask, { kind: K }>) => void } = {
  write: (task) => void write(task),
  verify: (task) => void verify(task),
  reserve: ({ sizes }) => reserve(sizes),
  abort: () => stop.abort(),
  "go-on": () => waiting.shift()?.(),
};
port.on("message", (task: BackgroundTask) => (handlers[task.kind] as (task: BackgroundTask) => void)(task));
