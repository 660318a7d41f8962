// Groups over gloo do what every backend must do.
import { existsSync } from "node:fs";
import { glooPath } from "../../src/distributed/gloo/native-gloo.js";
import { conformance } from "./conformance.js";

conformance({
  backend: "gloo",
  module: new URL("./gloo-backend.js", import.meta.url),
  sizes: [2],
  largest: 8_000_000,
  skip: existsSync(glooPath()) ? false : "gloo is not installed (apt-get install libgloo-dev, then build-native)",
});
