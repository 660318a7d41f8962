// The table of commands: a file here and a line below.
import type { CliCommand } from "../command.js";
import { buildNative } from "./build-native.js";
import { completion } from "./completion.js";
import { config } from "./config.js";
import { env } from "./env.js";
import { estimateMemory } from "./estimate-memory.js";
import { graph } from "./graph.js";
import { install } from "./install.js";
import { launch } from "./launch.js";
import { mergeWeights } from "./merge-weights.js";
import { profile } from "./profile.js";
import { test } from "./test.js";

export const commands: readonly CliCommand[] = [launch, profile, config, env, install, test, estimateMemory, graph, mergeWeights, completion, buildNative];
