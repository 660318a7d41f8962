// Devices and threads as the book asks for them.
import { cpu, type Device } from "../runtime/device.js";

/**
 * The GPU of a number, else the processor: there is no GPU runtime yet, so always the processor.
 *
 * @example
 * console.log(`${tryGpu()}`); // cpu
 */
export function tryGpu(_index: number = 0): Device {
  return cpu;
}
/**
 * All GPUs, or [cpu] without one. Which worker trains on which of them is the launcher's business.
 *
 * @example
 * await trainCh13(net, trainIter, testIter, loss, trainer, { numEpochs: 5, devices: tryAllGpus() });
 */
export function tryAllGpus(): Device[] {
  return [cpu];
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
