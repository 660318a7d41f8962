// ONNX Runtime's CUDA provider: a library beside libonnxruntime, of the same version.
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { packageRoot } from "../../src/package-root.js";
import { libraryPath } from "../../src/runtime/library.js";
import { neededLibraries } from "./elf.js";

export const providerFile = "libonnxruntime_providers_cuda.so";
export const sharedFile = "libonnxruntime_providers_shared.so";
export const manifestFile = "accelerate-ts-cuda.json";

export interface Provider {
  /** Where it belongs. */
  readonly folder: string;
  /** Absent: it is not there. */
  readonly file?: string;
  /** As `accelerate-ts install cuda` has noted it. */
  readonly version?: string;
  /** Libraries that it is linked with. */
  readonly needs: readonly string[];
}

/** The version that is pinned: that of the package onnxruntime-node. */
export function onnxruntimePackage(): { readonly version: string; readonly folder: string } {
  const manifest = createRequire(join(packageRoot(), "package.json")).resolve("onnxruntime-node/package.json");
  const { version } = JSON.parse(readFileSync(manifest, "utf8")) as { version: string };
  return { version, folder: dirname(manifest) };
}

/** @throws EngineError where ONNX Runtime itself is missing. */
export function findProvider(folder: string = dirname(libraryPath())): Provider {
  const file = join(folder, providerFile);
  if (!existsSync(file) || !existsSync(join(folder, sharedFile))) return { folder, needs: [] };
  let version: string | undefined;
  try {
    ({ version } = JSON.parse(readFileSync(join(folder, manifestFile), "utf8")) as { version?: string });
  } catch {
    // put there by something else
  }
  return { folder, file, ...(version !== undefined && { version }), needs: neededLibraries(file) ?? [] };
}
