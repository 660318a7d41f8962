// Devices: where values live and programs run.
import { inspect } from "node:util";
import { ArgumentError } from "../errors.js";

export type DeviceType = "cpu" | "cuda" | "webgpu";

/**
 * A place for values and programs. Programs ask a device for what differs between them, never for its name.
 *
 * @example
 * console.log(`${cpu}`); // cpu
 */
export interface Device {
  readonly type: DeviceType;
  readonly index: number;
  /** Values lie in memory of this process: typed arrays are the values themselves. Elsewhere there is a DeviceContext that holds them. */
  readonly hostMemory: boolean;
  /** Parameters of one dtype lie in one buffer of which each is a view (false where a device has no views: there is one buffer per parameter). */
  readonly flatMemory: boolean;
  /** A program may write an output onto one of its inputs (element by element); false: it needs a second buffer, and the two change places. */
  readonly writesInPlace: boolean;
  /** "cpu", "cuda:1", "webgpu:0". */
  toString(): string;
}

type Traits = Pick<Device, "hostMemory" | "flatMemory" | "writesInPlace">;

const traits: { readonly [T in DeviceType]: Traits } = {
  cpu: { hostMemory: true, flatMemory: true, writesInPlace: true },
  cuda: { hostMemory: false, flatMemory: true, writesInPlace: true },
  webgpu: { hostMemory: false, flatMemory: false, writesInPlace: false },
};

function device(type: DeviceType, index: number): Device {
  const text = type === "cpu" ? "cpu" : `${type}:${index}`;
  return Object.freeze(
    Object.defineProperties({ type, index, ...traits[type] } satisfies Omit<Device, "toString">, {
      toString: { value: () => text },
      // As PyTorch prints it.
      [inspect.custom]: { value: () => (type === "cpu" ? "device(type='cpu')" : `device(type='${type}', index=${index})`) },
    }),
  );
}

/** The processor of this host. */
export const cpu: Device = device("cpu", 0);

/**
 * The device that a text names: "cpu", "cuda" (the first), "cuda:1", "webgpu". Whether it is there is found out when it is opened.
 * @throws ArgumentError ERR_DEVICE for anything else.
 * @example
 * parseDevice("cuda:1").index; // 1
 */
export function parseDevice(text: string): Device {
  const [, type, index = "0"] = text.match(/^(cpu|cuda|webgpu)(?::(\d{1,4}))?$/) ?? [];
  if (type === undefined || (type === "cpu" && index !== "0"))
    throw new ArgumentError(`there is no device ${JSON.stringify(text)}`, { code: "ERR_DEVICE", hint: "known: cpu, cuda, cuda:0, cuda:1 ..., webgpu" });
  return type === "cpu" ? cpu : device(type as DeviceType, Number(index));
}
