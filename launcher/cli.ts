#!/usr/bin/env node
// The entry of the command accelerate-ts.
import { runCli } from "./program.js";

// Who read our output may go away: accelerate-ts launch --help | head -1. A launch that is under way has listeners of its own.
for (const stream of [process.stdout, process.stderr])
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE" && stream.listenerCount("error") === 1) throw error;
  });

process.exitCode = await runCli(process.argv.slice(2), {
  // Opened by who asks something: the launch leaves it to worker 0.
  get stdin() {
    return process.stdin;
  },
  stdout: process.stdout,
  stderr: process.stderr,
});
// All is said. A connection to a host that was cut off waits for an answer to its end, and would keep this process for minutes.
setTimeout(() => process.exit(), 1000).unref();
