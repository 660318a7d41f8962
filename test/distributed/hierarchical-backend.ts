// How the ranks of the conformance suite make groups over "hosts" that are all this machine; neighbours in rank are on different hosts.
import { createHierarchicalGroup } from "../../src/distributed/hierarchical/create-hierarchical-group.js";
import type { Connect } from "./conformance-tasks.js";

/** By the number of ranks: one rank per host, a full and a single one, two full ones. */
const placements: Readonly<Record<number, readonly number[]>> = { 1: [0], 2: [0, 1], 3: [0, 1, 0], 4: [0, 1, 0, 1] };

export const connect: Connect = ({ rank, size, store }, setup) =>
  createHierarchicalGroup({ rank, hostOfRank: placements[size]!, store, address: "127.0.0.1", ...setup });
