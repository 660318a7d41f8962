// npm run docs:operators: writes docs/operators.md.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { packageRoot } from "../package-root.js";
import { operatorsPage } from "./page.js";

writeFileSync(join(packageRoot(import.meta.url), "docs", "operators.md"), operatorsPage());
