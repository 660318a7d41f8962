// The table of all training arguments: the type, the checks, the page, files and the command line are made from it.
import type { InputOf, ValuesOf } from "../argument.js";
import { loopArguments } from "./loop.js";
import { surroundingArguments } from "./surroundings.js";
import { watchingArguments } from "./watching.js";

export const trainingArgumentTable = { ...loopArguments, ...watchingArguments, ...surroundingArguments } as const;

export type TrainingArgumentName = keyof typeof trainingArgumentTable;
/** The values of all training arguments. */
export type TrainingArgumentValues = ValuesOf<typeof trainingArgumentTable>;
/** What may be given for them. */
export type TrainingArgumentInput = InputOf<typeof trainingArgumentTable>;
