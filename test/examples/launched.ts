// Runs a program as users do: as one process, or with `accelerate-ts launch`.
import { execFile } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const run = promisify(execFile);
const cli = join(dirname(fileURLToPath(import.meta.url)), "..", "..", "launcher", "cli.js");

export interface Output {
  readonly stdout: string;
  readonly stderr: string;
}
/** Resolves when it ends well within two minutes; else rejects with its output. */
export type Start = (args: readonly string[], options?: { readonly cwd?: string }) => Promise<Output>;

const options = (cwd: string | undefined) => ({ ...(cwd === undefined ? {} : { cwd }), timeout: 300_000, maxBuffer: 1 << 24 });
export const plain: Start = (args, { cwd } = {}) => run(process.execPath, ["--import", "accelerate-ts/register", ...args], options(cwd));
export const launched =
  (workers: number): Start =>
  (args, { cwd } = {}) =>
    run(process.execPath, [cli, "launch", "--cpu", "--num-processes", String(workers), ...args], options(cwd));

/** Lines of a worker without the launcher's prefix. */
export const lines = (stdout: string): string[] =>
  stdout
    .trim()
    .split("\n")
    .map((line) => line.replace(/^\[\d+\] ?/, ""));
