// accelerate-ts install cuda: ONNX Runtime's CUDA provider beside the library of the package onnxruntime-node, and away again.
import { statfsSync } from "node:fs";
import { access, constants, rename } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { AccelerateError } from "../../src/errors.js";
import { Bar } from "../../src/progress/bar.js";
import { processTerminal } from "../../src/progress/terminal.js";
import { libraryPath } from "../../src/runtime/library.js";
import type { Terminal } from "../command.js";
import { neededLibraries } from "../gpu/elf.js";
import { type GpuMachine, gpuList, readGpuMachine } from "../gpu/machine.js";
import { onnxruntimePackage, providerFile, sharedFile } from "../gpu/provider.js";
import { listenToSignals } from "../launch/signals.js";
import type { RawOptions } from "../options/resolve.js";
import { UsageError } from "../usage.js";
import { downloadWheel, npmFolder, runNpmScript } from "./download.js";
import { isComplete, type Manifest, place, readManifest, stage, unplace } from "./placement.js";
import { Wheel } from "./wheel.js";

const MEGABYTE = 1e6;
/** Beside what the files take. */
const SPARE = 32 * MEGABYTE;
const exitCodes: Readonly<Record<string, number>> = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 };
const tensorrt = "libonnxruntime_providers_tensorrt.so";

export interface CudaInstall {
  /** "installed", "already there", "uninstalled", "not installed" */
  readonly outcome: "installed" | "kept" | "uninstalled" | "absent";
  readonly version: string;
  readonly folder: string;
  readonly source?: string;
  readonly files: readonly { readonly name: string; readonly bytes?: number; readonly sha256?: string }[];
  /** Files that came back, and files that somebody has changed and that stay. */
  readonly restored?: readonly string[];
  readonly left?: readonly string[];
}

export interface CudaOptions {
  /** Where libonnxruntime lies. */
  readonly folder: string;
  readonly version: string;
  /** The package onnxruntime-node, for its script. */
  readonly pack: string;
  readonly from?: string;
  readonly method: "pip" | "npm";
  readonly tensorrt?: boolean;
  readonly force?: boolean;
  readonly quiet?: boolean;
  readonly terminal: Terminal;
  readonly signal: AbortSignal;
  readonly platform?: NodeJS.Platform;
  readonly arch?: NodeJS.Architecture;
}

const codes: Readonly<Record<string, string>> = {
  EACCES: "may not be written",
  EPERM: "may not be written",
  EROFS: "is read-only",
  ENOSPC: "has no space left",
  EDQUOT: "has no space left for you",
  ENOENT: "is not there",
};

/** What the file system refuses is said in words, with a way out. */
function explained(error: unknown, folder: string): unknown {
  const { code = "" } = error as NodeJS.ErrnoException;
  if (error instanceof AccelerateError || codes[code] === undefined) return error;
  const elsewhere = `run it as the folder's owner, or copy libonnxruntime.so.1 into a folder of your own, install with --into <folder>, and set ACCELERATE_TS_ONNXRUNTIME=<folder> for your programs`;
  return new AccelerateError("ERR_INSTALL", `${folder} ${codes[code]}`, {
    cause: error,
    hint: code === "ENOSPC" || code === "EDQUOT" ? "make room and run it again" : elsewhere,
  });
}

function checkSpace(folder: string, bytes: number): void {
  const { bavail, bsize } = statfsSync(folder);
  const [free, wanted] = [bavail * bsize, bytes + SPARE];
  if (free < wanted)
    throw new AccelerateError("ERR_INSTALL", `${folder}: ${Math.floor(free / MEGABYTE)} MB are free, ${Math.ceil(wanted / MEGABYTE)} MB are needed`, {
      hint: "make room and run it again",
    });
}

async function fromWheel(path: string, options: CudaOptions, staging: string): Promise<Omit<Manifest, "replaced">> {
  await using wheel = await Wheel.open(path, options.version, options.arch ?? process.arch);
  const members = [sharedFile, ...(options.tensorrt ? [tensorrt] : []), providerFile].map((name) => wheel.member(name));
  const bytes = members.reduce((sum, member) => sum + member.bytes, 0);
  checkSpace(options.folder, bytes);
  const bar = new Bar(processTerminal(), Math.ceil(bytes / MEGABYTE), {
    description: "unpacking",
    unit: "MB",
    enabled: options.quiet !== true,
    delay: 500,
    leave: false,
  });
  let done = 0;
  try {
    for (const member of members)
      await wheel.extract(member, staging, options.signal, (more) => {
        const before = Math.floor(done / MEGABYTE);
        done += more;
        bar.update(Math.floor(done / MEGABYTE) - before);
      });
  } finally {
    bar.close();
  }
  return { version: options.version, source: `the wheel of onnxruntime-gpu ${wheel.version}`, files: members };
}

/**
 * Puts the provider in place. All or nothing; the same again does nothing.
 * @throws AccelerateError ERR_INSTALL, ERR_WHEEL; the signal's reason
 */
