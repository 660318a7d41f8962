// The list of names that a pickle may use, and what each of them makes. There is nothing else: no name is ever looked up outside this table.
import { type Fault, quoted } from "./error.js";
import { Dict, Global, kindOf, List, Storage, storageDtypes, TensorNote, Tuple, type Value } from "./values.js";

const isSize = (x: Value | undefined): x is number => typeof x === "number" && Number.isSafeInteger(x) && x >= 0;
/** torch's own limit is 64. */
const maxRank = 64;
/** Elements of a tensor that repeats what is stored (`expand`): reading makes them all. */
const maxRepeated = 1 << 24;

type Make = (args: readonly Value[], fault: Fault) => Value;

function sizesOf(value: Value | undefined, what: string, fault: Fault): readonly number[] {
  if (!(value instanceof Tuple) || value.items.length > maxRank || !value.items.every(isSize))
    throw fault("ERR_TORCH_FILE_TENSOR", `a tensor's ${what} ${value instanceof Tuple ? "are no list of at most 64 whole numbers" : `are ${kindOf(value)}`}`);
  return value.items as readonly number[];
}

/** torch._utils._rebuild_tensor_v2(storage, offset, size, stride, requires_grad, backward_hooks[, metadata]). */
const tensor: Make = ([storage, offset, size, stride, ...rest], fault) => {
  if (!(storage instanceof Storage)) throw fault("ERR_TORCH_FILE_TENSOR", `a tensor's storage is ${kindOf(storage)}`);
  if (!isSize(offset)) throw fault("ERR_TORCH_FILE_TENSOR", `a tensor's offset is ${kindOf(offset)}`);
  const shape = sizesOf(size, "sizes", fault);
  const strides = sizesOf(stride, "strides", fault);
  if (shape.length !== strides.length || rest.length < 2 || rest.length > 3)
    throw fault("ERR_TORCH_FILE_TENSOR", `a tensor of ${shape.length} sizes has ${strides.length} strides and ${rest.length} further arguments`);
  const elements = shape.reduce((a, b) => a * b, 1);
  const last = elements === 0 ? offset - 1 : shape.reduce((at, n, i) => at + (n - 1) * strides[i]!, offset);
  if (!Number.isSafeInteger(elements) || last >= storage.length)
    throw fault(
      "ERR_TORCH_FILE_TENSOR",
      `a tensor of shape [${shape.join(", ")}], strides [${strides.join(", ")}] and offset ${offset} does not fit into its storage of ${storage.length} elements`,
    );
  if (elements > storage.length && elements > maxRepeated)
    throw fault("ERR_TORCH_FILE_LIMIT", `a tensor repeats ${storage.length} stored elements ${elements} times in all, ${maxRepeated} are accepted`);
  return new TensorNote(storage, offset, shape, strides);
};

/** torch._utils._rebuild_parameter(data, requires_grad, backward_hooks). */
const parameter: Make = ([data, ...rest], fault) => {
  if (data instanceof TensorNote && rest.length === 2) return data;
  throw fault("ERR_TORCH_FILE_TENSOR", `a parameter is made of ${kindOf(data)}`);
};

/** collections.OrderedDict() or OrderedDict([[key, value], ...]). */
const orderedDict: Make = ([pairs, ...rest], fault) => {
  const made = new Dict();
  if (rest.length > 0 || (pairs !== undefined && !(pairs instanceof List))) throw fault("ERR_TORCH_FILE_PICKLE", `an OrderedDict is made of ${kindOf(pairs)}`);
  for (const pair of pairs?.items ?? []) {
    if (!(pair instanceof List || pair instanceof Tuple) || pair.items.length !== 2)
      throw fault("ERR_TORCH_FILE_PICKLE", `an OrderedDict has ${kindOf(pair)} where a key and its value belong`);
    made.entries.set(pair.items[0]!, pair.items[1]!);
  }
  return made;
};

