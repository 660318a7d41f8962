// "did you mean", for the command line.
export { didYouMean, distance, similar } from "../../src/similar.js";
