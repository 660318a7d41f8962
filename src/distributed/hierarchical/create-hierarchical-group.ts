// How the ranks of several hosts become one group: the hosts' groups first, then the one between the hosts, then memory in common.
import { ArgumentError } from "../../errors.js";
import type { NativeBinding } from "../../native/binding.js";
import { createGlooGroup } from "../gloo/create-gloo-group.js";
import type { GlooGroup } from "../gloo/gloo-group.js";
import { loadGloo, type NativeGloo } from "../gloo/native-gloo.js";
import type { ProcessGroup } from "../process-group.js";
import { createShmGroup } from "../shm/create-shm-group.js";
import { SingleGroup } from "../single-group.js";
import { type GroupOptions, timesOf } from "../group-options.js";
import { Board, boardBytes } from "./board.js";
import { endAll } from "./end-all.js";
import { HierarchicalGroup } from "./hierarchical-group.js";
import { layoutOf } from "./layout.js";
import { chunkBytes, slots } from "./pipeline.js";

export interface HierarchicalGroupOptions extends GroupOptions {
  /** In the whole job. */
  readonly rank: number;
  /** The host of every rank, numbered from 0. */
  readonly hostOfRank: readonly number[];
  /** An address of this host that the other hosts can reach. */
  readonly address: string;
  readonly native?: NativeBinding;
  readonly gloo?: NativeGloo;
}

const align = 64;

/**
 * Joins the group `name`; resolves when all ranks have.
 * @throws AccelerateError ERR_GLOO_MISSING where gloo is not installed, and what createShmGroup and createGlooGroup throw.
 */
export async function createHierarchicalGroup(options: HierarchicalGroupOptions): Promise<HierarchicalGroup> {
  const { rank, hostOfRank, store, name, address, onStall, onFault } = options;
  const { timeoutMs, reportAfterMs } = timesOf(options);
  if (!Number.isInteger(rank) || hostOfRank[rank] === undefined)
    throw new ArgumentError(`rank ${rank} is none of the ${hostOfRank.length} ranks that have a host`);
  const gloo = options.gloo ?? loadGloo();
  const layout = layoutOf(rank, hostOfRank);
  const here = layout.hosts[layout.host]!;
  const withNative = options.native === undefined ? {} : { native: options.native };
  const common = { store, timeoutMs, reportAfterMs };
  const made: ProcessGroup[] = [];
  try {
    const local =
      here.length === 1
        ? new SingleGroup({ jobRank: rank, ...withNative })
        : await createShmGroup({ ...common, ...withNative, rank: here.indexOf(rank), size: here.length, jobRanks: here, name: `${name}/host/${layout.host}` });
    made.push(local);
    let cross: GlooGroup | undefined;
    if (here[0] === rank) {
      const speakers = layout.hosts.map((ranks) => ranks[0]!);
      cross = await createGlooGroup({ ...common, native: gloo, rank: layout.host, size: speakers.length, jobRanks: speakers, address, name: `${name}/hosts` });
      made.push(cross);
    }
    const boardLength = Math.ceil(boardBytes(layout) / align) * align;
    const memory = new Uint8Array(await local.allocate(boardLength + slots * chunkBytes, { timeoutMs, purpose: "the memory of a group over hosts" }));
    const board = new Board(layout, memory.subarray(0, boardLength));
    const chunks = Array.from({ length: slots }, (_, slot) => memory.subarray(boardLength + slot * chunkBytes, boardLength + (slot + 1) * chunkBytes));
    const jobRanks = hostOfRank.map((_, index) => index);
    return new HierarchicalGroup({ native: gloo, layout, local, cross, board, slots: chunks }, { rank, jobRanks, timeoutMs, reportAfterMs, onStall, onFault });
  } catch (error) {
    await endAll(made, error);
    throw error;
  }
}
