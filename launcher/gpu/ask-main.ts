// The process that asks the machine about its GPUs: questions as JSON in the first argument, answers as JSON on stdout. It exists so that a library that crashes or hangs takes nobody along.
import { writeSync } from "node:fs";
import { loadNative } from "../../src/native/binding.js";
import type {} from "../../src/native/machine-facts.js";
import type { MachineAnswers, MachineQuestions } from "./ask.js";

const { libraries, kernels, driver, vulkan } = JSON.parse(process.argv[2] ?? "{}") as MachineQuestions;
const native = loadNative();
const answers: MachineAnswers = {
  ...(driver !== undefined && { driver: native.driverFacts(driver) }),
  libraries: libraries.map(({ file, symbol, shape }) => native.libraryFact(file, symbol, shape)),
  // Behind the libraries: it needs CUDA's runtime.
  ...(kernels !== undefined && { kernels: native.kernelsFact(kernels) }),
  ...(vulkan !== undefined && { vulkan: native.vulkanFacts(vulkan) }),
};
writeSync(1, JSON.stringify(answers));
// What the libraries have registered for the exit of a process that uses them is not waited for.
process.kill(process.pid, "SIGKILL");
