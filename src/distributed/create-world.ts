// The groups of a run, chosen by where its ranks are: shared memory within a host, gloo between hosts.
import { ArgumentError } from "../errors.js";
import type { NativeBinding, NativeHandle } from "../native/binding.js";
import type { Assignment } from "./assignment.js";
import { endAll } from "./hierarchical/end-all.js";
import { FaultLink } from "./fault-link.js";
import { createGlooGroup } from "./gloo/create-gloo-group.js";
import { loadGloo } from "./gloo/native-gloo.js";
import { createHierarchicalGroup } from "./hierarchical/create-hierarchical-group.js";
import { createNcclGroup } from "./nccl/create-nccl-group.js";
import { type NcclLibraryOptions, openNccl } from "./nccl/native-nccl.js";
import type { DeviceGroup, ProcessGroup, World } from "./process-group.js";
import { createShmGroup } from "./shm/create-shm-group.js";
import { SingleGroup } from "./single-group.js";
import { singleWorld } from "./single-world.js";
import type { GroupOptions } from "./group-options.js";

/** The GPU of a rank. */
export interface WorldDevice extends NcclLibraryOptions {
  /** Its number in this process. */
  readonly index: number;
  /** Where its arrays are; without it only numbers of the host travel. */
  readonly context?: NativeHandle<"device">;
}

export interface WorldOptions extends GroupOptions {
  readonly assignment: Assignment;
  readonly native?: NativeBinding;
  /** Of every rank or of none. */
  readonly device?: WorldDevice | undefined;
}

/**
 * Joins the groups of a run; a collective of all its ranks.
 * @throws AccelerateError ERR_GLOO_MISSING where ranks are on several hosts and gloo is not installed on this one, ERR_NCCL_MISSING the same for GPUs, and what the groups throw.
 */
export async function createWorld(options: WorldOptions): Promise<World> {
  const { device, ...rest } = options;
  if (device === undefined || rest.assignment.worldSize === 1) return createHostWorld(rest);
  const made = await createHostWorld(rest);
  try {
    return withDevice(made, await createDeviceGroup({ ...rest, device }));
  } catch (error) {
    await endAll([...new Set([made.group, made.local])], error);
    throw error;
  }
}

function withDevice(made: World, device: DeviceGroup): World {
  const close = async (): Promise<void> => {
    await device.close();
    await made.close();
  };
  return {
    ...made,
    device,
    abort: (fault) => {
      device.abort(fault);
      made.abort(fault);
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** All ranks, over NCCL; they meet in a group of the host that nobody else uses. */
async function createDeviceGroup({ device, ...options }: WorldOptions & { readonly device: WorldDevice }): Promise<DeviceGroup> {
  const { assignment, store, name, native, ...rest } = options;
  const { rank, worldSize, hosts, hostOfRank, address } = assignment;
  const common = { ...rest, store, rank, size: worldSize, name: `${name}/device`, ...(native && { native }) };
  const jobRanks = hostOfRank.map((_, index) => index);
  const library = openNccl({ ...device, ...(native && { binding: native }) });
  const { native: _native, ...between } = common;
  const control =
    hosts === 1
      ? await createShmGroup(common)
      : hosts === worldSize
        ? await createGlooGroup({ ...between, address })
        : await createHierarchicalGroup({ ...common, hostOfRank, address });
  const { onStall, onFault, timeoutMs, reportAfterMs } = rest;
  const times = { ...(timeoutMs !== undefined && { timeoutMs }), ...(reportAfterMs !== undefined && { reportAfterMs }) };
  return createNcclGroup({
    ...times,
    ...(onStall && { onStall }),
    ...(onFault && { onFault }),
    library,
    device: device.index,
    context: device.context,
    control,
    jobRanks,
    store,
    name: common.name,
  });
}

async function createHostWorld(options: WorldOptions): Promise<World> {
  const { assignment, store, name, native, ...rest } = options;
  const { rank, worldSize, host, hosts, hostOfRank, address } = assignment;
  checkAssignment(assignment);
  if (worldSize === 1) return singleWorld();
  const ranksOf = (which: number): readonly number[] => hostOfRank.flatMap((of, index) => (of === which ? [index] : []));
  const here = ranksOf(host);
  const common = { ...rest, store };
  const withNative = native === undefined ? {} : { native };
  const single = () => new SingleGroup({ jobRank: rank, ...withNative });
  const within = () => createShmGroup({ ...common, ...withNative, rank: here.indexOf(rank), size: here.length, jobRanks: here, name: `${name}/host/${host}` });
  const speakers = Array.from({ length: hosts }, (_, which) => ranksOf(which)[0]!);
  const between = () => createGlooGroup({ ...common, rank: host, size: hosts, jobRanks: speakers, address, name: `${name}/hosts` });

  if (hosts === 1) {
    const group = await within();
    return world({ group, local: group, cross: undefined, hosts });
  }
  if (hosts === worldSize) {
    const group = await between();
    return world({ group, local: single(), cross: group, hosts });
  }
  const made: ProcessGroup[] = [];
  const keep = <G extends ProcessGroup>(group: G): G => {
    made.push(group);
    return group;
  };
  try {
    // First, so that a host without gloo says so at once: its speaker to the other hosts, the others to their users.
    if (speakers[host] !== rank) loadGloo();
    const cross = speakers[host] === rank ? keep(await between()) : undefined;
    const local = keep(here.length === 1 ? single() : await within());
    const group = keep(await createHierarchicalGroup({ ...common, ...withNative, rank, hostOfRank, address, name: `${name}/all` }));
    return world({ group, local, cross, hosts }, cross && new FaultLink([group, cross, local]));
  } catch (error) {
    await endAll(made, error);
    throw error;
  }
}

function world(groups: Pick<World, "group" | "local" | "cross" | "hosts">, link?: FaultLink): World {
  const { group, local, cross } = groups;
  // The whole first: it tells the parts.
  const all = [...new Set([group, local, ...(cross ? [cross] : [])])];
  const close = async (): Promise<void> => {
    link?.close();
    for (const each of all) await each.close();
  };
  return {
    ...groups,
    abort: (fault) => {
      for (const each of all) each.abort(fault);
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

function checkAssignment({ rank, worldSize, host, hosts, hostOfRank }: Assignment): void {
  const distinct = new Set(hostOfRank);
  const whole = hostOfRank.length === worldSize && distinct.size === hosts && hostOfRank.every((of) => Number.isInteger(of) && of >= 0 && of < hosts);
  if (whole && hostOfRank[rank] === host) return;
  throw new ArgumentError(`rank ${rank} of ${worldSize} on host ${host} of ${hosts} does not fit the hosts of all ranks (${hostOfRank.join(", ")})`);
}
