// npm run docs:arguments: writes docs/training-arguments.md.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { packageRoot } from "../../package-root.js";
import { trainingArgumentsPage } from "./page.js";

writeFileSync(join(packageRoot(import.meta.url), "docs", "training-arguments.md"), trainingArgumentsPage());
