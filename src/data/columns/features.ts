// Features: what a column holds, as the user declares it, as Python prints it.
import { inspect } from "node:util";
import { ArgumentError } from "../../errors.js";
import { ClassLabel } from "./class-label.js";
import { pythonString } from "./print.js";
import { isScalarType, plainTypeNames, type ScalarType, type ScalarValue } from "./scalars.js";

export { ClassLabel } from "./class-label.js";
export type { FeatureTypes } from "./scalars.js";

/** A list: of any length, or all of one length; large: an Arrow file counts its items with 64 bits (Python's LargeList). */
export interface Sequence<F extends Feature = Feature> {
  readonly sequence: F;
  readonly length?: number;
  readonly large?: true;
}
/** An object with named fields. One whose only field is called "sequence" has to be made with `structFeature`. */
export interface StructFeature {
  readonly [field: string]: Feature;
}
export type Feature = ScalarType | ClassLabel | { readonly sequence: Feature; readonly length?: number; readonly large?: true } | StructFeature;

export type FeatureValue<F> = F extends ScalarType
  ? ScalarValue<F>
  : F extends ClassLabel
    ? number
    : F extends { readonly sequence: infer E }
      ? FeatureValue<E>[]
      : F extends object
        ? { -readonly [K in keyof F]: FeatureValue<F[K]> }
        : never;
export type Features = { readonly [column: string]: Feature };
export type RowOf<F extends Features> = { -readonly [K in keyof F]: FeatureValue<F[K]> };

const structMark = Symbol("struct");

/** Says that an object is a struct, whatever its fields are called. */
export const structFeature = (fields: Readonly<Record<string, Feature>>): StructFeature => Object.defineProperty({ ...fields }, structMark, { value: true });

export function isListFeature(feature: unknown): feature is Sequence {
  if (typeof feature !== "object" || feature === null || structMark in feature || !("sequence" in feature)) return false;
  return Object.entries(feature).every(
    ([key, value]) => key === "sequence" || (key === "length" && typeof value === "number") || (key === "large" && value === true),
  );
}
export const isStructFeature = (feature: unknown): feature is StructFeature =>
  typeof feature === "object" && feature !== null && !Array.isArray(feature) && !(feature instanceof ClassLabel) && !isListFeature(feature);

function listText(feature: Sequence): string {
  const length = feature.length === undefined ? "" : `, length=${feature.length}`;
  return `${feature.large ? "LargeList" : "List"}(${featureText(feature.sequence)}${length})`;
}
const fieldsText = (fields: Readonly<Record<string, Feature>>): string =>
  `{${Object.entries(fields)
    .map(([name, feature]) => `${pythonString(name)}: ${featureText(feature)}`)
    .join(", ")}}`;

/** As datasets 5.x prints it: Value('string'), List(Value('int32')), ClassLabel(names=[...]), Json(decode=True), {'a': Value('int64')}. */
export function featureText(feature: Feature): string {
  if (feature instanceof ClassLabel) return feature.toString();
  if (typeof feature === "string") return feature === "json" ? "Json(decode=True)" : `Value('${feature}')`;
  return isListFeature(feature) ? listText(feature) : fieldsText(feature);
}

/** A features object that prints as Python's does. */
export function printable(features: Features): Features {
  const text = () => fieldsText(features);
  return Object.freeze(Object.defineProperties({ ...features }, { toString: { value: text }, [inspect.custom]: { value: text } }));
}

/** The innermost part that is no feature; undefined when all are. */
function fault(feature: unknown): { readonly part: unknown } | undefined {
  if (feature instanceof ClassLabel || (typeof feature === "string" && isScalarType(feature))) return undefined;
  if (isListFeature(feature)) {
    const { length, large, sequence } = feature;
    if (length !== undefined && (!Number.isInteger(length) || length < 0 || large)) return { part: feature };
    return fault(sequence);
  }
  if (!isStructFeature(feature) || (Object.getPrototypeOf(feature) !== Object.prototype && Object.getPrototypeOf(feature) !== null)) return { part: feature };
  for (const field of Object.values(feature)) {
    const found = fault(field);
    if (found) return found;
  }
  return undefined;
}

/** @throws ArgumentError ERR_FEATURES naming the column whose declaration is no feature. */
export function checkFeatures(features: Features): void {
  for (const [name, feature] of Object.entries(features)) {
    const found = fault(feature);
    if (!found) continue;
    const within = found.part === feature ? "" : `, in which ${inspect(found.part)} is no feature`;
    throw new ArgumentError(`features: column ${name} is declared as ${inspect(feature)}${within}`, {
      code: "ERR_FEATURES",
      hint: `use one of ${plainTypeNames.join(", ")}, timestamp[ms], time32[s], duration[s], decimal128(10, 2), fixed_size_binary[16], new ClassLabel([...]), { sequence: feature } or { field: feature }`,
    });
  }
}
