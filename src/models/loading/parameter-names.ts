// All names that parameters have: tied ones have several.
import { type ModuleBase, Parameter } from "../../nn/index.js";
import type { ParameterNames } from "./match-names.js";

/** Each parameter's names, the one it is saved under first. Parameters lie in fields of their modules; lists of modules are walked through, which `namedModules` does once each. */
export function namesOf(model: ModuleBase): ParameterNames[] {
  const names = new Map<Parameter, [string, ...string[]]>();
  for (const [name, parameter] of model.namedParameters()) names.set(parameter, [name]);
  for (const [path, module] of model.namedModules()) {
    for (const [field, value] of Object.entries(module)) {
      if (!(value instanceof Parameter)) continue;
      const name = path ? `${path}.${field}` : field;
      const known = names.get(value)!;
      if (!known.includes(name)) known.push(name);
    }
  }
  return [...names.values()];
}
