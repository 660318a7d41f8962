// Runs in every worker before the script: ties the worker to its launcher, gives it its cores, lets it run TypeScript, and tells the launcher of the error that ends it.
import { readFileSync } from "node:fs";
import { extname } from "node:path";
import { isMainThread } from "node:worker_threads";
import { declaresResources } from "../../src/register/resources.js";
import { prepareWorker } from "./prepare.js";

/** Whether the hooks are needed: they cost a thread, so a script that Node runs as it is goes without. */
function needsHooks(script: string): boolean {
  const extension = extname(script);
  return /^\.[cm]?ts$/.test(extension) || (/^\.m?js$/.test(extension) && declaresResources(readFileSync(script, "utf8")));
}

// Threads and child processes of a worker inherit the flag that loads this file.
if (isMainThread && process.env.ACCELERATE_TS_WORKER_PID === undefined) {
  prepareWorker();
  if (needsHooks(process.argv[1] ?? "")) {
    const { registerTypeScript } = await import("../../src/register/register.js");
    registerTypeScript();
  }
}
