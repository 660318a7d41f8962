// ONNX files as modules that can be trained.
import { constants } from "node:buffer";
import { open, readFile } from "node:fs/promises";
import { basename, dirname, isAbsolute, relative, resolve, sep } from "node:path";
import { AccelerateError, ArgumentError } from "../errors.js";
import { neededPart, refuseUnknownOps, unknownOps } from "../graph/onnx/instantiate.js";
import { externalLocations, type OnnxSource, readSource, type SourceGraph, type SourceTensor } from "../graph/onnx/source.js";
import { OnnxError, readingOnnx } from "../graph/onnx/errors.js";
import { standardOps } from "../graph/op-table.js";
import { checkNames, type OptionNames } from "../option-names.js";
import { fromData, Parameter, type Tensor } from "../tensor/index.js";
import { type Named, OnnxModel } from "./onnx-model.js";
import { OriginalFile } from "./original-file.js";
import { findTies, type Tie } from "./ties.js";
import { rolesOf } from "./weights.js";

export interface ImportOnnxOptions<I extends readonly string[] | undefined = undefined, O extends readonly string[] | undefined = undefined> {
  /** The inputs of the file that a call gives; default: those that the outputs need. Known to the type checker where they are given. */
  readonly inputs?: I;
  /** Which outputs a call gives, or other values of the file; default: all outputs. */
  readonly outputs?: O;
  /** Whether a parameter is trained, by the name that it has in the file; default: all are. */
  readonly trainable?: (name: string) => boolean;
}

const optionNames: OptionNames<ImportOnnxOptions> = { inputs: true, outputs: true, trainable: true };

/** Programs whose types are only stripped may give anything. */
function checkOptions(options: ImportOnnxOptions<readonly string[] | undefined, readonly string[] | undefined>): void {
  checkNames("importOnnx", options, optionNames);
  for (const name of ["inputs", "outputs"] as const) {
    const names: unknown = options[name];
    if (names !== undefined && !(Array.isArray(names) && names.every((one) => typeof one === "string")))
      throw new ArgumentError(`importOnnx: ${name} is ${JSON.stringify(names)}`, { hint: `give a list of names: { ${name}: ["..."] }` });
  }
  if (options.trainable !== undefined && typeof options.trainable !== "function")
    throw new ArgumentError(`importOnnx: trainable is ${JSON.stringify(options.trainable)}`, {
      hint: 'give a function of names: (name) => name.startsWith("head.")',
    });
}

/** The model file. @throws AccelerateError ERR_MODEL_NOT_FOUND, or the system's error for what else is wrong with it */
async function readModel(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code !== "ENOENT" && code !== "ENOTDIR" && code !== "EISDIR") throw cause;
    const what = code === "EISDIR" ? "is a folder, not an ONNX file" : "does not exist";
    throw new AccelerateError("ERR_MODEL_NOT_FOUND", `${path} ${what}`, {
      cause,
      hint: `give the name of the .onnx file; relative ones begin at ${process.cwd()}`,
    });
  }
}

const folderOf = (file: string): string => resolve(dirname(file));

/** A whole file; those of more than 2 GB, too. */
async function readWhole(path: string): Promise<Uint8Array> {
  await using handle = await open(path, "r");
  const { size } = await handle.stat();
  if (size < 2 ** 31) return readFile(path);
  if (size > constants.MAX_LENGTH)
    throw new AccelerateError("ERR_ONNX_EXTERNAL", `${path} has ${size} bytes, more than this Node.js can hold (${constants.MAX_LENGTH})`);
  const bytes = Buffer.allocUnsafeSlow(size);
  for (let done = 0; done < size; ) {
    const { bytesRead } = await handle.read(bytes, done, Math.min(size - done, 1 << 30), done);
    if (bytesRead === 0) throw new AccelerateError("ERR_ONNX_EXTERNAL", `${path} became shorter while it was read`);
    done += bytesRead;
  }
  return bytes;
}

