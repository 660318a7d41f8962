// What is wrong with what a search was told.
import { ArgumentError } from "../../errors.js";

export const searchFault = (message: string, hint: string, code = "ERR_SEARCH_OPTIONS"): ArgumentError =>
  new ArgumentError(`hyperparameterSearch: ${message}`, { code, hint });

export const spaceFault = (message: string, hint: string): ArgumentError => new ArgumentError(`hpSpace: ${message}`, { code: "ERR_SEARCH_SPACE", hint });
