// Trainings of Python's Trainer, number by number: losses, learning rates, norms of gradients, evaluations, events, and the weights at the end.
import { goldenSuite } from "./golden-suite.js";

await goldenSuite({ slow: false });
