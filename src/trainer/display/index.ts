// What a run shows: its bar, its lines, its tables, its curves.
export { plotHistory } from "./plot.js";
