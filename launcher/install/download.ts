// Where the provider's files come from: pip's wheel, or the install script of onnxruntime-node.
import { spawn } from "node:child_process";
import { cp, mkdir, readdir, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { AccelerateError } from "../../src/errors.js";
import type { Terminal } from "../command.js";
import { providerFile, sharedFile } from "../gpu/provider.js";
import { sha256Of } from "./placement.js";
import { type Member, wheelProject } from "./wheel.js";

type Environment = Readonly<Record<string, string | undefined>>;

/** Programs that can download a wheel, the likeliest first. uv has no download of its own. */
const downloaders: readonly (readonly [program: string, ...args: string[]])[] = [
  ["python3", "-m", "pip"],
  ["python", "-m", "pip"],
  ["pip3"],
  ["uvx", "pip"],
  ["uv", "tool", "run", "pip"],
];

interface Ended {
  readonly code: number | null;
  readonly output: string;
}

/** Runs a program; what it writes goes to the terminal as it comes where that is one, else it is kept. undefined: there is no such program. */
function run(
  [program, ...args]: readonly [string, ...string[]],
  terminal: Terminal,
  live: boolean,
  signal: AbortSignal,
  options: { readonly env?: Environment; readonly cwd?: string } = {},
): Promise<Ended | undefined> {
  return new Promise((resolve, reject) => {
    const shown = live && terminal.stderr === process.stderr;
    const child = spawn(program, args, {
      stdio: shown ? ["ignore", 2, 2] : ["ignore", "pipe", "pipe"],
      ...(options.cwd !== undefined && { cwd: options.cwd }),
      env: { ...(options.env ?? process.env) },
    });
    const stop = () => child.kill("SIGTERM");
    signal.addEventListener("abort", stop);
    let output = "";
    for (const stream of [child.stdout, child.stderr]) stream?.on("data", (text) => (output += text));
    child.on("error", (error: NodeJS.ErrnoException) => (error.code === "ENOENT" ? resolve(undefined) : reject(error)));
    child.on("close", (code) => {
      signal.removeEventListener("abort", stop);
      if (signal.aborted) reject(signal.reason as Error);
      else resolve({ code, output });
    });
  });
}

const fromFile = (version: string) =>
  `on a machine that can: python3 -m pip download --no-deps --only-binary=:all: --python-version 3.12 --platform manylinux_2_28_x86_64 ${wheelProject}==${version}; then here: accelerate-ts install cuda --from <file.whl>`;
/** ": " and the lines that name an error, else the last one; nothing where the program wrote to the terminal itself. */
function tail(text: string): string {
  const lines = text.trim().split("\n");
  const named = lines.filter((line) => /\berror\b|^error/i.test(line));
  const [last = ""] = lines.slice(-1);
  return text.trim() === "" ? "" : `: ${(named.length > 0 ? named.slice(-2) : [last]).map((line) => line.trim()).join("; ")}`;
}

/** pip checks what comes against the hash that its index gives. The wheel's path. */
export async function downloadWheel(version: string, folder: string, terminal: Terminal, quiet: boolean, signal: AbortSignal): Promise<string> {
  const live = !quiet && terminal.stderr.isTTY === true;
  // Of which Python this is does not matter: only C++ libraries are taken out of the wheel.
  const platforms = ["manylinux_2_28_x86_64", "manylinux_2_27_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64"].flatMap((name) => ["--platform", name]);
  const args = [
    "download",
    "--no-deps",
    "--only-binary=:all:",
    "--implementation",
    "cp",
    "--python-version",
    "3.12",
    ...platforms,
    "--disable-pip-version-check",
    "--dest",
    folder,
  ];
  const tried: string[] = [];
  for (const command of downloaders) {
    const ended = await run([...command, ...args, `${wheelProject}==${version}`], terminal, live, signal);
    if (!ended || /No module named pip/.test(ended.output)) tried.push(command.join(" "));
    else if (ended.code === 0) {
      const [wheel] = (await readdir(folder)).filter((name) => name.endsWith(".whl"));
      if (wheel !== undefined) return join(folder, wheel);
      throw new AccelerateError("ERR_INSTALL", `${command.join(" ")} has downloaded nothing`, { hint: fromFile(version) });
    } else
      throw new AccelerateError("ERR_INSTALL", `${command.join(" ")} download failed (exit code ${ended.code})${tail(ended.output)}`, {
        hint: fromFile(version),
      });
  }
  throw new AccelerateError("ERR_INSTALL", `there is no pip (tried ${tried.join(", ")})`, {
    hint: `install one (apt-get install python3-pip), or --method npm, or ${fromFile(version)}`,
  });
}

/** The script that comes with onnxruntime-node, run on a copy of itself, because it writes straight to its places. It takes NuGet's build for CUDA 12, over https, and checks no hash. */
export async function runNpmScript(pack: string, staging: string, terminal: Terminal, quiet: boolean, signal: AbortSignal): Promise<Member[]> {
  const copy = join(staging, "onnxruntime-node");
  const script = join(copy, "script", "install.js");
  const into = join(copy, "bin", "napi-v6", process.platform, process.arch);
  await mkdir(into, { recursive: true });
  await cp(join(pack, "script"), join(copy, "script"), { recursive: true });
  const env = {
    ...process.env,
    NODE_PATH: [dirname(pack), join(pack, "node_modules")].join(":"),
    ONNXRUNTIME_NODE_INSTALL: undefined,
    ONNXRUNTIME_NODE_INSTALL_CUDA: undefined,
  };
  const live = !quiet && terminal.stderr.isTTY === true;
  const ended = await run([process.execPath, script, "--onnxruntime-node-install=cuda12"], terminal, live, signal, { env, cwd: copy });
  if (ended?.code !== 0)
    throw new AccelerateError("ERR_INSTALL", `the install script of onnxruntime-node failed (exit code ${ended?.code})${tail(ended?.output ?? "")}`, {
      hint: "see what it says, or accelerate-ts install cuda --method pip",
    });
  const members: Member[] = [];
  for (const name of [sharedFile, providerFile]) {
    const path = join(into, name);
    const found = await stat(path).catch(() => undefined);
    if (!found?.isFile() || found.size === 0)
      throw new AccelerateError("ERR_INSTALL", `the install script of onnxruntime-node has brought no ${name}`, {
        hint: "accelerate-ts install cuda --method pip",
      });
    members.push({ name, bytes: found.size, sha256: await sha256Of(path, signal) });
  }
  return members;
}

/** Where the script has put them. */
export const npmFolder = (staging: string): string => join(staging, "onnxruntime-node", "bin", "napi-v6", process.platform, process.arch);
