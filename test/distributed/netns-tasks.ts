// The ranks' side of netns.test.ts.
import assert from "node:assert/strict";
import { createWorld } from "../../src/distributed/create-world.js";
import type { CollectiveFault } from "../../src/distributed/errors.js";
import { createGlooGroup } from "../../src/distributed/gloo/create-gloo-group.js";
import type { ProcessGroup, World } from "../../src/distributed/process-group.js";
import { createShmGroup } from "../../src/distributed/shm/create-shm-group.js";
import type { RankContext } from "../support/ranks.js";
import { difference, hash, numbers, reduced, reduceOps, tolerance } from "./numbers.js";

export interface Placement {
  readonly name: string;
  readonly addresses: readonly string[];
  readonly hostOfRank: readonly number[];
}

const glooOf = ({ rank, size, store }: RankContext, { name, addresses, hostOfRank }: Placement) =>
  createGlooGroup({ rank, size, store, name, address: addresses[hostOfRank[rank]!]!, timeoutMs: 60_000 });

const worldOf = ({ rank, size, store }: RankContext, { name, addresses, hostOfRank }: Placement): Promise<World> => {
  const host = hostOfRank[rank]!;
  const here = hostOfRank.flatMap((of, index) => (of === host ? [index] : []));
  const hosts = new Set(hostOfRank).size;
  const assignment = { rank, worldSize: size, host, hosts, hostOfRank, localRank: here.indexOf(rank), localWorldSize: here.length, address: addresses[host]! };
  return createWorld({ assignment, store, name, timeoutMs: 60_000 });
};

/** The same sums over the network and through memory. */
export async function alike(context: RankContext, placement: Placement): Promise<string[]> {
  const { rank, size, store } = context;
  await using network = await glooOf(context, placement);
  await using memory = await createShmGroup({ rank, size, store, name: `${placement.name}/memory`, timeoutMs: 60_000 });
  const hashes: string[] = [];
  for (const dtype of ["float32", "float64", "float16", "bfloat16", "int64", "bool"] as const)
    for (const op of reduceOps(dtype))
      for (const count of [5, 100_003]) {
        const [one, other] = [numbers(dtype, count, 7, rank), numbers(dtype, count, 7, rank)];
        await network.allReduce(one, op);
        await memory.allReduce(other, op);
        assert.ok(difference(one, other) <= tolerance[dtype], `${op} of ${count} ${dtype} differs by ${difference(one, other)}`);
        hashes.push(hash(one));
      }
  return hashes;
}

/** All groups of a world over hosts do their part. */
export async function whole(
  context: RankContext,
  placement: Placement,
): Promise<{ readonly backends: readonly (string | undefined)[]; readonly hash: string }> {
  await using world = await worldOf(context, placement);
  const { group, local, cross } = world;
  const data = numbers("float32", 70_001, 3, context.rank);
  await group.allReduce(data, "mean");
  const inputs = Array.from({ length: context.size }, (_, rank) => numbers("float32", 70_001, 3, rank));
  assert.ok(difference(data, reduced(inputs, "mean")) <= tolerance.float32);
  const members = await local.allGatherObject(context.rank);
  assert.deepEqual(
    members,
    placement.hostOfRank.flatMap((host, rank) => (host === placement.hostOfRank[context.rank] ? [rank] : [])),
  );
  if (cross) assert.equal((await cross.allGatherObject(context.rank)).length, world.hosts);
  await group.barrier();
  return { backends: [group.backend, local.backend, cross?.backend], hash: hash(data) };
}

export interface Ended {
  readonly code: string;
  readonly message: string;
  readonly ranks: readonly number[];
  /** When the error came, in milliseconds of the machine's clock. */
  readonly at: number;
}

async function endOf(group: ProcessGroup, call: () => Promise<unknown>): Promise<Ended> {
  try {
    for (;;) await call();
  } catch (error) {
    const { code, message, ranks } = error as Error & CollectiveFault;
    if (ranks === undefined) throw error;
    await assert.rejects(group.barrier(), { code, message });
    return { code, message, ranks, at: Date.now() };
  }
}

/** Collectives without end; count 0: rank `idle` never comes, so that nothing is under way. */
export async function untilItEnds(
  context: RankContext,
  args: Placement & { readonly count: number; readonly idle?: number; readonly abortAfterMs?: number; readonly world?: boolean },
): Promise<Ended | undefined> {
  const world = args.world ? await worldOf(context, args) : undefined;
  const group = world?.group ?? (await glooOf(context, args));
  await group.barrier();
  if (args.abortAfterMs !== undefined) {
    const fault = { code: "ERR_PEER_LOST", message: "host 1 is cut off (the launcher says so)", ranks: [1] } as const;
    setTimeout(() => (world ?? group).abort(fault), args.abortAfterMs);
  }
  context.tell("going");
  if (context.rank === args.idle) return undefined;
  const data = { dtype: "float32", data: new Float32Array(args.count) } as const;
  return endOf(group, () => (args.count === 0 ? group.barrier() : group.allReduce(data, "sum")));
}

/** Everybody waits in another group: rank 3 is missing in its host's, so its speaker does not come between the hosts, so rank 0 does not come to its own host's. */
export async function apart(context: RankContext, placement: Placement): Promise<Ended | undefined> {
  const world = await worldOf(context, placement);
  await world.group.barrier();
  context.tell("going");
  if (context.rank === 3) return new Promise(() => {});
  const group = context.rank === 0 ? world.cross! : world.local;
  return endOf(group, () => group.barrier());
}
