// How the ranks of the conformance suite make groups over NCCL: its double, or the real library where there are GPUs.
import { openNccl } from "../../src/distributed/nccl/native-nccl.js";
import { createNcclGroup } from "../../src/distributed/nccl/create-nccl-group.js";
import { createShmGroup } from "../../src/distributed/shm/create-shm-group.js";
import { buildDoubles, skipWithoutCuda } from "../doubles/build.js";
import type { Connect } from "./conformance-tasks.js";

/** A folder with both libraries: the one that is named, else doubles where they can be built. */
export const ncclLibraries = process.env.NCCL_TEST_LIBRARIES ?? (skipWithoutCuda === false ? (await buildDoubles()).libraries : undefined);
const files = (name: string): readonly string[] => (ncclLibraries === undefined ? [] : [`${ncclLibraries}/${name}`]);

export const connect: Connect = async ({ rank, size, store }, setup) => {
  const library = openNccl({ nccl: files("libnccl.so.2"), cuda: files("libcudart.so.13") });
  const control = await createShmGroup({ rank, size, store, ...setup, name: `${setup.name}/control` });
  return createNcclGroup({ library, device: rank, control, store, ...setup });
};
