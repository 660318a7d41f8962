// A session: one compiled graph, its inputs and outputs.
import { type DType, dtypeFromOnnx } from "../graph/dtype.js";
import type { NativeBinding, NativeHandle, NativeSlot } from "../native/binding.js";
import { Binding } from "./binding.js";
import type { DeviceContext } from "./device-context.js";
import { EngineError, type NodeTensors } from "./engine-error.js";
import { nodeTensors } from "./model-nodes.js";

export interface SessionOptions {
  /** Named in errors and profiles. */
  readonly name?: string;
  /** How far ONNX Runtime rewrites the graph; default "all". */
  readonly optimization?: "disabled" | "basic" | "extended" | "all";
  /** A prefix: the time of every node goes to `<profile>_<date>.json` (chrome://tracing), written when the session is closed. */
  readonly profile?: string;
  /** Where it runs, opened by the same engine; default the host. Its inputs and outputs are DeviceArrays there, or memory of the host that each run copies. */
  readonly device?: DeviceContext;
  /** Nodes for which the device has no kernel: "refuse" (default) names them all in an error, "allow" lets the host execute them, with copies there and back in each run. */
  readonly hostNodes?: "refuse" | "allow";
  /**
   * CUDA: the launches of a binding are recorded once what is bound has come to rest, and replayed until something else is bound. For graphs of fixed shapes that are wholly on the
   * device; default false.
   */
  readonly cudaGraph?: boolean;
}

/** A node, and the execution provider that has it ("CPUExecutionProvider" is the host). As after the first simplifications of the graph: later ones may fuse nodes of a provider. */
export interface PlacedNode {
  readonly op: string;
  /** "" for ONNX's own ops. */
  readonly domain: string;
  readonly name: string;
  readonly provider: string;
}

/** An input or output of a session. */
export interface SlotInfo {
  readonly name: string;
  readonly dtype: DType;
  /** Dims; symbolic ones by name, "" for one without name. */
  readonly shape: readonly (number | string)[];
  /** False when not even the rank is known; shape is empty then. */
  readonly ranked: boolean;
  /** Whether it lies in the host's memory: all of a session on the CPU; on a device an input that only nodes on the host read (sizes). */
  readonly onHost: boolean;
}

/** Scratch memory of the engine, in bytes: one arena for all sessions. */
export interface EngineMemory {
  /** Taken from the system. */
  readonly held: number;
  /** Where tensors lie now. */
  readonly inUse: number;
  /** The most that tensors ever took at once. */
  readonly peak: number;
  /** How often it was enlarged, and how often it gave memory back. */
  readonly extensions: number;
  readonly shrinkages: number;
}

/** What the engine hands to a new session. */
export interface SessionParts {
  readonly native: NativeBinding;
  readonly name: string;
  readonly model: Uint8Array;
  readonly handle: NativeHandle<"session">;
  readonly inputs: readonly NativeSlot[];
  readonly outputs: readonly NativeSlot[];
  readonly placement?: readonly PlacedNode[];
  readonly device: DeviceContext | undefined;
  readonly onClose: () => void;
}

// Bigger models carry weights, and would be kept alive only for the names in an error message.
const keptModelBytes = 1 << 24;

/** Made by `Engine.createSession`. Runs of all sessions follow each other on one native thread. */
export class Session implements AsyncDisposable {
  readonly name: string;
  readonly inputs: readonly SlotInfo[];
  readonly outputs: readonly SlotInfo[];
  /** Where it runs; undefined for the host. */
  readonly device: DeviceContext | undefined;
  /** Who executes each node; empty for a session on the host. */
  readonly placement: readonly PlacedNode[];
  readonly #parts: SessionParts;
  readonly #model: Uint8Array | undefined;
  readonly #bindings = new Set<Binding>();
  #closing: Promise<void> | undefined;

  constructor(parts: SessionParts) {
    this.name = parts.name;
    this.inputs = parts.inputs.map((slot) => slotInfo(slot, "input"));
    this.outputs = parts.outputs.map((slot) => slotInfo(slot, "output"));
    this.device = parts.device;
    this.placement = parts.placement ?? [];
    this.#model = parts.model.byteLength <= keptModelBytes ? parts.model : undefined;
    this.#parts = { ...parts, model: new Uint8Array() };
  }

  /** A set of bound inputs and outputs; a session may have several. */
  createBinding(): Binding {
    if (this.#closing) throw new EngineError("ERR_SESSION_CLOSED", `session ${this.name} was closed`, { hint: "make bindings before close()" });
    const binding = new Binding({
      native: this.#parts.native,
      handle: this.#parts.native.createBinding(this.#parts.handle),
      session: this,
      onClose: () => this.#bindings.delete(binding),
    });
    this.#bindings.add(binding);
    return binding;
  }

  /** What the engine's arena holds; undefined where the session was closed, or the library does not say. */
  memory(): EngineMemory | undefined {
    return this.#closing ? undefined : this.#parts.native.arenaMemory(this.#parts.handle);
  }

  /** The tensors of a node, for error messages; undefined when the model is large or ONNX Runtime made the node itself. */
  tensorsOf(node: string): NodeTensors | undefined {
    return this.#model && nodeTensors(this.#model, node);
  }

  /** Waits for runs in flight, then closes the bindings and gives the memory back. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await Promise.all([...this.#bindings].map((binding) => binding.end()));
    this.#parts.onClose();
    await this.#parts.native.closeSession(this.#parts.handle);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

function slotInfo(slot: NativeSlot, kind: string): SlotInfo {
  const dtype = dtypeFromOnnx(slot.type);
  if (dtype === undefined) {
    throw new EngineError("ERR_SESSION_CREATE", `${kind} ${slot.name} has element type ${slot.type}, which typed arrays cannot hold`, {
      tensor: slot.name,
      hint: "cast it inside of the graph",
    });
  }
  return { name: slot.name, dtype, shape: slot.shape ?? [], ranked: slot.shape !== undefined, onHost: slot.onHost ?? true };
}
