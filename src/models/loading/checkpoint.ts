// The weights of a model folder as one set of tensors, whether they lie in one safetensors file or in shards.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { AccelerateError } from "../../errors.js";
import { indexName, openShards, SafetensorsError, SafetensorsFile, type TensorEntry, weightsName } from "../../safetensors/index.js";

/** Files of other libraries, which are recognised only to say what to do. */
const foreignWeights: Readonly<Record<string, string>> = {
  "pytorch_model.bin": "pickled PyTorch weights",
  "pytorch_model.bin.index.json": "pickled PyTorch weights in shards",
  "tf_model.h5": "TensorFlow weights",
  "flax_model.msgpack": "Flax weights",
};

/**
 * Opens the weights of a folder: `model.safetensors`, or the shards named in `model.safetensors.index.json`.
 *
 * @example
 * await using checkpoint = await Checkpoint.open("my-model");
 * console.log(checkpoint.tensors.size);
 */
export class Checkpoint implements AsyncDisposable {
  /** Tensors of all shards, by name. */
  readonly tensors: ReadonlyMap<string, TensorEntry>;
  readonly #homes: ReadonlyMap<string, SafetensorsFile>;
  readonly #files: readonly SafetensorsFile[];

  private constructor(files: readonly SafetensorsFile[], homes: ReadonlyMap<string, SafetensorsFile>) {
    this.#files = files;
    this.#homes = homes;
    this.tensors = new Map([...homes].map(([name, file]) => [name, file.entry(name)]));
  }

  static async open(folder: string): Promise<Checkpoint> {
    const single = join(folder, weightsName);
    if (existsSync(single)) {
      const file = await SafetensorsFile.open(single);
      return new Checkpoint([file], new Map([...file.tensors.keys()].map((name) => [name, file])));
    }
    if (existsSync(join(folder, indexName))) {
      const { shards, homes } = await openShards(folder);
      return new Checkpoint([...shards.values()], homes);
    }
    const foreign = Object.keys(foreignWeights).find((name) => existsSync(join(folder, name)));
    throw new AccelerateError(
      "ERR_WEIGHTS_NOT_FOUND",
      foreign ? `${folder} holds ${foreign} (${foreignWeights[foreign]}), which is not read` : `${folder} holds no ${weightsName}`,
      {
        hint: foreign
          ? `save it as safetensors once in Python: AutoModel.from_pretrained("${folder}").save_pretrained("${folder}-safetensors")`
          : `a model folder has config.json and ${weightsName} or ${indexName}`,
      },
    );
  }

  /** A tensor as float32, into memory of its length. */
  async readFloat32(name: string, into?: Float32Array): Promise<Float32Array> {
    const home = this.#homes.get(name);
    if (!home) throw new SafetensorsError("ERR_SAFETENSORS_NAME", `there is no tensor ${name}`, { file: this.#files.map((f) => f.file).join(", ") });
    return home.readFloat32(name, into);
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