/** The files that a model keeps weights in, by the locations that it names: they lie beside it. */
async function readBeside(file: string | undefined, bytes: Uint8Array): Promise<ReadonlyMap<string, Uint8Array>> {
  const found = new Map<string, Uint8Array>();
  for (const location of externalLocations(bytes)) {
    const hint = "put both files into one folder, and give the model's name";
    if (file === undefined)
      throw new AccelerateError("ERR_ONNX_EXTERNAL", `the model keeps weights in ${JSON.stringify(location)}, which lies nowhere where only bytes are given`, {
        hint,
      });
    const path = resolve(folderOf(file), location);
    const inside = relative(folderOf(file), path);
    if (inside === "" || isAbsolute(inside) || inside.split(sep)[0] === "..")
      throw new AccelerateError("ERR_ONNX_EXTERNAL", `${file} keeps weights in ${JSON.stringify(location)}, which does not lie beside it`, { hint });
    try {
      found.set(location, await readWhole(path));
    } catch (cause) {
      if (cause instanceof AccelerateError) throw cause;
      throw new AccelerateError("ERR_ONNX_EXTERNAL", `${file} keeps weights in ${JSON.stringify(location)}, which cannot be read`, { cause, hint });
    }
  }
  return found;
}

const listed = (names: Iterable<string>): string => [...names].join(", ") || "none";

/** The outputs that are wanted; a name that the file does not know is an error. */
function wantedOutputs({ graph }: OnnxSource, names: readonly string[] | undefined, file: string): readonly string[] {
  const own = graph.outputs.map(({ name }) => name);
  const wanted = names ?? own;
  const made = new Set(graph.nodes.flatMap(({ outputs }) => outputs));
  const unknown = wanted.filter((name) => name === "" || (!made.has(name) && !own.includes(name)));
  if (unknown.length > 0 || wanted.length === 0)
    throw new ArgumentError(`${file} has no output ${listed(unknown)}`, { code: "ERR_IMPORT_OUTPUT", hint: `its outputs are ${listed(own)}` });
  return [...new Set(wanted)];
}

/** The inputs that a call gives: at least those that are needed. */
function wantedInputs({ inputs }: SourceGraph, needed: ReadonlySet<string>, names: readonly string[] | undefined, file: string): SourceGraph["inputs"] {
  const unknown = (names ?? []).filter((name) => !inputs.some((input) => input.name === name));
  const missing = inputs.filter(({ name }) => names && needed.has(name) && !names.includes(name)).map(({ name }) => name);
  if (unknown.length > 0 || missing.length > 0)
    throw new ArgumentError(unknown.length > 0 ? `${file} has no input ${listed(unknown)}` : `the outputs of ${file} also need ${listed(missing)}`, {
      code: "ERR_IMPORT_INPUT",
      hint: `its inputs are ${listed(inputs.map(({ name }) => name))}`,
    });
  return inputs.filter(({ name }) => (names ? names.includes(name) : needed.has(name)));
}

/** Tensors of the file that a module holds, by name. Those that lie in the same bytes are one. */
function heldTensors<T>(
  tensors: readonly SourceTensor[],
  make: (tensor: SourceTensor) => T,
): { readonly held: Map<string, T>; readonly first: SourceTensor[] } {
  const held = new Map<string, T>();
  const first: SourceTensor[] = [];
  const byPlace = new Map<string, string>();
  for (const tensor of tensors) {
    const place = tensor.data.data.length > 0 ? JSON.stringify([tensor.places, tensor.data.shape]) : tensor.name;
    const same = byPlace.get(place);
    if (same === undefined) {
      byPlace.set(place, tensor.name);
      first.push(tensor);
    }
    held.set(tensor.name, same === undefined ? make(tensor) : held.get(same)!);
  }
  return { held, first };
}

/** Makes tied tensors one. Those that are another one's transpose leave the list; they are given with its name. */
function tie(held: Map<string, Parameter>, ties: ReadonlyMap<SourceTensor, Tie>): ReadonlyMap<string, string> {
  const turned = new Map<string, string>();
  for (const [{ name }, { to, turned: isTurned }] of ties) {
    const own = held.get(name)!;
    for (const [alias, parameter] of held) {
      if (parameter !== own) continue;
      if (!isTurned) held.set(alias, held.get(to.name)!);
      else {
        held.delete(alias);
        turned.set(alias, to.name);
      }
    }
  }
  return turned;
}

