// Groups over NCCL do what every backend must do: on doubles of NCCL and of the CUDA runtime.
import { conformance } from "./conformance.js";
import { skipWithoutCuda } from "../doubles/build.js";
import { ncclLibraries } from "./nccl-backend.js";

conformance({
  backend: "nccl",
  module: new URL("./nccl-backend.js", import.meta.url),
  sizes: [1, 3],
  exact: false,
  largest: 4_000_000,
  skip: ncclLibraries === undefined ? skipWithoutCuda : false,
});
