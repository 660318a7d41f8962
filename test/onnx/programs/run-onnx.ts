// Runs ONNX files as somebody else would: with onnxruntime-node's own InferenceSession, or onnxruntime-web in WebAssembly. A process of its own, for these set up ONNX Runtime their way.
//   node run-onnx.js onnxruntime-web < jobs.json > outputs.json
import { text } from "node:stream/consumers";

export type Columns = Readonly<Record<string, readonly (readonly number[])[]>>;
export interface OnnxJob {
  readonly file: string;
  /** Whole numbers [rows, columns], of int64, for the inputs that the model has; `float` ones of float32. */
  readonly batches: readonly Columns[];
  readonly float?: boolean;
}
export interface OnnxRun {
  readonly inputs: readonly string[];
  /** Of each batch, by name. */
  readonly outputs: readonly Readonly<Record<string, { readonly dims: readonly number[]; readonly data: readonly number[] }>>[];
}

interface OrtTensor {
  readonly dims: readonly number[];
  readonly data: Float32Array;
}
interface Ort {
  readonly Tensor: new (type: string, data: BigInt64Array | Float32Array, dims: readonly number[]) => OrtTensor;
  readonly InferenceSession: {
    create(file: string): Promise<{
      readonly inputNames: readonly string[];
      run(feeds: Readonly<Record<string, OrtTensor>>): Promise<Readonly<Record<string, OrtTensor>>>;
      release(): Promise<void>;
    }>;
  };
}

const { Tensor, InferenceSession } = (await import(process.argv[2]!)) as unknown as Ort;
const jobs = JSON.parse(await text(process.stdin)) as readonly OnnxJob[];
const runs: OnnxRun[] = [];
for (const { file, batches, float } of jobs) {
  const session = await InferenceSession.create(file);
  const outputs: Record<string, { dims: readonly number[]; data: number[] }>[] = [];
  for (const batch of batches) {
    const feeds = session.inputNames.map((name) => {
      const rows = batch[name]!;
      const dims = [rows.length, rows[0]!.length];
      return [
        name,
        float ? new Tensor("float32", Float32Array.from(rows.flat()), dims) : new Tensor("int64", BigInt64Array.from(rows.flat(), BigInt), dims),
      ] as const;
    });
    const found = await session.run(Object.fromEntries(feeds));
    outputs.push(Object.fromEntries(Object.entries(found).map(([name, { dims, data }]) => [name, { dims: [...dims], data: [...data] }])));
  }
  runs.push({ inputs: session.inputNames, outputs });
  await session.release();
}
process.stdout.write(JSON.stringify(runs));
