// What an Accelerator's options say to the process's generator and executor: seed, device, precision, compiler.
import type { Device } from "../runtime/index.js";
import { defaultExecutor, defaultGenerator, setSeed } from "../tensor/index.js";
import { chooseDevice } from "./choose-device.js";
import { recordsGraphs } from "./cuda-graph.js";
import type { AcceleratorOptions } from "./options.js";
import { compilerPrecision } from "./precision.js";

export interface RunsOfWorker {
  readonly isMainProcess: boolean;
  readonly numProcesses: number;
  readonly processIndex: number;
}

/** `own`: the program's options; `options`: these and the user's settings. Gives the device that runs are made on; it is not opened. */
export function configureRuns(own: AcceleratorOptions, options: AcceleratorOptions, { isMainProcess, numProcesses, processIndex }: RunsOfWorker): Device {
  const tell = (text: string): void => void (isMainProcess && console.warn(text));
  if (options.seed !== undefined) setSeed(options.seed);
  const generator = defaultGenerator();
  generator.state = { ...generator.state, rank: processIndex };
  const executor = defaultExecutor();
  executor.coordinated = true;
  const device = chooseDevice({ device: own.device, cpu: options.cpu, cpuIsOwn: own.cpu === true, current: executor.device });
  executor.device = device;
  executor.compiler = { ...executor.compiler, precision: compilerPrecision(options.mixedPrecision ?? "no", tell, device) };
  if (options.compiler) executor.compiler = { ...executor.compiler, passes: options.compiler.passes };
  executor.cudaGraph = recordsGraphs(options.compiler ?? {}, { device, numProcesses, tell });
  return device;
}
