// Reverse-mode differentiation of graphs: gradients are nodes of the same graph.
export { type DifferentiateOptions, differentiate } from "./differentiate.js";
export { AutogradError } from "./errors.js";
export { type GradientContext, type GradientDef, type GradientRule, GradientTable } from "./gradient-table.js";
export { registerGradient } from "./register-gradient.js";
export { standardGradients } from "./rules.js";
