// Callbacks: what is told of a run's events, and steers it.
export { CallbackError } from "./callback-error.js";
export { CallbackHandler, type EventDetails, type GivenCallback } from "./callback-handler.js";
export { DefaultFlowCallback } from "./default-flow.js";
export { EarlyStoppingCallback, type EarlyStoppingOptions } from "./early-stopping.js";
export { type CallbackContext, type CallbackEvent, type CallbackLoader, type Handled, TrainerCallback } from "./trainer-callback.js";
