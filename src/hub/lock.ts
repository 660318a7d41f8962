// A lock among processes, also of several machines over a shared folder: a file with its owner, which the owner touches while it lives.
import { randomUUID } from "node:crypto";
import { mkdir, open, readFile, rename, rm, stat, utimes } from "node:fs/promises";
import { hostname } from "node:os";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { cacheFault } from "./cache.js";

const HEARTBEAT = 5000;
/** An owner that has not touched its lock for so long, by the clock of who waits, is taken for gone. */
const SILENCE = 60_000;
const [FIRST_POLL, MAX_POLL] = [20, 500];
/** After so long the user is told who is waited for; an owner that is still at work so much later keeps nobody any longer. */
const [TOLD, DEADLINE] = [10_000, 6 * 3_600_000];

interface Owner {
  readonly host: string;
  readonly pid: number;
  readonly id: string;
}
const code = (error: unknown): string | undefined => (error as NodeJS.ErrnoException | undefined)?.code;

async function readOwner(path: string): Promise<Partial<Owner> | undefined> {
  try {
    const value: unknown = JSON.parse(await readFile(path, "utf8"));
    return typeof value === "object" && value !== null ? value : {};
  } catch (error) {
    // Half written, or gone.
    return code(error) === "ENOENT" ? undefined : {};
  }
}

function isDead({ host, pid }: Partial<Owner>): boolean {
  if (host !== hostname() || !Number.isInteger(pid) || pid! < 1) return false;
  try {
    process.kill(pid!, 0);
    return false;
  } catch (error) {
    return code(error) === "ESRCH";
  }
}

/** Takes the lock of an owner that is gone out of the way, unless another did, and made its own, in between. */
async function remove(path: string, owner: Partial<Owner>): Promise<void> {
  const aside = `${path}.${randomUUID().slice(0, 8)}`;
  try {
    await rename(path, aside);
  } catch (error) {
    if (code(error) === "ENOENT") return;
    throw error;
  }
  const taken = await readOwner(aside);
  if (taken?.id === owner.id) await rm(aside, { force: true });
  // Both go on then: what is locked here may be done twice, it costs time alone.
  else await rename(aside, path);
}

async function acquire(path: string, signal: AbortSignal | undefined): Promise<string> {
  await mkdir(dirname(path), { recursive: true });
  const id = randomUUID();
  const begun = performance.now();
  let [poll, seen, since, told] = [FIRST_POLL, "", begun, false];
  for (;;) {
    signal?.throwIfAborted();
    try {
      const file = await open(path, "wx");
      try {
        await file.writeFile(JSON.stringify({ host: hostname(), pid: process.pid, id } satisfies Owner));
      } finally {
        await file.close();
      }
      return id;
    } catch (error) {
      if (code(error) !== "EEXIST") throw error;
    }
    const owner = await readOwner(path);
    const found = await stat(path).catch(() => undefined);
    if (owner && found) {
      const state = `${owner.id} ${found.mtimeMs}`;
      if (state !== seen) [seen, since] = [state, performance.now()];
      if (isDead(owner) || performance.now() - since > SILENCE) {
        await remove(path, owner);
        continue;
      }
    }
    const waited = performance.now() - begun;
    const who = `process ${owner?.pid ?? "?"} on ${owner?.host ?? "an unknown host"}`;
    if (waited > DEADLINE) throw new Error(`${who} has held it for ${Math.round(DEADLINE / 3_600_000)} hours`);
    if (waited > TOLD && !told) {
      told = true;
      console.warn(`waiting for ${who}, which downloads the same file (${path})`);
    }
    await sleep(poll, undefined, signal ? { signal } : {});
    poll = Math.min(MAX_POLL, poll * 2);
  }
}

/**
 * Does the work while no other process does work under the same path. Meant for work that may be done twice without harm: an owner that stands still for a minute loses the lock.
 * @throws HubError ERR_HUB_CACHE when the lock cannot be written
 */
export async function locked<T>(path: string, signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
  let id: string;
  try {
    id = await acquire(path, signal);
  } catch (error) {
    if (signal?.aborted) throw error;
    throw cacheFault("lock", path, error);
  }
  // A lock that is gone was taken over; the work goes on all the same.
  const heart = setInterval(() => utimes(path, new Date(), new Date()).catch(() => {}), HEARTBEAT);
  heart.unref();
  try {
    return await work();
  } finally {
    clearInterval(heart);
    if ((await readOwner(path))?.id === id) await rm(path, { force: true });
  }
}
