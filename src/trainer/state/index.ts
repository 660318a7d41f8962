// The state of a training, and the flags that steer it.
export { TrainerControl } from "./control.js";
export { callbackName, type CallbackState, type CallbackStates, type ExportableState, exportStates, isExportable, restoreStates } from "./exportable.js";
export { type LogEntry, TrainerState, type TrainingReferences } from "./trainer-state.js";
