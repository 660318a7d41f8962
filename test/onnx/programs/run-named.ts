// Runs ONNX files with tensors by name, in onnxruntime-node's own InferenceSession or in onnxruntime-web. A process of its own, for these set up ONNX Runtime their way.
//   node run-named.js onnxruntime-web < jobs.json > outputs.json
import { text } from "node:stream/consumers";

export type Feeds = Readonly<Record<string, { readonly dtype: "float32" | "int64"; readonly shape: readonly number[]; readonly data: readonly number[] }>>;
export interface NamedJob {
  readonly file: string;
  readonly feeds: Feeds;
}
/** Numbers of the outputs by name. */
export type NamedRun = Readonly<Record<string, readonly number[]>>;

interface Ort {
  readonly Tensor: new (type: string, data: BigInt64Array | Float32Array, dims: readonly number[]) => { readonly data: Float32Array };
  readonly InferenceSession: {
    create(file: string): Promise<{ run(feeds: object): Promise<Readonly<Record<string, { readonly data: Float32Array }>>>; release(): Promise<void> }>;
  };
}

const { Tensor, InferenceSession } = (await import(process.argv[2]!)) as unknown as Ort;
const runs: NamedRun[] = [];
for (const { file, feeds } of JSON.parse(await text(process.stdin)) as readonly NamedJob[]) {
  const session = await InferenceSession.create(file);
  const tensors = Object.entries(feeds).map(([name, { dtype, shape, data }]) => [
    name,
    new Tensor(dtype, dtype === "int64" ? BigInt64Array.from(data, BigInt) : Float32Array.from(data), shape),
  ]);
  const found = await session.run(Object.fromEntries(tensors) as object);
  runs.push(Object.fromEntries(Object.entries(found).map(([name, { data }]) => [name, [...data]])));
  await session.release();
}
process.stdout.write(JSON.stringify(runs));
