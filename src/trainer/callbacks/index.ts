// Callbacks: what is told of a run's events, and steers it.
export { CallbackError } from "./callback-error.js";
export { CallbackHandler, type EventDetails, type GivenCallback } from "./callback-handler.js";
export { callbacksOf, closeDisplays, printLines } from "./default-callbacks.js";
export { DefaultFlowCallback } from "./default-flow.js";
export { EarlyStoppingCallback, type EarlyStoppingOptions } from "./early-stopping.js";
export { PrinterCallback, type PrinterCallbackOptions } from "./printer.js";
export { ProgressCallback, type ProgressCallbackOptions } from "./progress-callback.js";
export { rewriteLogs, TrackingCallback, trackingOptions } from "./tracking-callback.js";
export { type CallbackContext, type CallbackEvent, type CallbackLoader, type Handled, TrainerCallback } from "./trainer-callback.js";
