// The conformance suite over gloo and over hosts in the sizes that gloo-conformance.test.ts leaves out.
import { existsSync } from "node:fs";
import { glooPath } from "../../src/distributed/gloo/native-gloo.js";
import { conformance } from "./conformance.js";

const skip = existsSync(glooPath()) ? false : "gloo is not installed (apt-get install libgloo-dev, then build-native)";

conformance({ backend: "gloo", module: new URL("./gloo-backend.js", import.meta.url), sizes: [1, 3, 4], skip });
conformance({ backend: "shm+gloo", module: new URL("./hierarchical-backend.js", import.meta.url), exact: false, sizes: [2, 4], lostWithinMs: 250, skip });
