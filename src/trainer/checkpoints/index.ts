// Checkpoints of a Trainer: written, rotated, read, gone on from.
export { determineBestMetric, loadBestModel, watchedMetric } from "./best.js";
export { chosenCheckpoint, getLastCheckpoint } from "./choose.js";
export { createModelCard, type ModelCardOptions } from "./model-card.js";
export { saveModel, saveState } from "./model-files.js";
export { prepareOutputDir } from "./output-dir.js";
export { placed } from "./position.js";
export { loadModel, loadOptimizerAndScheduler, loadRngState, loadTrainerState, type Resumed, restoreLosses, resumedAt, type RunLength } from "./resume.js";
export { finishCheckpoints, saveCheckpoint } from "./save.js";
export { listenForStop, stopIfAsked } from "./stop.js";
