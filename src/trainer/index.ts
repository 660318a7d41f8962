// The Trainer: training, evaluation, checkpoints and logs of a model in one object.
export {};
