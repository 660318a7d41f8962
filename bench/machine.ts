// What every benchmark says of itself: the command, the machine, the versions.
import { execFileSync } from "node:child_process";
import { availableParallelism, cpus, totalmem } from "node:os";
import { version } from "accelerate-ts";

/** One JSON-able description; `python` adds the versions of the other side. */
export function machine(python?: string): Record<string, string | number> {
  const described: Record<string, string | number> = {
    command: ["node", ...process.argv.slice(1).map((argument) => argument.replace(`${process.cwd()}/`, ""))].join(" "),
    cpu: cpus()[0]?.model ?? "unknown",
    cores: availableParallelism(),
    memory_gb: Math.round(totalmem() / 2 ** 30),
    node: process.version,
    accelerate_ts: version,
  };
  if (python) {
    const script =
      "import sys, torch, transformers, accelerate; print(f'Python {sys.version.split()[0]}, torch {torch.__version__}, transformers {transformers.__version__}, accelerate {accelerate.__version__}')";
    described.python = execFileSync(python, ["-c", script], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
  }
  return described;
}

const MAX_TRIES = 3;

/**
 * The JSON object in the last line of a program's stdout, which a launcher may have prefixed, and when the program was started. A run that ends badly is told of and made again: torch's
 * processes abort now and then when they are torn down ("terminate called without an active exception").
 */
export function runJson<T>(command: string, args: readonly string[]): { readonly result: T; readonly startedAt: number } {
  for (let attempt = 1; ; attempt++) {
    const startedAt = Date.now();
    try {
      const stdout = execFileSync(command, args, { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"], maxBuffer: 1 << 26 });
      const line = stdout.trim().split("\n").at(-1)!;
      return { result: JSON.parse(line.slice(line.indexOf("{"))) as T, startedAt };
    } catch (error) {
      if (attempt === MAX_TRIES) throw error;
      console.error(
        `run ${attempt} of ${[command, ...args].join(" ")} failed (${error instanceof Error ? error.message.split("\n", 1)[0] : String(error)}): once more`,
      );
    }
  }
}
