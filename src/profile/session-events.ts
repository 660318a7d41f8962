// The files that ONNX Runtime writes about the runs of a session: times, sizes and memory of every node.
import { readFile } from "node:fs/promises";
import { AccelerateError } from "../errors.js";
import type { SizedTensor } from "../graph/cost.js";

/** One execution of one node. Times in microseconds since the session was made. */
export interface NodeEvent {
  /** With its path: "backward/bert.encoder.layer.0/MatMul". */
  readonly name: string;
  readonly op: string;
  readonly at: number;
  readonly duration: number;
  readonly inputs: readonly SizedTensor[];
  readonly outputs: readonly SizedTensor[];
  /** Bytes of values that were alive, and that the arena held, when it had run. */
  readonly inUse: number;
  readonly held: number;
}
/** One run. */
export interface RunEvent {
  readonly at: number;
  readonly duration: number;
  readonly nodes: readonly NodeEvent[];
}

/** Types as ONNX Runtime names them here. */
const bytesOf: Readonly<Record<string, number>> = {
  float: 4,
  double: 8,
  int64: 8,
  int32: 4,
  bool: 1,
  float16: 2,
  bfloat16: 2,
  int8: 1,
  uint8: 1,
  int16: 2,
  uint16: 2,
  uint64: 8,
};

type Shapes = readonly Readonly<Record<string, readonly number[]>>[];
interface RawEvent {
  readonly cat: string;
  readonly name: string;
  readonly ts: number;
  readonly dur: number;
  readonly args: {
    readonly op_name?: string;
    readonly input_type_shape?: Shapes;
    readonly output_type_shape?: Shapes;
    readonly mem_bytes_in_use?: string;
    readonly mem_arena_held?: string;
  };
}

const sized = (shapes: Shapes | undefined): SizedTensor[] =>
  (shapes ?? []).flatMap((one) => Object.entries(one).map(([type, shape]) => ({ shape, bytesPerElement: bytesOf[type] ?? 1 })));
const suffix = "_kernel_time";

/** Reads one file; runs that were cut short (an error, a stop) are left out. @throws AccelerateError ERR_PROFILE_FILE */
export async function readSessionEvents(file: string): Promise<readonly RunEvent[]> {
  let events: readonly RawEvent[];
  try {
    events = JSON.parse(await readFile(file, "utf8")) as readonly RawEvent[];
    if (!Array.isArray(events)) throw new Error("no list of events");
  } catch (cause) {
    throw new AccelerateError("ERR_PROFILE_FILE", `${file} cannot be read as a profile: ${(cause as Error).message}`, {
      cause,
      hint: "the disk may be full, or the program was killed while the file was written: profile again",
    });
  }
  const runs: RunEvent[] = [];
  const nodes: NodeEvent[] = [];
  for (const { cat, name, ts, dur, args } of events) {
    if (cat === "Node" && name.endsWith(suffix)) {
      nodes.push({
        name: name.slice(0, -suffix.length),
        op: args.op_name ?? "",
        at: ts,
        duration: dur,
        inputs: sized(args.input_type_shape),
        outputs: sized(args.output_type_shape),
        inUse: Number(args.mem_bytes_in_use ?? 0),
        held: Number(args.mem_arena_held ?? 0),
      });
    } else if (cat === "Session" && name === "model_run") runs.push({ at: ts, duration: dur, nodes: nodes.splice(0) });
  }
  return runs;
}
