// Each way to end a process while a device has work queued again and again: what goes wrong there goes wrong now and then.
import { deviceExits } from "./device-exits.js";

await deviceExits(5);
