// The weights of a model folder as one set of tensors, whether they lie in one safetensors file or in shards.
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { z } from "zod";
import { AccelerateError } from "../errors.js";
import { SafetensorsError, SafetensorsFile, type TensorEntry } from "../safetensors/index.js";

export const weightsName = "model.safetensors";
export const indexName = "model.safetensors.index.json";
/** Most shards accepted: the hub's own limit. */
const maxShards = 10_000;
/** Files of other libraries, which are recognised only to say what to do. */
const foreignWeights: Readonly<Record<string, string>> = {
  "pytorch_model.bin": "pickled PyTorch weights",
  "pytorch_model.bin.index.json": "pickled PyTorch weights in shards",
  "tf_model.h5": "TensorFlow weights",
  "flax_model.msgpack": "Flax weights",
};

const indexSchema = z.object({ weight_map: z.record(z.string(), z.string()) });

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
    if (existsSync(join(folder, indexName))) return Checkpoint.#openShards(folder);
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

  static async #openShards(folder: string): Promise<Checkpoint> {
    const indexFile = join(folder, indexName);
    const weightMap = await readIndex(indexFile);
    const names = [...new Set(weightMap.values())];
    if (names.length > maxShards)
      throw new SafetensorsError("ERR_SAFETENSORS_INDEX", `${names.length} shards are more than the ${maxShards} that are accepted`, { file: indexFile });
    const shards = new Map<string, SafetensorsFile>();
    try {
      for (const name of names) {
        const path = join(folder, name);
        if (name !== basename(name) || name === "." || name === "..")
          throw new SafetensorsError("ERR_SAFETENSORS_INDEX", `the shard ${JSON.stringify(name)} is not a file of this folder`, { file: indexFile });
        if (!existsSync(path))
          throw new SafetensorsError("ERR_SAFETENSORS_INDEX", `the shard ${name} is missing`, { file: indexFile, hint: "download it into the same folder" });
        shards.set(name, await SafetensorsFile.open(path));
      }
      const homes = new Map<string, SafetensorsFile>();
      for (const [tensor, shard] of weightMap) {
        const file = shards.get(shard)!;
        if (!file.tensors.has(tensor))
          throw new SafetensorsError("ERR_SAFETENSORS_INDEX", `tensor ${tensor} is not in the shard ${shard}`, { file: indexFile });
        homes.set(tensor, file);
      }
      return new Checkpoint([...shards.values()], homes);
    } catch (error) {
      for (const file of shards.values()) await file.close();
      throw error;
    }
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

async function readIndex(file: string): Promise<Map<string, string>> {
  try {
    return new Map(Object.entries(indexSchema.parse(JSON.parse(await readFile(file, "utf8"))).weight_map));
  } catch (cause) {
    throw new SafetensorsError(
      "ERR_SAFETENSORS_INDEX",
      `this is no index of shards: ${cause instanceof Error ? cause.message.split("\n")[0] : String(cause)}`,
      { file, cause },
    );
  }
}
