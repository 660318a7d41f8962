// Buffers that calls write into: once per recorded call, when its run has ended.
import { AccelerateError, ArgumentError } from "../errors.js";
import type { TypedArray } from "../graph/dtype.js";
import type { DeviceArray } from "../runtime/device-context.js";
import type { Plan } from "./plan.js";
import type { DeviceFeeds } from "./device-feeds.js";
import { detached, type Resident } from "./resident.js";
import type { Recorded } from "./state.js";
import { Tensor } from "./tensor.js";
import { activeTracer } from "./trace.js";

/** The live numbers of a buffer. */
function numbersOf(buffer: Tensor): TypedArray {
  const s = buffer.state;
  if ((s.kind === "concrete" || s.kind === "lazy") && s.data) return s.data;
  if (s.kind === "lazy" && s.resident) return s.resident.loadNow();
  throw new ArgumentError("a buffer is made of a tensor whose values are known", { hint: "make it in the constructor, with zeros(...) or tensor(...)" });
}
const copyOf = (buffer: Tensor): Tensor => Tensor.make(buffer.dtype, { kind: "concrete", shape: buffer.shape, data: numbersOf(buffer).slice() as TypedArray });

const updatable = new WeakSet<Tensor>();
/** @internal Forward may write into a tensor, whose numbers belong to its module from now on. */
export function allowUpdates(buffer: Tensor): void {
  numbersOf(buffer);
  updatable.add(buffer);
}

/**
 * Gives a buffer of a module new numbers from within forward: running statistics, counters. Reads after it in the same forward see them. They are
 * written into the buffer once per call of the model, with the first run that computes something of the call; a backward that computes
 * the call again writes nothing, and sees what the call saw. A call of which nothing is ever computed writes nothing.
 *
 * @example
 * class Counted extends Module {
 *   readonly calls = this.registerBuffer("calls", zeros([]), { updated: true });
 *   forward(x: Tensor) {
 *     if (this.training) updateBuffer(this.calls, this.calls.add(1));
 *     return x.relu();
 *   }
 * }
 */
export function updateBuffer(buffer: Tensor, value: Tensor): void {
  const tracer = activeTracer();
  if (!tracer)
    throw new AccelerateError("ERR_BUFFER_UPDATE", "updateBuffer outside forward", { hint: "call it in forward; elsewhere, write to the buffer's numbers" });
  if (!updatable.has(buffer))
    throw new AccelerateError("ERR_BUFFER_UPDATE", "updateBuffer of a tensor that is no buffer for it", {
      hint: "register it in the constructor: registerBuffer(name, tensor, { updated: true })",
    });
  tracer.update(buffer, value);
}

/** Numbers that buffers had before, and the calls that read them: as long as one of these can be computed again they are needed. */
export interface FormerNumbers {
  readonly resident: Resident;
  readonly readers: readonly WeakRef<Recorded>[];
}

/** `commitBuffers` for what a run has left on a device: nothing is copied, the numbers before it stay where they are for as long as somebody may need them. */
export function commitDeviceBuffers(plan: Plan, written: readonly DeviceArray[], feeds: DeviceFeeds): FormerNumbers[] {
  if (plan.updated.length === 0) return [];
  const former: FormerNumbers[] = [];
  const readers = plan.nodes.filter((node) => node.kind === "call").map((node) => new WeakRef<Recorded>(node));
  const buffers = new Set(plan.updated);
  const before = (buffer: Tensor): Tensor => {
    const resident = feeds.residentOf(buffer);
    return resident ? Tensor.make(buffer.dtype, detached(buffer.shape, resident)) : copyOf(buffer);
  };
  let next = 0;
  for (const node of plan.nodes) {
    if (node.kind !== "call") continue;
    const { captured } = node;
    node.captured = captured.map((x) => (buffers.has(x) ? before(x) : x));
    if (!node.pending) continue;
    node.pending = false;
    for (const update of node.trace.updates) {
      const resident = feeds.replace(captured[update.captured]!, written[next++]!);
      if (resident) former.push({ resident, readers });
    }
  }
  return former;
}

/** Writes what a run made for buffers. Calls of the plan keep copies of what they read, for when they are computed again. */
export function commitBuffers(plan: Plan, written: readonly TypedArray[]): void {
  if (plan.updated.length === 0) return;
  const buffers = new Set(plan.updated);
  let next = 0;
  for (const node of plan.nodes) {
    if (node.kind !== "call") continue;
    const before = node.captured;
    node.captured = before.map((x) => (buffers.has(x) ? copyOf(x) : x));
    if (!node.pending) continue;
    node.pending = false;
    for (const { captured } of node.trace.updates) (numbersOf(before[captured]!) as Uint8Array).set(written[next++] as Uint8Array);
  }
}
