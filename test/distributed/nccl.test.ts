// NVIDIA's own NCCL answers through the addon, also on a machine without a GPU: its version, unique ids, and what is wrong.
import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, it } from "node:test";
import { openNccl } from "../../src/distributed/nccl/native-nccl.js";
import { cudaFiles } from "../doubles/build.js";

const files = cudaFiles();

describe("the real NCCL", { skip: typeof files === "string" ? files : false }, () => {
  it("tells its version, makes unique ids, and says why a communicator cannot be made", async () => {
    if (typeof files === "string") return;
    const library = openNccl({ nccl: [files.ncclLibrary], cuda: [join(files.lib, "libcudart.so.13")] });
    const { native } = library;
    assert.match(library.version, /^2\.\d+\.\d+$/);
    assert.ok(library.cudaVersion >= 13_000);
    const [one, other] = [native.uniqueId(), native.uniqueId()];
    assert.equal(one.length, 128);
    assert.notDeepEqual(one, other);
    const communicator = native.create(0, 0, 1);
    const made = await native.connect(communicator, one, 20_000).catch((error: Error & { readonly code: string }) => error);
    // Where there is a GPU, one rank is a group.
    if (made instanceof Error) {
      assert.equal(made.code, "ERR_NCCL");
      assert.match(made.message, /^cudaSetDevice: .* \(CUDA error \d+\)$/);
      assert.throws(() => native.busId(0), { code: "ERR_NCCL", message: /CUDA error/ });
      // It stays so.
      await assert.rejects(native.connect(communicator, other, 1000), { code: "ERR_NCCL" });
    }
    await native.close(communicator, 10_000);
    native.release(communicator);
  });
});
