// Groups of several hosts, shared memory within and gloo between them, do what every backend must do.
import { existsSync } from "node:fs";
import { glooPath } from "../../src/distributed/gloo/native-gloo.js";
import { conformance } from "./conformance.js";

conformance({
  backend: "shm+gloo",
  module: new URL("./hierarchical-backend.js", import.meta.url),
  // Each host adds up its own ranks first.
  exact: false,
  sizes: [3],
  largest: 5_000_000,
  // Over two groups and a look at the other one.
  lostWithinMs: 250,
  skip: existsSync(glooPath()) ? false : "gloo is not installed (apt-get install libgloo-dev, then build-native)",
});
