// What this process holds of its lines to a launcher. Copies of the package share it: a descriptor can be opened once, and the preload and the script may come from different folders.
import { FrameWriter } from "./frame-writer.js";

/** The connection behind all links; a Promise<WorkerConnection>. */
interface Connected {
  connection?: Promise<unknown>;
}

export interface ControlSlot extends Connected {
  readonly writer: FrameWriter;
  /** Where the worker said last that it is. */
  step?: number;
  epoch?: number;
}

const registry = Symbol.for("accelerate-ts/control/1");
interface Registry {
  readonly byDescriptor: Map<number, ControlSlot>;
  readonly foreign: Connected;
}

function shared(): Registry {
  const holder = globalThis as { [registry]?: Registry };
  holder[registry] ??= { byDescriptor: new Map(), foreign: {} };
  return holder[registry];
}

export function controlSlot(fd: number): ControlSlot {
  const { byDescriptor } = shared();
  let slot = byDescriptor.get(fd);
  if (!slot) {
    slot = { writer: new FrameWriter(fd) };
    byDescriptor.set(fd, slot);
  }
  return slot;
}

export const foreignSlot = (): Connected => shared().foreign;
