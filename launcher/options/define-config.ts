// accelerate-ts/config: for accelerate.config.ts, so that editors know its keys.
import type { LaunchConfig } from "./settings.js";

export type { LaunchConfig } from "./settings.js";

/**
 * The settings of launches in this folder, as they are: flags and variables come before them, the user's default file after them.
 *
 * @example
 * // accelerate.config.ts
 * import { defineConfig } from "accelerate-ts/config";
 *
 * export const config = defineConfig({ numProcesses: 4, logDir: "logs" });
 */
export const defineConfig = (config: LaunchConfig): LaunchConfig => config;