const size: Make = ([items, ...rest], fault) => {
  if (items instanceof Tuple && rest.length === 0) return items;
  throw fault("ERR_TORCH_FILE_PICKLE", `a torch.Size is made of ${kindOf(items)}`);
};
/** A device's name: where a tensor lay does not matter here. */
const device: Make = (args, fault) => {
  if (args.length > 0 && args.length < 3 && args.every((a) => typeof a === "string" || isSize(a))) return args.join(":");
  throw fault("ERR_TORCH_FILE_PICKLE", `a torch.device is made of ${args.map(kindOf).join(", ") || "nothing"}`);
};

/** What may be called. */
const makers: ReadonlyMap<string, Make> = new Map([
  ["collections.OrderedDict", orderedDict],
  ["torch._utils._rebuild_tensor_v2", tensor],
  ["torch._utils._rebuild_parameter", parameter],
  ["torch.Size", size],
  ["torch.device", device],
]);
/** Element types, which stand for themselves. */
const plain: ReadonlySet<string> = new Set(
  ["float32", "float64", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8", "bool"].map((name) => `torch.${name}`),
);
const storagePrefix = "torch.";
/** The element type of a storage class. */
const dtypeOfStorage = (name: string) => (name.startsWith(storagePrefix) ? storageDtypes.get(name.slice(storagePrefix.length)) : undefined);

const hint = "only tensors in plain dicts and lists are read, and nothing is executed: in Python, torch.save(model.state_dict(), file)";

/** A name that a pickle uses. @throws TorchFileError ERR_TORCH_FILE_UNSAFE for one that is not on the list. */
export function globalOf(module: string, name: string, fault: Fault): Global {
  const full = `${module}.${name}`;
  if (makers.has(full) || plain.has(full) || dtypeOfStorage(full) !== undefined) return new Global(full);
  if (module === "torch" && name.endsWith("Storage")) throw fault("ERR_TORCH_FILE_DTYPE", `elements of ${quoted(full)} cannot be read here`);
  throw fault("ERR_TORCH_FILE_UNSAFE", `the pickle wants ${quoted(full)}`, { hint });
}

/** What calling a name gives. */
export function callGlobal(callee: Value | undefined, args: Value | undefined, fault: Fault): Value {
  const make = callee instanceof Global ? makers.get(callee.name) : undefined;
  if (!make) throw fault("ERR_TORCH_FILE_UNSAFE", `the pickle calls ${kindOf(callee)}`, { hint });
  if (!(args instanceof Tuple)) throw fault("ERR_TORCH_FILE_PICKLE", `${kindOf(callee)} is called with ${kindOf(args)}, not with a tuple`);
  return make(args.items, fault);
}

/** A persistent id of torch: ("storage", class, key, device, elements[, view]). The view is None or (key, offset, elements). */
export function storageOf(id: Value | undefined, fault: Fault): Storage {
  const [kind, type, key, location, length, view] = id instanceof Tuple ? id.items : [];
  if (kind === "module") throw fault("ERR_TORCH_FILE_UNSAFE", "the file holds a whole module with its code", { hint });
  if (kind !== "storage" || !(type instanceof Global) || typeof key !== "string" || typeof location !== "string" || !isSize(length))
    throw fault("ERR_TORCH_FILE_PICKLE", `a persistent id is ${kind === "storage" ? "no storage's: kind, class, key, device, elements" : kindOf(id)}`);
  const dtype = dtypeOfStorage(type.name);
  if (dtype === undefined) throw fault("ERR_TORCH_FILE_PICKLE", `the class of a storage is ${type.name}`);
  if (view === undefined || view === null) return new Storage(key, dtype, length, 0);
  const [, begin, part] = view instanceof Tuple ? view.items : [];
  if (!isSize(begin) || !isSize(part) || begin + part > length)
    throw fault("ERR_TORCH_FILE_TENSOR", `a storage is no part of the ${length} elements that it is said to be of`);
  return new Storage(key, dtype, part, begin);
}
