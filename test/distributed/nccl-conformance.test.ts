// Groups over NCCL do what every backend must do: on doubles of NCCL and of the CUDA runtime.
import { conformance } from "./conformance.js";
import { ncclLibraries } from "./nccl-backend.js";

conformance({
  backend: "nccl",
  module: new URL("./nccl-backend.js", import.meta.url),
  sizes: [1, 3],
  exact: false,
  largest: 4_000_000,
  skip: ncclLibraries === undefined ? "there is no NCCL for tests (NCCL_TEST_LIBRARIES names the folder of libnccl.so.2 and libcudart.so.13)" : false,
});
