// Groups over shared memory do what every backend must do.
import { conformance } from "./conformance.js";

conformance({
  backend: "shm",
  module: new URL("./shm-backend.js", import.meta.url),
  sizes: [2, 3],
  skip: process.platform === "linux" ? false : "shared memory groups need Linux",
});
