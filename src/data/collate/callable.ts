// Collators are functions that are made with new, and that other threads can make as well.
import type { MapperDescriptor } from "../types.js";

/** What `new` gives: the function, with the class's prototype and what it is known by. */
export function callable<F extends (...args: never[]) => unknown>(call: F, prototype: object, own: object, descriptor: MapperDescriptor): F {
  Object.setPrototypeOf(call, prototype);
  return Object.assign(Object.defineProperty(call, "descriptor", { value: descriptor }), own);
}
