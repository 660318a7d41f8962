// Where ONNX Runtime's library lies: in the npm package onnxruntime-node, whose own JavaScript is never loaded, or in the folder that ACCELERATE_TS_ONNXRUNTIME names.
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";
import { configuredOnnxruntime } from "../config.js";
import { packageRoot } from "../package-root.js";
import { EngineError } from "./engine-error.js";

/** Beginnings of the version strings that this package was tested with. */
export const knownVersions: readonly string[] = ["1.30."];

const libraryNames: { readonly [platform in NodeJS.Platform]?: string } = { linux: "libonnxruntime.so.1", darwin: "libonnxruntime.1.dylib" };

/**
 * The path of libonnxruntime for this platform.
 * @throws EngineError ERR_ENGINE_LOAD when the package or this platform's build is missing.
 */
export function libraryPath(platform: NodeJS.Platform = process.platform, arch: string = process.arch): string {
  const name = libraryNames[platform];
  const folder = configuredOnnxruntime();
  if (folder !== undefined && name) {
    const file = resolve(folder, name);
    if (existsSync(file)) return file;
    throw new EngineError("ERR_ENGINE_LOAD", `ACCELERATE_TS_ONNXRUNTIME is "${folder}": no ${name} there`, {
      hint: "name the folder that holds it, or unset it",
    });
  }
  let manifest: string;
  try {
    manifest = createRequire(join(packageRoot(), "package.json")).resolve("onnxruntime-node/package.json");
  } catch (cause) {
    throw new EngineError("ERR_ENGINE_LOAD", "the package onnxruntime-node is not installed", {
      hint: "run: ONNXRUNTIME_NODE_INSTALL=skip npm install onnxruntime-node@1.30.0",
      cause,
    });
  }
  const file = name && join(dirname(manifest), "bin", "napi-v6", platform, arch, name);
  if (!file || !existsSync(file)) {
    throw new EngineError("ERR_ENGINE_LOAD", `onnxruntime-node has no library for ${platform}-${arch}${file ? ` (no ${file})` : ""}`, {
      hint: "accelerate-ts runs on Linux (x64, arm64) and macOS (arm64)",
    });
  }
  return file;
}
