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

  /** @throws ArgumentError ERR_CLASS_LABEL when a name occurs twice. */
  constructor(names: readonly string[]) {
    const twice = new Set(names).size < names.length ? names.find((name, i) => names.indexOf(name) !== i) : undefined;
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
