// A worker thread with a group over gloo: joins, and then waits in a collective for ever.
import { parentPort, workerData } from "node:worker_threads";
import { createGlooGroup } from "../../src/distributed/gloo/create-gloo-group.js";
import { FileStore } from "../support/file-store.js";

const { rank, size, name, folder } = workerData as { rank: number; size: number; name: string; folder: string };
const group = await createGlooGroup({ rank, size, name, store: new FileStore(folder), address: "127.0.0.1" });
await group.allReduce({ dtype: "float32", data: new Float32Array(2_000_000) }, "sum");
parentPort!.postMessage("waiting");
await group.barrier();
