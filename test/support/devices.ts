// Which devices besides the host this machine has for tests. A machine without GPU and driver runs WebGPU on SwiftShader, which Chromium ships (Debian: chromium, libvulkan1).
import { existsSync } from "node:fs";
import { type Device, Engine, type EngineError, parseDevice } from "../../src/runtime/index.js";

const swiftshader = "/usr/lib/chromium/vk_swiftshader_icd.json";

/** The environment in which WebGPU works here: as it is where a Vulkan driver is named or the machine has a GPU's device file, else with SwiftShader. */
export const vulkanEnvironment: { readonly [name: string]: string } =
  process.env.VK_ICD_FILENAMES || process.env.VK_DRIVER_FILES || existsSync("/dev/dri") || existsSync("/dev/nvidia0") || !existsSync(swiftshader)
    ? {}
    : { VK_ICD_FILENAMES: swiftshader };

export interface TestDevice {
  readonly device: Device;
  /** Why there is none; false where there is. */
  readonly skip: string | false;
  /** Kernels do what they say; false on a double of CUDA (TEST_CUDA_DOUBLE=1), whose memory and copies are real only. */
  readonly computes: boolean;
}

/** Opens each device once to see whether it is there. */
export async function testDevices(types: readonly ("webgpu" | "cuda")[] = ["webgpu", "cuda"]): Promise<readonly TestDevice[]> {
  // The loader reads its environment when the first device is opened.
  Object.assign(process.env, vulkanEnvironment);
  return Promise.all(
    types.map(async (type) => {
      const device = parseDevice(type);
      const computes = type !== "cuda" || process.env.TEST_CUDA_DOUBLE !== "1";
      try {
        const context = await Engine.default().openDevice(device);
        await context.close();
        return { device, computes, skip: false as const };
      } catch (error) {
        return { device, computes, skip: (error as EngineError).message };
      }
    }),
  );
}
