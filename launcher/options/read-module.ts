// Files of settings that are programs: accelerate.config.ts exports an object.
import { pathToFileURL } from "node:url";
import { UsageError } from "../usage.js";
import type { ConfigEntry } from "./config-entries.js";

const PATIENCE = 20_000;

const messageOf = (error: unknown): string => (error instanceof Error ? `${error.name}: ${error.message}` : String(error));

/** What the file prints is no result of the command, and must not end it unseen. Returns how to undo it. */
function guard(name: string): () => void {
  const { stdout, stderr } = process;
  const write = stdout.write;
  const onExit = (): void => {
    stderr.write(`${name} has ended the process: leave that out\n`);
    process.exitCode = 2;
  };
  stdout.write = stderr.write.bind(stderr) as typeof stdout.write;
  process.once("exit", onExit);
  return () => {
    stdout.write = write;
    process.off("exit", onExit);
  };
}

/** @throws UsageError when it does not run, or exports no such object. */
export async function entriesOfModule(path: string, name: string): Promise<ConfigEntry[]> {
  const { registerTypeScript } = await import("../../src/register/register.js");
  registerTypeScript();
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not done after ${PATIENCE / 1000} s: does it await something?`)), PATIENCE);
  });
  const undo = guard(name);
  let exported: { readonly config?: unknown; readonly default?: unknown };
  try {
    exported = await Promise.race([import(pathToFileURL(path).href), late]);
  } catch (error) {
    throw new UsageError(`${name} does not run: ${messageOf(error)}`, { cause: error });
  } finally {
    clearTimeout(timer);
    undo();
  }
  const inner = (exported.default as { readonly config?: unknown } | undefined)?.config; // CommonJS
  const config = exported.config ?? inner ?? exported.default;
  if (typeof config !== "object" || config === null || Array.isArray(config))
    throw new UsageError(`${name} exports no settings: write export const config = { numProcesses: 2 }`);
  return Object.entries(config)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => ({ key, value }));
}
