// The messages of proto/onnx.proto as TypeScript types, and as the field table by which they are read and written.

export interface OperatorSetIdProto {
  domain?: string;
  version?: number;
}
export interface StringStringEntryProto {
  key?: string;
  value?: string;
}
export interface Dimension {
  dimValue?: number;
  dimParam?: string;
}
export interface TensorShapeProto {
  dim?: Dimension[];
}
export interface TensorTypeProto {
  elemType?: number;
  shape?: TensorShapeProto;
}
export interface TypeProto {
  tensorType?: TensorTypeProto;
}
export interface ValueInfoProto {
  name?: string;
  type?: TypeProto;
}
/** Numbers of a packed field as they lie in the file: decoded when dtype and count are known. */
export interface PackedChunk {
  readonly bytes: Uint8Array;
  /** Where the chunk begins in the file. */
  readonly offset: number;
}
export interface TensorProto {
  dims?: number[];
  dataType?: number;
  floatData?: PackedChunk[];
  int32Data?: PackedChunk[];
  int64Data?: PackedChunk[];
  doubleData?: PackedChunk[];
  name?: string;
  rawData?: Uint8Array;
  externalData?: StringStringEntryProto[];
  dataLocation?: number;
}
export interface AttributeProto {
  name?: string;
  f?: number;
  i?: number;
  s?: Uint8Array;
  t?: TensorProto;
  g?: GraphProto;
  floats?: number[];
  ints?: number[];
  strings?: Uint8Array[];
  type?: number;
  /** In the body of a function: the attribute of the call that this one takes its value from. */
  refAttrName?: string;
}
export interface NodeProto {
  input?: string[];
  output?: string[];
  name?: string;
  opType?: string;
  domain?: string;
  overload?: string;
  attribute?: AttributeProto[];
  docString?: string;
}
export interface FunctionProto {
  name?: string;
  input?: string[];
  output?: string[];
  attribute?: string[];
  attributeProto?: AttributeProto[];
  node?: NodeProto[];
  docString?: string;
  opsetImport?: OperatorSetIdProto[];
  domain?: string;
  overload?: string;
}
export interface GraphProto {
  node?: NodeProto[];
  name?: string;
  initializer?: TensorProto[];
  docString?: string;
  input?: ValueInfoProto[];
  output?: ValueInfoProto[];
}
export interface ModelProto {
  irVersion?: number;
  opsetImport?: OperatorSetIdProto[];
  producerName?: string;
  producerVersion?: string;
  domain?: string;
  modelVersion?: number;
  docString?: string;
  graph?: GraphProto;
  metadataProps?: StringStringEntryProto[];
  functions?: FunctionProto[];
}

export interface Messages {
  readonly ModelProto: ModelProto;
  readonly OperatorSetIdProto: OperatorSetIdProto;
  readonly StringStringEntryProto: StringStringEntryProto;
  readonly GraphProto: GraphProto;
  readonly NodeProto: NodeProto;
  readonly FunctionProto: FunctionProto;
  readonly AttributeProto: AttributeProto;
  readonly TensorProto: TensorProto;
  readonly ValueInfoProto: ValueInfoProto;
  readonly TypeProto: TypeProto;
  readonly TensorTypeProto: TensorTypeProto;
  readonly TensorShapeProto: TensorShapeProto;
  readonly Dimension: Dimension;
}
export type MessageName = keyof Messages;

/** `int`: a varint read as a number (beyond 2^53 rounded). `packed*`: kept as it lies in the file, see PackedChunk. */
export type Scalar = "int" | "float" | "string" | "bytes" | "packedFloat" | "packedInt" | "packedDouble";
export interface Field<N extends string = string> {
  readonly number: number;
  readonly name: N;
  readonly type: Scalar | MessageName;
  readonly repeated: boolean;
}
const one = <N extends string>(number: number, name: N, type: Scalar | MessageName): Field<N> => ({ number, name, type, repeated: false });
const many = <N extends string>(number: number, name: N, type: Scalar | MessageName): Field<N> => ({ number, name, type, repeated: true });

export const schema: { readonly [M in MessageName]: readonly Field<Extract<keyof Messages[M], string>>[] } = {
  ModelProto: [
    one(1, "irVersion", "int"),
    many(8, "opsetImport", "OperatorSetIdProto"),
    one(2, "producerName", "string"),
    one(3, "producerVersion", "string"),
    one(4, "domain", "string"),
    one(5, "modelVersion", "int"),
    one(6, "docString", "string"),
    one(7, "graph", "GraphProto"),
    many(14, "metadataProps", "StringStringEntryProto"),
    many(25, "functions", "FunctionProto"),
  ],
  OperatorSetIdProto: [one(1, "domain", "string"), one(2, "version", "int")],
  StringStringEntryProto: [one(1, "key", "string"), one(2, "value", "string")],
  GraphProto: [
    many(1, "node", "NodeProto"),
    one(2, "name", "string"),
    many(5, "initializer", "TensorProto"),
    one(10, "docString", "string"),
    many(11, "input", "ValueInfoProto"),
    many(12, "output", "ValueInfoProto"),
  ],
  NodeProto: [
    many(1, "input", "string"),
    many(2, "output", "string"),
    one(3, "name", "string"),
    one(4, "opType", "string"),
    one(7, "domain", "string"),
    one(8, "overload", "string"),
    many(5, "attribute", "AttributeProto"),
    one(6, "docString", "string"),
  ],
  FunctionProto: [
    one(1, "name", "string"),
    many(4, "input", "string"),
    many(5, "output", "string"),
    many(6, "attribute", "string"),
    many(11, "attributeProto", "AttributeProto"),
    many(7, "node", "NodeProto"),
    one(8, "docString", "string"),
    many(9, "opsetImport", "OperatorSetIdProto"),
    one(10, "domain", "string"),
    one(13, "overload", "string"),
  ],
  AttributeProto: [
    one(1, "name", "string"),
    one(2, "f", "float"),
    one(3, "i", "int"),
    one(4, "s", "bytes"),
    one(5, "t", "TensorProto"),
    one(6, "g", "GraphProto"),
    many(7, "floats", "float"),
    many(8, "ints", "int"),
    many(9, "strings", "bytes"),
    one(20, "type", "int"),
    one(21, "refAttrName", "string"),
  ],
  TensorProto: [
    many(1, "dims", "int"),
    one(2, "dataType", "int"),
    many(4, "floatData", "packedFloat"),
    many(5, "int32Data", "packedInt"),
    many(7, "int64Data", "packedInt"),
    one(8, "name", "string"),
    one(9, "rawData", "bytes"),
    many(10, "doubleData", "packedDouble"),
    many(13, "externalData", "StringStringEntryProto"),
    one(14, "dataLocation", "int"),
  ],
  ValueInfoProto: [one(1, "name", "string"), one(2, "type", "TypeProto")],
  TypeProto: [one(1, "tensorType", "TensorTypeProto")],
  TensorTypeProto: [one(1, "elemType", "int"), one(2, "shape", "TensorShapeProto")],
  TensorShapeProto: [many(1, "dim", "Dimension")],
  Dimension: [one(1, "dimValue", "int"), one(2, "dimParam", "string")],
};

/** AttributeProto.AttributeType. */
export const attributeType = { float: 1, int: 2, string: 3, tensor: 4, graph: 5, floats: 6, ints: 7, strings: 8 } as const;
