// From what the command line names to what is there: a folder, a file, or a model of the hub that was downloaded before.
import { existsSync, readFileSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { extname, join } from "node:path";
import { UsageError } from "../usage.js";
import type { Subject } from "./subject.js";

type Env = Readonly<Record<string, string | undefined>>;

/** Where Python's huggingface_hub keeps downloads. */
export function hubCache(env: Env): string {
  const home = env.HF_HOME ?? join(env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "huggingface");
  return env.HF_HUB_CACHE ?? env.HUGGINGFACE_HUB_CACHE ?? join(home, "hub");
}

/** The folder of a downloaded model; undefined when it is not there. */
export function downloaded(id: string, env: Env): string | undefined {
  const repository = join(hubCache(env), `models--${id.replaceAll("/", "--")}`);
  const main = join(repository, "refs", "main");
  if (!existsSync(main)) return undefined;
  const snapshot = join(repository, "snapshots", readFileSync(main, "utf8").trim());
  return existsSync(snapshot) ? snapshot : undefined;
}

const isHubName = (name: string): boolean => /^[\w.-]+(\/[\w.-]+)?$/.test(name) && !name.startsWith(".");

async function folderSubject(folder: string): Promise<Subject> {
  if (existsSync(join(folder, "config.json"))) return (await import("./models.js")).modelSubject(folder);
  const weights = ["model.safetensors", "model.safetensors.index.json"].some((name) => existsSync(join(folder, name)));
  if (weights) return (await import("./weight-files.js")).weightsSubject(folder);
  throw new UsageError(`${folder}: no model folder (there is neither config.json nor model.safetensors)`);
}

/** Kinds of files by their ending. */
const files: Readonly<Record<string, (file: string) => Promise<Subject>>> = {
  ".safetensors": async (file) => (await import("./weight-files.js")).safetensorsSubject(file),
  ".onnx": async (file) => (await import("./onnx.js")).onnxSubject(file),
};

/** @throws UsageError when there is no such model, with how to get it */
export async function findSubject(name: string, env: Env): Promise<Subject> {
  const found = statSync(name, { throwIfNoEntry: false });
  if (found?.isDirectory()) return folderSubject(name);
  if (found) {
    const open = files[extname(name).toLowerCase()];
    if (open) return open(name);
    throw new UsageError(`${name}: neither a folder with config.json nor a file that ends in ${Object.keys(files).join(" or ")}`);
  }
  const cached = isHubName(name) ? downloaded(name, env) : undefined;
  if (cached) return folderSubject(cached);
  if (isHubName(name) && !Object.hasOwn(files, extname(name).toLowerCase()))
    throw new UsageError(
      `${name}: no such folder, and not among the downloads in ${hubCache(env)}; its config.json is enough:\n  hf download ${name} config.json --local-dir ${name.split("/").at(-1)}`,
    );
  throw new UsageError(`${name}: no such file or folder`);
}