/**
 * Reads an ONNX file as a module that can be trained: opsets 13 to 24, weights beside the model, functions, fused ops of com.microsoft, of an If the branch that a call's sizes decide.
 *
 * Initializers of float32 with at least one dim become parameters under their own names. Numbers of rank 0, settings of ops, frequencies of rotary embeddings and masks belong to
 * the graph; a table that is stored twice, once of them transposed, is one parameter. The model comes in evaluation mode, in which it is what the file computes; in training mode a Dropout of the file drops, and a BatchNormalization takes the statistics of
 * the batch and moves its own. `exportOnnx(model, file)` writes the weights back into the original file.
 *
 * @throws OnnxError for what is no such file; AccelerateError ERR_MODEL_NOT_FOUND; ArgumentError ERR_OPTIONS, ERR_IMPORT_INPUT or ERR_IMPORT_OUTPUT for names that it does not have
 * @example
 * const model = await importOnnx("resnet.onnx", { inputs: ["pixels"], outputs: ["logits"], trainable: (name) => name.startsWith("head.") });
 * const { logits } = model({ pixels });
 */
export async function importOnnx<const I extends readonly string[] | undefined = undefined, const O extends readonly string[] | undefined = undefined>(
  file: string | Uint8Array,
  options: ImportOnnxOptions<I, O> = {},
): Promise<OnnxModel<Named<I>, Named<O>>> {
  const path = typeof file === "string" ? file : undefined;
  checkOptions(options);
  const bytes = typeof file === "string" ? await readModel(file) : file;
  if (!(bytes instanceof Uint8Array)) throw new ArgumentError("importOnnx takes the name of a file, or its bytes");
  const shown = path === undefined ? "the model" : basename(path);
  const { beside, whole } = await readingOnnx(shown, async () => {
    const files = await readBeside(path, bytes);
    return { beside: files, whole: readSource(bytes, { externalData: (location) => files.get(location)! }) };
  });
  const outputs = wantedOutputs(whole, options.outputs, shown);
  const part = neededPart(whole.graph, outputs);
  refuseUnknownOps(unknownOps(whole, (op, domain) => standardOps.get(op, domain) !== undefined, part.nodes));
  if (whole.opset === 0 && part.nodes.some(({ domain }) => domain === ""))
    throw new OnnxError("ERR_ONNX_VERSION", `${shown} does not say which opset its ops are from`, 0);
  const inputs = wantedInputs(whole.graph, part.names, options.inputs, shown);

  const roles = rolesOf(whole, part.nodes);
  const needed = whole.graph.tensors.filter(({ name }) => part.names.has(name));
  const trained = new Map(needed.filter((tensor) => roles.get(tensor) === "parameter").map((tensor) => [tensor, options.trainable?.(tensor.name) ?? true]));
  const parameters = heldTensors(
    [...trained.keys()],
    (tensor) => new Parameter(fromData(tensor.data.data as Float32Array, tensor.data.shape), { requiresGrad: trained.get(tensor)! }),
  );
  const turned = tie(
    parameters.held,
    findTies(parameters.first, (a, b) => trained.get(a) === trained.get(b)),
  );
  const buffers = heldTensors<Tensor>(
    needed.filter((tensor) => roles.get(tensor) === "statistic"),
    ({ data: { data, shape } }) => fromData(data as Float32Array, shape),
  );
  const tensors = needed.filter((tensor) => roles.get(tensor) === "constant");
  const inPlaces = [...parameters.first, ...buffers.first];
  const model = new OnnxModel<Named<I>, Named<O>>({
    file: shown,
    source: { ...whole, graph: { ...whole.graph, nodes: part.nodes, tensors } },
    inputs,
    outputs,
    parameters: parameters.held,
    turned,
    buffers: buffers.held,
    copies: {
      model: new OriginalFile(bytes, inPlaces, undefined),
      beside: new Map([...beside].map(([location, data]) => [location, new OriginalFile(data, inPlaces, location)])),
    },
  });
  return model.eval();
}
