// Which files are this library's own: what a user reads of a stack begins with theirs.
import { join } from "node:path";
import { packageRoot } from "../../src/package-root.js";

/** Compiled, or named by its source maps. */
const folders = ["src", "launcher"].flatMap((room) => [join(packageRoot(), room, "/"), join(packageRoot(), "dist", room, "/")]);

/** Whether a path, or a line of a stack, names a file of this library. */
export const isOwnCode = (text: string): boolean => folders.some((folder) => text.includes(folder));
