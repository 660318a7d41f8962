// npm run docs:cli: writes docs/command-line.md.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { packageRoot } from "../../src/package-root.js";
import { commands } from "../commands/index.js";
import { commandLinePage } from "./page.js";

writeFileSync(join(packageRoot(import.meta.url), "docs", "command-line.md"), commandLinePage(commands));
