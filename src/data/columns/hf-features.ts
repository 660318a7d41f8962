// Features as Python's datasets writes them into JSON: dataset_info.json and the "huggingface" metadata of Arrow files.
import { ArgumentError } from "../../errors.js";
import { ClassLabel, type Feature, type Features, isListFeature, structFeature } from "./features.js";
import { isScalarType } from "./scalars.js";

export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

/** {"dtype": "int32", "_type": "Value"} and so on. */
export function featureToJson(feature: Feature): Json {
  if (feature instanceof ClassLabel) return { names: feature.names, _type: "ClassLabel" };
  if (typeof feature === "string") return feature === "json" ? { _type: "Json" } : { dtype: feature, _type: "Value" };
  if (isListFeature(feature)) {
    const length = feature.length === undefined ? {} : { length: feature.length };
    return { feature: featureToJson(feature.sequence), ...length, _type: feature.large ? "LargeList" : "List" };
  }
  return featuresToJson(feature as Features);
}
export const featuresToJson = (features: Features): { readonly [name: string]: Json } =>
  Object.fromEntries(Object.entries(features).map(([name, feature]) => [name, featureToJson(feature)]));

const unknown = (what: string): ArgumentError =>
  new ArgumentError(`no feature of this library is ${what}`, { code: "ERR_FEATURES", hint: "the column's own type is used where it is kept" });

type Fields = { readonly [key: string]: Json };
const isFields = (json: unknown): json is Fields => typeof json === "object" && json !== null && !Array.isArray(json);
const deepest = 64;

function lengthOf(json: Fields): { readonly length?: number } {
  return typeof json.length === "number" && json.length >= 0 ? { length: json.length } : {};
}

function classNames(json: Fields): readonly string[] {
  if (Array.isArray(json.names) && json.names.every((name) => typeof name === "string")) return json.names;
  // As README files write them: { "0": "neg", "1": "pos" }.
  if (isFields(json.names)) return Object.values(json.names).map(String);
  if (typeof json.num_classes === "number" && json.num_classes <= 1e6) return Array.from({ length: json.num_classes }, (_, i) => String(i));
  throw unknown(`a ClassLabel without names`);
}

/** Python's Sequence of a struct is a struct of lists. */
function sequenceOf(inner: Feature, length: { readonly length?: number }): Feature {
  if (typeof inner === "string" || inner instanceof ClassLabel || isListFeature(inner)) return { sequence: inner, ...length };
  return structFeature(Object.fromEntries(Object.entries(inner).map(([name, field]) => [name, { sequence: field as Feature, ...length }])));
}

const makers: { readonly [type: string]: (json: Fields, depth: number) => Feature } = {
  Value: ({ dtype }) => {
    if (typeof dtype === "string" && isScalarType(dtype)) return dtype;
    throw unknown(`Value(${JSON.stringify(dtype)})`);
  },
  Json: () => "json",
  ClassLabel: (json) => new ClassLabel(classNames(json)),
  List: (json, depth) => ({ sequence: featureFromJson(json.feature, depth), ...lengthOf(json) }),
  LargeList: (json, depth) => ({ sequence: featureFromJson(json.feature, depth), large: true }),
  Sequence: (json, depth) => sequenceOf(featureFromJson(json.feature, depth), lengthOf(json)),
};

/** @throws ArgumentError ERR_FEATURES for a feature that this library does not have (Image, Audio, Array2D, ...). */
export function featureFromJson(json: unknown, depth = deepest): Feature {
  if (depth === 0) throw unknown(`nested more than ${deepest} deep`);
  // Before datasets 4, [feature] was a list.
  if (Array.isArray(json) && json.length === 1) return { sequence: featureFromJson(json[0], depth - 1) };
  if (!isFields(json)) throw unknown(JSON.stringify(json) ?? "undefined");
  const type = json._type;
  if (typeof type !== "string")
    return structFeature(Object.fromEntries(Object.entries(json).map(([name, field]) => [name, featureFromJson(field, depth - 1)])));
  const make = Object.hasOwn(makers, type) ? makers[type] : undefined;
  if (!make) throw unknown(`${JSON.stringify(type).slice(0, 60)}`);
  return make(json, depth - 1);
}

/** The features of all columns. @throws ArgumentError ERR_FEATURES */
export function featuresFromJson(json: unknown): Features {
  if (!isFields(json)) throw unknown(JSON.stringify(json) ?? "undefined");
  return Object.fromEntries(Object.entries(json).map(([name, feature]) => [name, featureFromJson(feature)]));
}
