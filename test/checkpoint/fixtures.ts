// A small checkpoint, written the way the Accelerator does: files, manifest, rename.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beginCheckpoint, commitCheckpoint, type FileContent, type Manifest, writeHashed, type WriteOptions } from "../../src/checkpoint/index.js";
import { hostId } from "../../src/control/host-id.js";

export const host = { host: hostId() };
export const contents: readonly FileContent[] = [
  { path: "model.safetensors", parts: [new Uint8Array(9_000_000).fill(7), new Uint8Array(100).fill(3)] },
  { path: "state.json", parts: [new TextEncoder().encode('{"step": 3}')] },
  { path: "random_states_0.json", parts: [new TextEncoder().encode("{}")] },
];

export async function write(target: string, { replaces = false, ...options }: WriteOptions & { readonly replaces?: boolean } = {}): Promise<Manifest> {
  const staging = await beginCheckpoint(target, host, { ...options, replaces });
  const files = [];
  for (const content of contents) files.push(await writeHashed(join(staging, content.path), content, options));
  const manifest = { library: "0.0.0", created: "2026-01-01T00:00:00.000Z", worldSize: 1, ranks: [0], about: { step: 3 }, files };
  return commitCheckpoint(staging, target, manifest, { ...options, ...(replaces && { replaces: host }) });
}

export async function inFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "checkpoint-"));
  try {
    await body(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
