// The weights of a model folder as one set of tensors, whether they lie in one file or in shards, in safetensors or in files of torch.save.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { AccelerateError } from "../../errors.js";
import { indexName, openShards, SafetensorsFile, storedTypes, weightsName } from "../../safetensors/index.js";
import { openTorchWeights, torchIndexName, torchWeightsName } from "./torch-weights.js";

/** Files of other libraries, which are recognised only to say what to do. */
const foreignWeights: Readonly<Record<string, string>> = {
  "tf_model.h5": "TensorFlow weights",
  "flax_model.msgpack": "Flax weights",
  "model.onnx": "an ONNX graph",
};

/** What is known of a tensor before it is read. */
export interface CheckpointTensor {
  readonly name: string;
  readonly shape: readonly number[];
  /** The element type, by the library's name where it has it. */
  readonly dtype: string;
  /** In the file. */
  readonly bytes: number;
}
/** A tensor, and memory of its length for its elements. */
export type Wanted = readonly [name: string, into: Float32Array];

/** One file of weights. */
export interface WeightFile {
  readonly file: string;
  readonly tensors: ReadonlyMap<string, CheckpointTensor>;
  /** Reads tensors as float32. */
  readFloat32(wanted: readonly Wanted[]): Promise<void>;
  close(): Promise<void>;
}

function fromSafetensors(opened: SafetensorsFile): WeightFile {
  const tensors = [...opened.tensors.values()].map(
    ({ name, stored, shape, begin, end }) => [name, { name, shape, dtype: storedTypes[stored].dtype ?? stored, bytes: end - begin }] as const,
  );
  return { file: opened.file, tensors: new Map(tensors), readFloat32: (wanted) => opened.readFloat32Into(wanted), close: () => opened.close() };
}

/** Files by name, and the file of each tensor. */
export interface WeightFiles {
  readonly files: readonly WeightFile[];
  readonly homes: ReadonlyMap<string, WeightFile>;
}

async function openFiles(folder: string): Promise<WeightFiles> {
  const single = join(folder, weightsName);
  if (existsSync(single)) {
    const file = fromSafetensors(await SafetensorsFile.open(single));
    return { files: [file], homes: new Map([...file.tensors.keys()].map((name) => [name, file])) };
  }
  if (existsSync(join(folder, indexName))) {
    const { shards, homes } = await openShards(folder);
    const files = new Map([...shards.values()].map((shard) => [shard, fromSafetensors(shard)]));
    return { files: [...files.values()], homes: new Map([...homes].map(([name, shard]) => [name, files.get(shard)!])) };
  }
  if (existsSync(join(folder, torchWeightsName)) || existsSync(join(folder, torchIndexName))) return openTorchWeights(folder);
  const foreign = Object.keys(foreignWeights).find((name) => existsSync(join(folder, name)));
  throw new AccelerateError(
    "ERR_WEIGHTS_NOT_FOUND",
    foreign ? `${folder} holds ${foreign} (${foreignWeights[foreign]}), which is not read` : `${folder} holds no ${weightsName}`,
    {
      hint: foreign
        ? `save it as safetensors once in Python: AutoModel.from_pretrained("${folder}").save_pretrained("${folder}-safetensors")`
        : `a model folder has config.json and ${weightsName}, ${indexName} or ${torchWeightsName}`,
    },
  );
}

/**
 * Opens the weights of a folder: `model.safetensors`, the shards named in `model.safetensors.index.json`, `pytorch_model.bin`, or the shards named in its index; the first
 * of these that is there.
 *
 * @example
 * await using checkpoint = await Checkpoint.open("my-model");
 * console.log(checkpoint.tensors.size);
 */
export class Checkpoint implements AsyncDisposable {
  /** Tensors of all files, by name. */
  readonly tensors: ReadonlyMap<string, CheckpointTensor>;
  readonly #homes: ReadonlyMap<string, WeightFile>;
  readonly #files: readonly WeightFile[];

  private constructor({ files, homes }: WeightFiles) {
    this.#files = files;
    this.#homes = homes;
    this.tensors = new Map([...homes].map(([name, file]) => [name, file.tensors.get(name)!]));
  }

  static async open(folder: string): Promise<Checkpoint> {
    return new Checkpoint(await openFiles(folder));
  }

  /** A tensor as float32. */
  async readFloat32(name: string): Promise<Float32Array> {
    const into = new Float32Array((this.tensors.get(name)?.shape ?? []).reduce((a, b) => a * b, 1));
    await this.readInto([[name, into]]);
    return into;
  }

  /** Tensors as float32, each into memory of its length. */
  async readInto(wanted: Iterable<Wanted>): Promise<void> {
    const byFile = new Map<WeightFile, Wanted[]>();
    for (const [name, into] of wanted) {
      const home = this.#homes.get(name);
      if (!home) throw new AccelerateError("ERR_WEIGHTS_NOT_FOUND", `there is no tensor ${name} in ${this.#files.map((f) => f.file).join(", ")}`);
      const list = byFile.get(home);
      if (list) list.push([name, into]);
      else byFile.set(home, [[name, into]]);
    }
    for (const [file, list] of byFile) await file.readFloat32(list);
  }

  /** The file in which a tensor lies, for messages. */
  fileOf(name: string): string | undefined {
    return this.#homes.get(name)?.file;
  }

  async close(): Promise<void> {
    for (const file of this.#files) await file.close();
  }
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
