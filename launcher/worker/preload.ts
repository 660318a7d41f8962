// Runs in every worker before the script: ties the worker to its launcher, gives it its cores, lets it run TypeScript, and tells the launcher of the error that ends it.
import { extname } from "node:path";
import { isMainThread } from "node:worker_threads";
import { prepareWorker } from "./prepare.js";

// Threads and child processes of a worker inherit the flag that loads this file.
if (isMainThread && process.env.ACCELERATE_TS_WORKER_PID === undefined) {
  prepareWorker();
  if (/^\.[cm]?ts$/.test(extname(process.argv[1] ?? ""))) {
    const { registerTypeScript } = await import("../../src/register/register.js");
    registerTypeScript();
  }
}
