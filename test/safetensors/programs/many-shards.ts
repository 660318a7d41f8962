// Opens a folder of many shards and reads some tensors, for a test that gives it few file handles.
import { Checkpoint } from "../../../src/models/loading/checkpoint.js";

await using checkpoint = await Checkpoint.open(process.argv[2]!);
const values: number[] = [];
for (const name of ["t0", "t5000", "t9999"]) values.push(...(await checkpoint.readFloat32(name)));
// All of them in one call, as a model is loaded.
await checkpoint.readInto([...checkpoint.tensors.keys()].map((name) => [name, new Float32Array(1)] as const));
console.log(JSON.stringify({ tensors: checkpoint.tensors.size, values }));
