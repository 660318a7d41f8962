// A process that fetches a file of the hub and prints the hash of what it got.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { hubDownload } from "../../src/hub/index.js";

const [endpoint, cacheDir] = process.argv.slice(2) as [string, string];
const path = await hubDownload({ repo: "org/tiny", filename: "model.safetensors" }, { endpoint, cacheDir, token: false, progress: false });
process.stdout.write(createHash("sha256").update(readFileSync(path)).digest("hex"));
