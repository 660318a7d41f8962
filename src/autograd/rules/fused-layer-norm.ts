// Gradient of accelerate_ts.DropoutAddLayerNorm: one op that makes all of them in one pass over memory.
import { unsupported } from "../errors.js";
import type { GradientDef, GradientRule } from "../gradient-table.js";

const domain = "accelerate_ts";

/** A gradient of the sum alone goes around the normalization: to the residual as it is, to x through the mask. */
const layerNorm: GradientRule = (ctx) => {
  const { b, node } = ctx;
  if (ctx.gradOut(2) || ctx.gradOut(3)) throw unsupported(node, "a gradient of its mean or deviation", "compute the statistics with ReduceMean");
  const [x, bias, residual, scale, , key, places] = node.inputs;
  const { ratio, site } = node.attributes;
  const attributes = { ...(ratio === undefined ? {} : { ratio }), ...(site === undefined ? {} : { site }) };
  const mask = places ? [key, places] : [key];
  const [dy, dsum] = [ctx.gradOut(0), ctx.gradOut(1)];
  if (!dy) {
    const dx = key ? b.op("Dropout", [dsum!, ...mask], attributes, { domain }) : dsum!;
    return [dx, bias && ctx.needs(1) ? b.reduceTo(dx, bias.shape, bias) : undefined, dsum];
  }
  const sum = bias || residual || key ? ctx.output(1) : x;
  const inputs = [dy, dsum, sum, ctx.output(2), ctx.output(3), scale, ...(key ? mask : [])];
  const [dx, dresidual, dscale, dshift, dbias] = b.ops("DropoutAddLayerNormGrad", inputs, key ? attributes : {}, { domain, outputs: 5 });
  return [dx, dbias, key ? dresidual : dx, dscale, dshift];
};

export const layerNormGradients: readonly GradientDef[] = [{ op: "DropoutAddLayerNorm", domain, rule: layerNorm }];
