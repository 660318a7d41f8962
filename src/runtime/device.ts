// Devices: where values live and programs run.
import { inspect } from "node:util";

/**
 * A place for values and programs. Programs ask a device for what differs between them, never for its name.
 *
 * @example
 * console.log(`${cpu}`); // cpu
 */
export interface Device {
  readonly type: "cpu";
  readonly index: number;
  /** Parameters of one dtype lie in one buffer of which each is a view (false where a device has no views: there is one buffer per parameter). */
  readonly flatMemory: boolean;
  /** Dropout, EmbeddingGrad and the other ops of the domain accelerate_ts have kernels; without them their decompositions run. */
  readonly customOps: boolean;
  toString(): string;
}

/** The processor of this host. */
export const cpu: Device = Object.freeze(
  Object.defineProperties({ type: "cpu" as const, index: 0, flatMemory: true, customOps: true } satisfies Omit<Device, "toString">, {
    toString: { value: () => "cpu" },
    // As PyTorch prints it.
    [inspect.custom]: { value: () => "device(type='cpu')" },
  }),
);
