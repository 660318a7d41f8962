// First values of new weights, as transformers gives them.
import { Embedding, init, LayerNorm, Linear, type ModuleBase, type Parameter } from "../../nn/index.js";
import { Conv1D } from "./layers.js";

/** Sets a parameter's numbers in place. */
function assign(parameter: Parameter, fill: (values: Float32Array) => void): void {
  fill(parameter.values());
  parameter.changed();
}

/** A module with values of its own kind, which sets those of its parameters that are wanted. */
export interface OwnInit {
  initOwn(wanted: (field: string) => boolean): void;
}
const hasOwnInit = (module: ModuleBase): module is ModuleBase & OwnInit => typeof (module as Partial<OwnInit>).initOwn === "function";

/**
 * Weights N(0, std^2) from the default generator (of GPT-2's maps back into the residual path less), biases 0, norms 1 and 0, padding rows 0. A tied weight is drawn once, where it
 * is first met.
 *
 * @param only names of the parameters to set; all without it
 */
export function initWeights(model: ModuleBase, options: { readonly std: number; readonly only?: ReadonlySet<string> }): void {
  const { std, only } = options;
  const done = new Set<Parameter>();
  const draw = (p: Parameter, scale: number) =>
    assign(p, (values) => values.set((init.normal(p.shape, { std: std * scale }).state as { data: Float32Array }).data));
  for (const [path, module] of model.namedModules()) {
    const wanted = (field: string) => only?.has(path ? `${path}.${field}` : field) ?? true;
    const set = (field: string, p: Parameter | undefined, value: number | "drawn", scale: number = 1): boolean => {
      if (!p || !wanted(field) || done.has(p)) return false;
      done.add(p);
      if (value === "drawn") draw(p, scale);
      else assign(p, (values) => values.fill(value));
      return true;
    };
    if (module instanceof Linear || module instanceof Conv1D) {
      set("weight", module.weight, "drawn", module instanceof Conv1D ? module.scale : 1);
      set("bias", module.bias, 0);
    } else if (module instanceof Embedding) {
      if (set("weight", module.weight, "drawn")) module.zeroPadding();
    } else if (module instanceof LayerNorm) {
      set("weight", module.weight, 1);
      set("bias", module.bias, 0);
    }
    if (hasOwnInit(module)) module.initOwn(wanted);
  }
}
