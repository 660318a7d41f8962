// A whole machine in doubles: the launcher, four processes with a doubled GPU each, the real CUDA provider, NCCL's double between them. Kernels compute nothing; what is checked is who
// calls what, in which order. machine.slow.test.ts has errors and hangs.
import { suite, test } from "node:test";
import { skipWithoutCuda } from "../doubles/build.js";
import { trainsTogether } from "./machine-runs.js";

suite("A machine of four doubled GPUs", { skip: skipWithoutCuda }, () => {
  test("four workers train a BERT together", (t) => trainsTogether(t, "no"));
});
