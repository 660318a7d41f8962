// Each way to end a process while a device has work queued, once.
import { deviceExits } from "./device-exits.js";

await deviceExits(1);
