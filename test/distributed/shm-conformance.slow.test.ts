// The conformance suite over shared memory in the sizes that shm-conformance.test.ts leaves out.
import { conformance } from "./conformance.js";

conformance({
  backend: "shm",
  module: new URL("./shm-backend.js", import.meta.url),
  sizes: [1, 4],
  skip: process.platform === "linux" ? false : "shared memory groups need Linux",
});
