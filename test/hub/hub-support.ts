// A hub and a cache of its own for each test.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { HubError, HubErrorCode } from "../../src/hub/index.js";
import { HubServer } from "../support/hub-server.js";

export interface HubOfTest extends AsyncDisposable {
  readonly hub: HubServer;
  readonly cacheDir: string;
  /** For calls of the hub's functions. */
  readonly options: { readonly endpoint: string; readonly cacheDir: string; readonly token: false; readonly progress: false };
}
export async function startHub(): Promise<HubOfTest> {
  const hub = await HubServer.start();
  const cacheDir = mkdtempSync(join(tmpdir(), "hub-"));
  return {
    hub,
    cacheDir,
    options: { endpoint: hub.url, cacheDir, token: false, progress: false },
    async [Symbol.asyncDispose]() {
      await hub.close();
      rmSync(cacheDir, { recursive: true });
    },
  };
}

/** For assert.rejects. */
export const failing =
  (code: HubErrorCode, message = /./) =>
  (error: unknown) => {
    const { code: found, message: text, name } = error as HubError;
    if (found !== code || name !== "HubError" || !message.test(text))
      throw new Error(`expected ${code} ${message}, got ${name} ${found}: ${text}`, { cause: error });
    return true;
  };

/** Bytes that differ from place to place. */
export const noise = (length: number, seed = 1): Buffer => {
  const bytes = Buffer.alloc(length);
  for (let i = 0, x = seed; i < length; i++) {
    x = (Math.imul(x, 1103515245) + 12345) >>> 0;
    bytes[i] = x >>> 16;
  }
  return bytes;
};
