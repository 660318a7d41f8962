// Each way to end a process while a run is in flight once, that in which the moment counts at three of them.
import { exits } from "./exits.js";

exits((mode) => (mode === "creating" ? 3 : 1));
