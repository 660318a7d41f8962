// accelerate-ts merge-weights, from the command line to the exit code.
import { existsSync, mkdirSync, realpathSync, rmdirSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { AccelerateError } from "../../src/errors.js";
import { mergeShards, weightsName } from "../../src/safetensors/index.js";
import type { CliCommand, Terminal } from "../command.js";
import { UsageError } from "../usage.js";

/** Milliseconds between two looks at how far it is, on a terminal. */
const drawEvery = 100;
const bytesText = (n: number): string => `${n.toLocaleString("en-US")} bytes`;

/** The file to write: OUT itself when it is named as one, else model.safetensors in it. */
function fileOf(out: string): string {
  const isFolder = existsSync(out) ? statSync(out).isDirectory() : !out.endsWith(".safetensors");
  return isFolder ? join(out, weightsName) : out;
}

function checkPaths(folder: string, file: string, force: boolean): void {
  const found = statSync(folder, { throwIfNoEntry: false });
  if (!found?.isDirectory()) throw new UsageError(`${folder}: ${found ? "a file, not a folder with shards" : "no such folder"}`);
  if (!existsSync(file)) return;
  if (!statSync(file).isFile()) throw new UsageError(`${file} is there and is no file`);
  if (dirname(realpathSync(file)) === realpathSync(folder))
    throw new UsageError(`${file} lies among the shards and may be one of them: write to another folder, or move it away`);
  if (!force) throw new UsageError(`${file} is there already: --force writes over it`);
}

/** Takes away folders from the innermost to the outermost that were made here, as far as nothing has come into them. */
function removeEmpty(inner: string, outer: string): void {
  try {
    for (let folder = inner; ; folder = dirname(folder)) {
      rmdirSync(folder);
      if (folder === outer) return;
    }
  } catch {
    // somebody uses them
  }
}

/** What the system says when a file cannot be written, as one line. */
const systemErrors: Readonly<Record<string, string>> = { ENOSPC: "the disk is full", EACCES: "you may not write there", EROFS: "the disk is read-only" };

/** @throws UsageError before anything is written, SafetensorsError when the shards are no whole set */
export async function runMergeWeights(options: Parameters<CliCommand["run"]>[0], operands: readonly string[], { stdout, stderr }: Terminal): Promise<number> {
  const [folder, out, ...rest] = operands;
  if (folder === undefined || out === undefined || rest.length > 0)
    throw new UsageError("give the folder of the shards and where to write: accelerate-ts merge-weights <folder> <out>");
  const file = fileOf(resolve(out));
  checkPaths(folder, file, options.force === true);
  const moving = stderr.isTTY === true && !options.json;
  let drawn = 0;
  const clear = (): void => void (moving && drawn > 0 && stderr.write("\r\u001b[K"));
  const warnings: string[] = [];
  let made: string | undefined;
  try {
    made = mkdirSync(dirname(file), { recursive: true });
    const merged = await mergeShards(folder, file, {
      onWarning: (text) => {
        warnings.push(text);
        stderr.write(`${text}\n`);
      },
      onProgress: (done, total) => {
        if (!moving || Date.now() - drawn < drawEvery) return;
        drawn = Date.now();
        stderr.write(`\r\u001b[K${Math.floor((100 * done) / total)}% of ${bytesText(total)}`);
      },
    });
    clear();
    const { tensors, shards, bytes } = merged;
    stdout.write(
      options.json
        ? `${JSON.stringify({ file, tensors, shards, bytes, warnings }, null, 2)}\n`
        : `${file}: ${tensors} tensor${tensors === 1 ? "" : "s"} of ${shards} file${shards === 1 ? "" : "s"}, ${bytesText(bytes)}\n`,
    );
    return 0;
  } catch (error) {
    clear();
    if (made !== undefined) removeEmpty(dirname(file), made);
    const { code, message } = error as NodeJS.ErrnoException;
    if (error instanceof AccelerateError || code === undefined) throw error;
    throw new AccelerateError("ERR_MERGE", `${file} cannot be written: ${systemErrors[code] ?? message}; nothing is left of it`, { cause: error });
  }
}
