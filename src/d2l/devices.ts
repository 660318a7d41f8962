// Devices and threads as the book asks for them.
import { chooseDevice } from "../accelerator/choose-device.js";
import { cpu, type Device } from "../runtime/device.js";

/** The GPU of this process, where CUDA is installed; which one of several it is, is the launcher's business. */
function own(): Device | undefined {
  const device = chooseDevice({ cpuIsOwn: false, current: cpu });
  return device.type === "cpu" ? undefined : device;
}

/**
 * The GPU of this process, else the processor. A process has one GPU, whatever its number: `accelerate-ts launch` starts a worker for each.
 *
 * @example
 * const accelerator = new Accelerator({ device: tryGpu() });
 */
export function tryGpu(index: number = 0): Device {
  return (index === 0 ? own() : undefined) ?? cpu;
}
/**
 * The GPU of this process as a list, or [cpu] without one.
 *
 * @example
 * await trainCh13(net, trainIter, testIter, loss, trainer, { numEpochs: 5, devices: tryAllGpus() });
 */
export function tryAllGpus(): Device[] {
  return [tryGpu()];
}

/**
 * Threads that make batches: 4, the book's.
 *
 * @example
 * const trainIter = new DataLoader(trainSet, { batchSize: 512, shuffle: true, numWorkers: getDataLoaderWorkers() });
 */
export const getDataLoaderWorkers = (): number => 4;

/** As PyTorch prints it. */
export const deviceText = ({ type, index }: { readonly type: string; readonly index: number }): string =>
  type === "cpu" ? "device(type='cpu')" : `device(type='${type}', index=${index})`;
