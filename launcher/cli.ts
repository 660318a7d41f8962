#!/usr/bin/env node
// The entry of the command accelerate-ts.
import { runCli } from "./program.js";

process.exitCode = await runCli(process.argv.slice(2), { stdout: process.stdout, stderr: process.stderr });
