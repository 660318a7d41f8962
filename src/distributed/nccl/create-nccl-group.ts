// How ranks with a GPU each come together: rank 0 makes NCCL's unique id, tells the others through the store, and all connect.
import { hostname } from "node:os";
import { AccelerateError } from "../../errors.js";
import type { NativeHandle } from "../../native/binding.js";
import { CollectiveError, type CollectiveFault } from "../errors.js";
import { type GroupOptions, timesOf } from "../group-options.js";
import type { NcclHandle, NcclLibrary } from "./native-nccl.js";
import type { ControlGroup } from "./control-group.js";
import { NcclGroup } from "./nccl-group.js";

export interface NcclGroupOptions extends GroupOptions {
  readonly library: NcclLibrary;
  /** The GPU of this rank, by its number in this process. */
  readonly device: number;
  readonly context?: NativeHandle<"device"> | undefined;
  /** The same ranks on the host; the group takes it over and closes it. */
  readonly control: ControlGroup;
  /** The ranks' numbers in the whole job, for messages; default 0 .. size-1. */
  readonly jobRanks?: readonly number[];
}

/** What ranks tell each other before they connect. */
interface Card {
  readonly version?: string;
  readonly gpu?: string;
  readonly failed?: string;
}

const lookMs = 20;

/**
 * Joins the group `name`; resolves when all ranks have.
 * @throws AccelerateError ERR_NCCL on every rank when one has no GPU or another version of NCCL; CollectiveError when they do not come or cannot connect.
 */
export async function createNcclGroup(options: NcclGroupOptions): Promise<NcclGroup> {
  const { library, device, context, control, store, name, onStall, onFault } = options;
  const { native } = library;
  const { timeoutMs, reportAfterMs } = timesOf(options);
  const { rank, size } = control;
  const { jobRanks = Array.from({ length: size }, (_, index) => index) } = options;
  try {
    const gpus = await introduce({ rank, name, store, timeoutMs, jobRanks }, () => ({
      version: library.version,
      gpu: `${native.busId(device)} of ${hostname()}`,
    }));
    const handle = native.create(device, rank, size);
    try {
      await connect({ ...options, timeoutMs, jobRanks, gpus }, handle);
      await store.delete(`${name}/gpu/${rank}`);
      if (rank === 0) await store.delete(`${name}/nccl`);
    } catch (error) {
      await native.close(handle, 1000).catch(() => {});
      native.release(handle);
      throw error;
    }
    return new NcclGroup({ native, handle, control, context }, { rank, jobRanks, timeoutMs, reportAfterMs, onStall, onFault });
  } catch (error) {
    await control.close();
    throw error;
  }
}

const encode = (card: Card): Uint8Array => new TextEncoder().encode(JSON.stringify(card));
const decode = (bytes: Uint8Array): Card => JSON.parse(new TextDecoder().decode(bytes)) as Card;

/** The GPUs of all ranks. */
async function introduce({ rank, name, store, timeoutMs, jobRanks }: Introducing, tell: () => Card): Promise<readonly string[]> {
  let own: Card;
  let failure: unknown;
  try {
    own = tell();
  } catch (error) {
    failure = error;
    own = { failed: (error as Error).message };
  }
  const keyOf = (of: number) => `${name}/gpu/${of}`;
  await store.set(keyOf(rank), encode(own));
  const cards = await Promise.all(
    jobRanks.map(async (jobRank, of) => {
      if (of === rank) return own;
      const late = {
        code: "ERR_COLLECTIVE_TIMEOUT" as const,
        message: `rank ${jobRank} has not joined the group ${name} within ${timeoutMs} ms`,
        ranks: [jobRank],
      };
      const bytes = await store.get(keyOf(of), { timeoutMs }).catch((cause: unknown) => {
        throw cause instanceof AccelerateError && cause.code === "ERR_STORE_TIMEOUT" ? new CollectiveError(late, { cause }) : cause;
      });
      return decode(bytes);
    }),
  );
  const without = cards.findIndex(({ failed }) => failed !== undefined);
  if (without >= 0)
    throw new AccelerateError("ERR_NCCL", `rank ${jobRanks[without]} cannot use its GPU: ${cards[without]!.failed}`, {
      ...(failure !== undefined && { cause: failure }),
      hint: "accelerate-ts env shows GPUs, driver and libraries",
    });
  const odd = cards.findIndex(({ version }) => version !== cards[0]!.version);
  if (odd >= 0)
    throw new AccelerateError("ERR_NCCL", `rank ${jobRanks[0]} has NCCL ${cards[0]!.version}, rank ${jobRanks[odd]} has ${cards[odd]!.version}`, {
      hint: "install the same version on all hosts",
    });
  return cards.map(({ gpu }) => gpu!);
}

type Introducing = Required<Pick<NcclGroupOptions, "name" | "store" | "timeoutMs" | "jobRanks">> & { readonly rank: number };

interface Connecting extends NcclGroupOptions {
  readonly timeoutMs: number;
  readonly jobRanks: readonly number[];
  readonly gpus: readonly string[];
}

async function connect({ library: { native }, control, store, name, timeoutMs, jobRanks, gpus }: Connecting, handle: NcclHandle): Promise<void> {
  const { rank } = control;
  const key = `${name}/nccl`;
  const began = performance.now();
  const left = () => Math.max(1, Math.ceil(timeoutMs - (performance.now() - began)));
  // Ranks that are lost meanwhile end the wait of the others.
  control.attend?.(true);
  const ended = new AbortController();
  const looking = setInterval(() => {
    const fault = control.faultNow();
    if (!fault) return;
    native.stop(handle, fault.code, fault.message);
    ended.abort(new CollectiveError(fault));
  }, lookMs);
  try {
    if (rank === 0) await store.set(key, native.uniqueId());
    const id = Uint8Array.from(await store.get(key, { timeoutMs: left(), signal: ended.signal }));
    await native.connect(handle, id, left());
  } catch (cause) {
    const { code, message } = cause as Error & { readonly code?: string };
    const twice = gpus.findIndex((gpu, index) => gpus.indexOf(gpu) !== index);
    const shared = twice < 0 ? "" : ` (ranks ${jobRanks[gpus.indexOf(gpus[twice]!)]} and ${jobRanks[twice]} have the same GPU ${gpus[twice]})`;
    const late = code === "ERR_COLLECTIVE_TIMEOUT" || code === "ERR_STORE_TIMEOUT";
    control.abort({
      code: late ? "ERR_COLLECTIVE_TIMEOUT" : "ERR_NCCL",
      message: `rank ${jobRanks[rank]} could not join NCCL's communicator ${name}: ${message}${shared}; NCCL_DEBUG=INFO shows what NCCL has tried`,
      ranks: late ? [] : [jobRanks[rank]!],
    } satisfies CollectiveFault);
    throw new CollectiveError(control.faultNow() ?? { code: "ERR_NCCL", message, ranks: [] }, { cause });
  } finally {
    clearInterval(looking);
    control.attend?.(false);
  }
}
