// Features: what a column holds, as the user declares it, as Python prints it.
import { inspect } from "node:util";
import { ArgumentError } from "../../errors.js";
import { pythonList, pythonString } from "./print.js";
import type { ColumnValue } from "../types.js";

export interface FeatureTypes {
  string: string;
  int64: number;
  int32: number;
  int8: number;
  float32: number;
  float64: number;
  bool: boolean;
  /** Anything JSON can say: kept as text, parsed when read. */
  json: ColumnValue;
}

/**
 * Integers that stand for names; -1 stands for "missing".
 *
 * @example
 * const label = new ClassLabel(["not_equivalent", "equivalent"]);
 * label.int2str(1); // "equivalent"
 * label.str2int("not_equivalent"); // 0
 */
export class ClassLabel {
  readonly names: readonly string[];

  /** @throws ArgumentError ERR_CLASS_LABEL when a name occurs twice. */
  constructor(names: readonly string[]) {
    const twice = names.find((name, i) => names.indexOf(name) !== i);
    if (twice !== undefined) throw new ArgumentError(`the class name ${pythonString(twice)} occurs twice`, { code: "ERR_CLASS_LABEL" });
    this.names = [...names];
  }

  /** The name of a class. @throws ArgumentError ERR_CLASS_LABEL when there is no such class. */
  int2str(i: number): string {
    const name = this.names[i];
    if (name === undefined) throw new ArgumentError(`there is no class ${i}`, { code: "ERR_CLASS_LABEL", hint: `classes are 0 to ${this.names.length - 1}` });
    return name;
  }

  /** The number of a class. @throws ArgumentError ERR_CLASS_LABEL when no class has the name. */
  str2int(s: string): number {
    const i = this.names.indexOf(s);
    if (i < 0)
      throw new ArgumentError(`invalid string class label ${pythonString(s)}`, { code: "ERR_CLASS_LABEL", hint: `classes are ${pythonList(this.names)}` });
    return i;
  }

  toString(): string {
    return `ClassLabel(names=${pythonList(this.names)})`;
  }
  [inspect.custom](): string {
    return this.toString();
  }
}

export interface Sequence<F extends Feature = Feature> {
  readonly sequence: F;
}
export type Feature = keyof FeatureTypes | ClassLabel | { readonly sequence: Feature };
export type FeatureValue<F> = F extends keyof FeatureTypes
  ? FeatureTypes[F]
  : F extends ClassLabel
    ? number
    : F extends { readonly sequence: infer E }
      ? FeatureValue<E>[]
      : never;
export type Features = { readonly [column: string]: Feature };
export type RowOf<F extends Features> = { -readonly [K in keyof F]: FeatureValue<F[K]> };

/** As datasets 5.x prints it: Value('string'), List(Value('int32')), ClassLabel(names=[...]). */
export function featureText(feature: Feature): string {
  if (feature instanceof ClassLabel) return feature.toString();
  return typeof feature === "string" ? `Value('${feature}')` : `List(${featureText(feature.sequence)})`;
}

/** A features object that prints as Python's does. */
export function printable(features: Features): Features {
  const text = () =>
    `{${Object.entries(features)
      .map(([name, feature]) => `${pythonString(name)}: ${featureText(feature)}`)
      .join(", ")}}`;
  return Object.freeze(Object.defineProperties({ ...features }, { toString: { value: text }, [inspect.custom]: { value: text } }));
}

const scalarFeatures: { readonly [F in keyof FeatureTypes]: true } = {
  string: true,
  int64: true,
  int32: true,
  int8: true,
  float32: true,
  float64: true,
  bool: true,
  json: true,
};

/** @throws ArgumentError ERR_FEATURES naming the column whose declaration is no feature. */
export function checkFeatures(features: Features): void {
  for (const [name, feature] of Object.entries(features)) {
    let inner: unknown = feature;
    while (typeof inner === "object" && inner !== null && "sequence" in inner) inner = inner.sequence;
    if (inner instanceof ClassLabel || (typeof inner === "string" && Object.hasOwn(scalarFeatures, inner))) continue;
    throw new ArgumentError(`features: column ${name} is declared as ${inspect(feature)}`, {
      code: "ERR_FEATURES",
      hint: `use one of ${Object.keys(scalarFeatures).join(", ")}, new ClassLabel([...]) or { sequence: feature }`,
    });
  }
}
