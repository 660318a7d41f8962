// ClassLabel: integers that stand for names.
import { inspect } from "node:util";
import { ArgumentError } from "../../errors.js";
import { pythonList, pythonString } from "./print.js";

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
  readonly #numbers: ReadonlyMap<string, number>;

  /** @throws ArgumentError ERR_CLASS_LABEL when a name occurs twice. */
  constructor(names: readonly string[]) {
    this.#numbers = new Map(names.map((name, i) => [name, i]));
    const twice = this.#numbers.size < names.length ? names.find((name, i) => names.indexOf(name) !== i) : undefined;
    if (twice !== undefined) throw new ArgumentError(`the class name ${pythonString(twice)} occurs twice`, { code: "ERR_CLASS_LABEL" });
    this.names = [...names];
  }

  /** The name of a class. @throws ArgumentError ERR_CLASS_LABEL when there is no such class. */
  int2str(i: number): string {
    const name = this.names[i];
    if (name === undefined) throw new ArgumentError(`there is no class ${i}`, { code: "ERR_CLASS_LABEL", hint: `classes are 0 to ${this.names.length - 1}` });
    return name;
  }

  /** The number of a class; spaces around its name do not count, and a number in digits is itself. @throws ArgumentError ERR_CLASS_LABEL when there is no such class. */
  str2int(s: string): number {
    const name = s.trim();
    const i = this.#numbers.get(s) ?? this.#numbers.get(name) ?? (/^[+-]?\d+$/.test(name) ? Number(name) : Number.NaN);
    if (i >= -1 && i < this.names.length) return i;
    throw new ArgumentError(`invalid string class label ${pythonString(s)}`, { code: "ERR_CLASS_LABEL", hint: `classes are ${pythonList(this.names)}` });
  }

  toString(): string {
    return `ClassLabel(names=${pythonList(this.names)})`;
  }
  [inspect.custom](): string {
    return this.toString();
  }
}
