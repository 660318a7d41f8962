// The table of commands: a file here and a line below.
import type { CliCommand } from "../command.js";
import { buildNative } from "./build-native.js";
import { env } from "./env.js";

export const commands: readonly CliCommand[] = [env, buildNative];
