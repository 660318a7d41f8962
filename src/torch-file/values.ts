// What a pickle can hold here: plain data, and notes about tensors and storages. Nothing in it is an object of a file's making.

/** Element types of tensors that can be read; float16 and bfloat16 come as bits. */
export const torchDtypes = {
  float32: { bytes: 4, array: Float32Array },
  float64: { bytes: 8, array: Float64Array },
  float16: { bytes: 2, array: Uint16Array },
  bfloat16: { bytes: 2, array: Uint16Array },
  int64: { bytes: 8, array: BigInt64Array },
  int32: { bytes: 4, array: Int32Array },
  int16: { bytes: 2, array: Int16Array },
  int8: { bytes: 1, array: Int8Array },
  uint8: { bytes: 1, array: Uint8Array },
  bool: { bytes: 1, array: Uint8Array },
} as const;
export type TorchDType = keyof typeof torchDtypes;
export type TorchArray = InstanceType<(typeof torchDtypes)[TorchDType]["array"]>;

/** Storage classes of torch by the element type they hold. */
export const storageDtypes: ReadonlyMap<string, TorchDType> = new Map<string, TorchDType>([
  ["FloatStorage", "float32"],
  ["DoubleStorage", "float64"],
  ["HalfStorage", "float16"],
  ["BFloat16Storage", "bfloat16"],
  ["LongStorage", "int64"],
  ["IntStorage", "int32"],
  ["ShortStorage", "int16"],
  ["CharStorage", "int8"],
  ["ByteStorage", "uint8"],
  ["BoolStorage", "bool"],
]);

export type Value = null | boolean | number | bigint | string | Uint8Array | List | Tuple | Dict | SetOf | Global | Storage | TensorNote;

/** A list. */
export class List {
  readonly items: Value[] = [];
}
/** A tuple, torch.Size among them. */
export class Tuple {
  readonly items: readonly Value[];
  constructor(items: readonly Value[]) {
    this.items = items;
  }
}
/** A dict or an OrderedDict: a Map, so that no key of a file is more than a key. */
export class Dict {
  readonly entries: Map<Value, Value> = new Map();
}
export class SetOf {
  readonly items: Set<Value> = new Set();
}
/** A name on the list of what may be read. */
export class Global {
  readonly name: string;
  constructor(name: string) {
    this.name = name;
  }
}
/** Memory that tensors lie in, by the key that the file gives it. */
export class Storage {
  readonly key: string;
  readonly dtype: TorchDType;
  /** In elements. */
  readonly length: number;
  /** The first element in the memory of that key: legacy files have storages that are parts of others. */
  readonly begin: number;
  constructor(key: string, dtype: TorchDType, length: number, begin: number) {
    this.key = key;
    this.dtype = dtype;
    this.length = length;
    this.begin = begin;
  }
}
/** A tensor: a view on a storage; offset and strides in elements. */
export class TensorNote {
  readonly storage: Storage;
  readonly offset: number;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
  constructor(storage: Storage, offset: number, shape: readonly number[], strides: readonly number[]) {
    this.storage = storage;
    this.offset = offset;
    this.shape = shape;
    this.strides = strides;
  }
}

/** For messages. */
export function kindOf(value: Value | undefined): string {
  if (value === undefined) return "nothing";
  if (value === null) return "None";
  if (typeof value !== "object") return typeof value === "string" ? "text" : typeof value === "boolean" ? "a truth value" : "a number";
  if (value instanceof Uint8Array) return "bytes";
  if (value instanceof Global) return value.name;
  if (value instanceof TensorNote) return "a tensor";
  return `a ${value.constructor.name.toLowerCase()}`;
}
