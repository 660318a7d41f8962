// How the ranks of a host find their shared memory: rank 0 makes it, tells the others through the store, and closes the way in when all are there.
import { AccelerateError, ArgumentError } from "../../errors.js";
import { loadNative, type NativeBinding } from "../../native/binding.js";
import { CollectiveError, type CollectiveFault } from "../errors.js";
import { type GroupOptions, timesOf } from "../group-options.js";
import { joinOp, type NativeShm, noNumber, type ShmHandle } from "./native-shm.js";
import { ShmGroup } from "./shm-group.js";

export interface ShmGroupOptions extends GroupOptions {
  readonly rank: number;
  readonly size: number;
  /** The ranks' numbers in the whole job, for messages; default 0 .. size-1. */
  readonly jobRanks?: readonly number[];
  readonly native?: NativeBinding;
}

/** Of one of the two windows of a rank; two windows of two ranks fit a second-level cache. */
const windowBytes = 512 * 1024;
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (value: Uint8Array): string => new TextDecoder().decode(value);
/** What a rank says when it could not join. */
const failure = "failed: ";

/**
 * Joins the group `name`; resolves when all ranks have.
 *
 * @example
 * await using group = await createShmGroup({ rank, size, store, name: "group/0" });
 * await group.allReduce({ dtype: "float32", data: gradients }, "mean");
 * const shared = await group.allocate(1 << 20); // the same bytes on every rank
 *
 * @throws AccelerateError ERR_SHARED_MEMORY on every rank when one cannot make or open the memory; CollectiveError ERR_COLLECTIVE_TIMEOUT when ranks do not come.
 */
export async function createShmGroup(options: ShmGroupOptions): Promise<ShmGroup> {
  const { rank, size, name, store, onStall, onFault } = options;
  const { timeoutMs, reportAfterMs } = timesOf(options);
  const { jobRanks = Array.from({ length: size }, (_, index) => index) } = options;
  if (!Number.isInteger(size) || size < 1 || !Number.isInteger(rank) || rank < 0 || rank >= size || jobRanks.length !== size)
    throw new ArgumentError(`rank ${rank} of ${size} with the numbers ${jobRanks.join(", ")} is no member of a group`);
  const native = (options.native ?? loadNative()).shm;
  if (native === undefined) throw new AccelerateError("ERR_SHARED_MEMORY", `groups over shared memory need Linux; this is ${process.platform}`);
  const joining: Joining = { native, rank, size, jobRanks, store, name, timeoutMs };
  const handle = rank === 0 ? await found(joining) : await follow(joining);
  return new ShmGroup(native, handle, { rank, jobRanks, timeoutMs, reportAfterMs, onStall, onFault });
}

interface Joining extends Required<Pick<ShmGroupOptions, "rank" | "size" | "jobRanks" | "store" | "name" | "timeoutMs">> {
  readonly native: NativeShm;
}

async function found({ native, jobRanks, store, name, timeoutMs }: Joining): Promise<ShmHandle> {
  let made: ReturnType<NativeShm["create"]>;
  try {
    made = native.create(jobRanks, windowBytes);
  } catch (error) {
    const reason = (error as Error).message;
    await store.set(`${name}/memory`, bytes(failure + reason));
    throw failed(jobRanks[0]!, reason, error);
  }
  const { group, file } = made;
  const end = new AbortController();
  const { signal } = end;
  try {
    await store.set(`${name}/memory`, bytes(file));
    const answers = await Promise.all(
      jobRanks
        .slice(1)
        .map(async (peer, index) =>
          text(await store.get(`${name}/joined/${index + 1}`, { timeoutMs, signal }).catch((cause: unknown) => absent(cause, peer, name, timeoutMs))),
        ),
    );
    const excuse = answers.findIndex((answer) => answer.startsWith(failure));
    if (excuse >= 0) throw failed(jobRanks[excuse + 1]!, answers[excuse]!.slice(failure.length));
    native.closeFile(group);
    await join(native, group, timeoutMs);
    await Promise.all(["memory", ...jobRanks.slice(1).map((_, index) => `joined/${index + 1}`)].map((key) => store.delete(`${name}/${key}`)));
    return group;
  } catch (error) {
    // The others wait for this rank in their join.
    const { code, message, ranks } = error as Partial<AccelerateError & CollectiveFault>;
    native.raise(group, code ?? "ERR_PEER_LOST", message ?? `rank ${jobRanks[0]} could not make the group: ${String(error)}`, ranks ?? []);
    native.release(group);
    // Else the waits for the ranks that have not answered would hold the process until their time is over.
    end.abort(error);
    throw error;
  }
}

async function follow({ native, rank, jobRanks, store, name, timeoutMs }: Joining): Promise<ShmHandle> {
  const file = text(await store.get(`${name}/memory`, { timeoutMs }).catch((cause: unknown) => absent(cause, jobRanks[0]!, name, timeoutMs)));
  if (file.startsWith(failure)) throw failed(jobRanks[0]!, file.slice(failure.length));
  let group: ShmHandle;
  try {
    group = native.attach(file, rank, jobRanks);
  } catch (error) {
    const reason = (error as Error).message;
    await store.set(`${name}/joined/${rank}`, bytes(failure + reason));
    throw failed(jobRanks[rank]!, reason, error);
  }
  try {
    await store.set(`${name}/joined/${rank}`, bytes("here"));
    await join(native, group, timeoutMs + grace);
  } catch (error) {
    native.release(group);
    throw error;
  }
  return group;
}

/** A rank that has not come in time. */
function absent(cause: unknown, rank: number, name: string, timeoutMs: number): never {
  if (!(cause instanceof AccelerateError) || cause.code !== "ERR_STORE_TIMEOUT") throw cause;
  throw new CollectiveError(
    { code: "ERR_COLLECTIVE_TIMEOUT", message: `rank ${rank} has not joined the group ${name} within ${timeoutMs} ms`, ranks: [rank] },
    { cause },
  );
}

/** A collective without a number; afterwards every rank knows the processes of the others. */
async function join(native: NativeShm, group: ShmHandle, timeoutMs: number): Promise<void> {
  try {
    await native.call(group, joinOp, dtypeless, noNumber, noNumber, 0, 0, timeoutMs, undefined, undefined, undefined, undefined);
  } catch (cause) {
    const fault = native.fault(group);
    if (fault === undefined) throw cause;
    const code: string = fault.code;
    throw code === "ERR_SHARED_MEMORY" ? new AccelerateError(code, fault.message, { cause }) : new CollectiveError(fault, { cause });
  }
}

/** What followers wait longer than the first rank, which knows who is missing and tells them, in ms. */
const grace = 5000;

/** uint8: what carries nothing is said to have. */
const dtypeless = 2;

function failed(rank: number, reason: string, cause?: unknown): AccelerateError {
  return new AccelerateError("ERR_SHARED_MEMORY", `rank ${rank} has no memory in common with the other ranks of its host: ${reason}`, {
    ...(cause !== undefined && { cause }),
    hint: "do all processes run in one container (one PID namespace), as one user, with enough memory?",
  });
}