export async function installCuda(options: CudaOptions): Promise<CudaInstall> {
  const { folder, version, signal, terminal, quiet = false, platform = process.platform, arch = process.arch } = options;
  if (platform !== "linux" || (arch !== "x64" && options.from === undefined))
    throw new AccelerateError("ERR_INSTALL", `ONNX Runtime's CUDA provider is there for Linux on x64, this is ${platform}-${arch}`, {
      hint: "other GPUs: --device webgpu needs nothing installed",
    });
  try {
    const old = await readManifest(folder);
    const complete =
      old?.version === version &&
      options.from === undefined &&
      (!options.tensorrt || old.files.some(({ name }) => name === tensorrt)) &&
      (await isComplete(old, folder, signal));
    if (old && complete) return { outcome: "kept", version, folder, source: old.source, files: old.files };
    await access(folder, constants.W_OK);
    await using staging = await stage(folder);
    let manifest: Omit<Manifest, "replaced">;
    if (options.from === undefined && options.method === "npm") {
      const files = await runNpmScript(options.pack, staging.path, terminal, quiet, signal);
      for (const { name } of files) await rename(join(npmFolder(staging.path), name), join(staging.path, name));
      manifest = { version, source: `the install script of onnxruntime-node ${version}`, files };
    } else {
      const wheel = options.from ?? (await downloadWheel(version, staging.path, terminal, quiet, signal));
      manifest = await fromWheel(wheel, options, staging.path);
    }
    const linked = neededLibraries(join(staging.path, providerFile));
    if (linked === undefined)
      throw new AccelerateError("ERR_WHEEL", `${providerFile} is no library for 64-bit Linux`, { hint: "give the wheel of onnxruntime-gpu for Linux" });
    signal.throwIfAborted();
    const same = old && old.version === version && JSON.stringify(old.files) === JSON.stringify(manifest.files) && (await isComplete(old, folder, signal));
    if (same) return { outcome: "kept", version, folder, source: old.source, files: old.files };
    await place(manifest, folder, staging.path, options.force ?? false);
    return { outcome: "installed", version, folder, source: manifest.source, files: manifest.files };
  } catch (error) {
    throw signal.aborted ? error : explained(error, folder);
  }
}

export async function uninstallCuda(folder: string, version: string): Promise<CudaInstall> {
  try {
    const undone = await unplace(folder);
    if (!undone) return { outcome: "absent", version, folder, files: [] };
    const { removed, restored, left } = undone;
    return { outcome: "uninstalled", version, folder, files: removed.map((name) => ({ name })), restored, left };
  } catch (error) {
    throw explained(error, folder);
  }
}

const size = (bytes: number): string => (bytes < MEGABYTE ? `${Math.ceil(bytes / 1e3)} kB` : `${Math.round(bytes / MEGABYTE)} MB`);

function text({ outcome, version, folder, source, files, restored = [], left = [] }: CudaInstall): string {
  const names = files.map(({ name, bytes }) => `  ${name}${bytes === undefined ? "" : `  ${size(bytes)}`}\n`).join("");
  const lines: { readonly [K in CudaInstall["outcome"]]: () => string } = {
    installed: () => `installed the CUDA provider ${version} from ${source} into ${folder}\n${names}`,
    kept: () => `the CUDA provider ${version} is there, every byte as it was installed (${folder})\n`,
    uninstalled: () =>
      `removed the CUDA provider from ${folder}\n${names}${restored.map((name) => `  ${name} is again what it was before\n`).join("")}${left.map((name) => `  ${name} was changed since and stays\n`).join("")}`,
    absent: () => `accelerate-ts has installed no CUDA provider in ${folder}: nothing to remove\n`,
  };
  return lines[outcome]();
}

function machineText({ gpus, driver, cuda, libraries, missing }: GpuMachine): string {
  const found = libraries.filter(({ path }) => path !== undefined).map(({ name, version }) => `${name}${version ? ` ${version}` : ""}`);
  const troubles = missing.map(({ what, cure }) => `missing: ${what}\n  ${cure}\n`).join("");
  const gpuText =
    gpus.length === 0 ? "no NVIDIA GPU on this machine\n" : `${gpuList(gpus)}${driver ? `, driver ${driver}` : ""}${cuda ? ` (CUDA up to ${cuda})` : ""}\n`;
  return `${gpuText}${found.length > 0 ? `found: ${found.join(", ")}\n` : ""}${troubles}${gpus.length > 0 && missing.length === 0 ? "ready: accelerate-ts test --gpu checks it\n" : ""}`;
}

/** From the command line to the exit code. */
export async function runInstallCuda({ from, method = "pip", uninstall, into, withTensorrt, force, json }: RawOptions, terminal: Terminal): Promise<number> {
  if (uninstall && from !== undefined) throw new UsageError("--uninstall and --from contradict each other: leave one out");
  const { version, folder: pack } = onnxruntimePackage();
  const folder = typeof into === "string" ? resolve(into) : dirname(libraryPath());
  const stopped = new AbortController();
  let exitCode = 0;
  using _signals = listenToSignals({
    stop: (signal) => {
      exitCode = exitCodes[signal] ?? 1;
      stopped.abort(new Error("interrupted"));
    },
    pause: () => {},
    resize: () => {},
  });
  let result: CudaInstall;
  try {
    result = uninstall
      ? await uninstallCuda(folder, version)
      : await installCuda({
          folder,
          version,
          pack,
          method: method as "pip" | "npm",
          ...(typeof from === "string" && { from: resolve(from) }),
          tensorrt: withTensorrt === true,
          force: force === true,
          quiet: json === true,
          terminal,
          signal: stopped.signal,
        });
  } catch (error) {
    if (!stopped.signal.aborted) throw error;
    terminal.stderr.write("interrupted: nothing was installed\n");
    return exitCode;
  }
  const machine = uninstall ? undefined : await readGpuMachine(process.env, { libraries: true, folder });
  if (json) {
    const { libraries, missing, gpus } = machine ?? {};
    terminal.stdout.write(`${JSON.stringify({ ...result, ...(machine && { gpus, libraries, missing }) }, null, 2)}\n`);
  } else terminal.stdout.write(`${text(result)}${machine ? machineText(machine) : ""}`);
  return 0;
}
