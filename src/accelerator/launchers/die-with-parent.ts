// Loaded before the launcher that a program starts: it ends with that program, and its workers with it. The program's number stands in this file's URL.
import { dieWithParent } from "../../runtime/process.js";

const lookMs = 200;
const parent = Number(new URL(import.meta.url).searchParams.get("parent"));

function bySystem(): boolean {
  try {
    return dieWithParent(parent);
  } catch {
    return false; // the addon is not built
  }
}

if (!bySystem())
  setInterval(() => {
    if (process.ppid !== parent) process.kill(process.pid, "SIGKILL");
  }, lookMs).unref();
