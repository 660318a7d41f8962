// More trainings of Python's Trainer, number by number: optimizers, schedules, seeds, ways of logging, evaluating and counting.
import { goldenSuite } from "./golden-suite.js";

await goldenSuite({ slow: true });
