// The world of a process that was not launched with others.
import type { World } from "./process-group.js";
import { SingleGroup } from "./single-group.js";

/** One rank on one host; nothing is communicated. */
export function singleWorld(): World {
  const group = new SingleGroup();
  return {
    group,
    local: group,
    cross: undefined,
    hosts: 1,
    abort: (fault) => group.abort(fault),
    close: () => group.close(),
    [Symbol.asyncDispose]: () => group.close(),
  };
}
