// Each way to end a process while a run is in flight again and again: what goes wrong there goes wrong now and then.
import { exits } from "./exits.js";

exits(() => 5);
