// Errors of the engine: ONNX Runtime's messages, taken apart so that node, operator and tensor can be read by a program.
import { AccelerateError, type AccelerateErrorOptions } from "../errors.js";

export type EngineErrorCode =
  | "ERR_ENGINE_LOAD"
  | "ERR_ENGINE_VERSION"
  | "ERR_ENGINE_OPEN"
  | "ERR_ENGINE_CLOSED"
  | "ERR_ARENA_MEMORY"
  | "ERR_SESSION_CREATE"
  | "ERR_SESSION_CLOSED"
  | "ERR_RUN"
  | "ERR_BINDING"
  | "ERR_BINDING_INDEX"
  | "ERR_BINDING_SIZE"
  | "ERR_BINDING_SHAPE"
  | "ERR_BINDING_UNBOUND"
  | "ERR_BINDING_DETACHED"
  | "ERR_BINDING_BUSY"
  | "ERR_BINDING_CLOSED"
  | "ERR_BINDING_OUTPUT"
  | "ERR_DEVICE"
  | "ERR_DEVICE_ARRAY"
  | "ERR_DEVICE_CLOSED"
  | "ERR_DEVICE_DRIVER"
  | "ERR_DEVICE_MEMORY"
  | "ERR_DEVICE_NODES"
  | "ERR_DEVICE_NONE"
  | "ERR_DEVICE_OPEN"
  | "ERR_DEVICE_PROVIDER"
  | "ERR_NATIVE";

/** Which part of a graph an error speaks of. */
export interface GraphPlace {
  readonly node?: string | undefined;
  readonly op?: string | undefined;
  readonly tensor?: string | undefined;
}

/**
 * Thrown by the engine, its sessions and bindings.
 *
 * @example
 * try { await binding.run(); } catch (error) {
 *   if (error instanceof EngineError && error.code === "ERR_RUN") console.error(error.node, error.op, error.tensor, error.message);
 * }
 */
export class EngineError extends AccelerateError {
  declare readonly code: EngineErrorCode;
  readonly node: string | undefined;
  readonly op: string | undefined;
  /** The tensor at fault where it is known, else the first output of the node. */
  readonly tensor: string | undefined;

  constructor(code: EngineErrorCode, message: string, options: AccelerateErrorOptions & GraphPlace = {}) {
    super(code, message, options);
    this.node = options.node;
    this.op = options.op;
    this.tensor = options.tensor;
  }
}

/** Forms of ONNX Runtime's messages; named groups become fields. The first that fits wins. */
const forms: readonly RegExp[] = [
  /returned while running (?<op>\S+) node\. Name:'(?<node>[^']*)' Status Message: (?<text>[\s\S]*)/,
  /Node \((?<node>[^)]*)\) Op \((?<op>[^)]*)\) (?<text>[\s\S]*)/,
  /In Node, \("(?<node>[^"]*)", (?<op>[^,]+), [\s\S]*?, Error (?<text>[\s\S]*)/,
  /(?<text>Type Error: .*?of Optype \((?<op>[^)]*)\)[\s\S]*?in node \((?<node>[^)]*)\)[\s\S]*)/,
  /(?<text>Type Error: Type '[^']*' of (?:input|output) parameter \((?<tensor>[^)]*)\) of operator \((?<op>[^)]*)\) in node \((?<node>[^)]*)\)[\s\S]*)/,
  /(?<text>Could not find an implementation for (?<op>[^(\s]+)\(\d+\) node with name '(?<node>[^']*)'[\s\S]*)/,
  /(?<text>Node input '(?<tensor>[^']*)' is not a graph input[\s\S]*)/,
  /(?<text>Nodes in a graph must be topologically sorted, however input '(?<tensor>[^']*)' of node:\s*name: (?<node>.*?) OpType: (?<op>\S+)[\s\S]*)/,
  /(?<text>(?<op>[\w.:]+)\(-?\d+\) is not a registered function\/op[\s\S]*)/,
];
const tensorForms: readonly RegExp[] = [/input(?: name)?:\s*'?(?<tensor>[\w./:-]+)/i, /tensor '(?<tensor>[^']+)'/, /output '(?<tensor>[^']+)'/];

/** The C++ source, function and condition in front of the text of a failed check. */
const sourcePlace = /^\/\S+:\d+ [\s\S]*? was false\. (?=\S)/;

/** Takes one of ONNX Runtime's messages apart. */
export function parseMessage(message: string): GraphPlace & { readonly text: string } {
  for (const form of forms) {
    const groups = form.exec(message)?.groups;
    if (groups === undefined) continue;
    const text = (groups.text ?? message).trim().replace(sourcePlace, "");
    return { node: groups.node || undefined, op: groups.op || undefined, tensor: groups.tensor ?? findTensor(text), text };
  }
  return { tensor: findTensor(message), text: message.trim() };
}

function findTensor(text: string): string | undefined {
  for (const form of tensorForms) {
    const tensor = form.exec(text)?.groups?.tensor;
    if (tensor) return tensor;
  }
  return undefined;
}

/** Inputs and outputs of a node, as far as the model tells. */
export interface NodeTensors {
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
}

interface NativeFailure extends Error {
  readonly code?: EngineErrorCode;
}

/** Makes the typed error from what the addon rejected with; `subject` says whose failure it is, `tensorsOf` looks a node up in the model. */
export function engineError(cause: unknown, subject: string, tensorsOf?: (node: string) => NodeTensors | undefined): EngineError {
  const failure = cause as NativeFailure;
  const { node, op, tensor, text } = parseMessage(failure.message);
  const tensors = node === undefined ? undefined : tensorsOf?.(node);
  const place = [op && `operator ${op}`, node && `node ${node}`].filter(Boolean).join(", ");
  const flow = tensors ? ` (${tensors.inputs.filter(Boolean).join(", ")} -> ${tensors.outputs.filter(Boolean).join(", ")})` : "";
  return new EngineError(failure.code ?? "ERR_NATIVE", `${subject}: ${place ? `${place}${flow}: ` : ""}${text}`, {
    cause,
    node,
    op,
    tensor: tensor ?? tensors?.outputs.find(Boolean),
  });
}
