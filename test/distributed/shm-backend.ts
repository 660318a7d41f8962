// How a rank of the conformance suite makes its group over shared memory.
import { createShmGroup } from "../../src/distributed/shm/create-shm-group.js";
import type { Connect } from "./conformance-tasks.js";

export const connect: Connect = ({ rank, size, store }, setup) => createShmGroup({ rank, size, store, ...setup });
