// What the Trainer cannot do yet.
import { AccelerateError } from "../errors.js";

export const unfinished = (what: string): AccelerateError => new AccelerateError("ERR_NOT_THERE", `Trainer.${what} is not there yet`);
