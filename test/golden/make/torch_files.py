# Small files of torch.save in both of its formats, and what is in them: test/golden/torch-file/*.
#   python test/golden/make/torch_files.py test/golden
import collections, json, os, sys, zipfile
import torch

out = os.path.join(sys.argv[1], "torch-file")
os.makedirs(out, exist_ok=True)
torch.manual_seed(0)
expected = {}


def numbers(t):
    t = t.detach().contiguous()
    if t.dtype in (torch.float16, torch.bfloat16):
        return [int(x) & 0xFFFF for x in t.view(torch.int16).flatten().tolist()]
    if t.dtype == torch.bool:
        return [int(x) for x in t.flatten().tolist()]
    return t.flatten().tolist()


def flat(value, path=""):
    if isinstance(value, torch.Tensor):
        return {path: {"dtype": str(value.dtype).removeprefix("torch."), "shape": list(value.shape), "data": numbers(value)}}
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, (list, tuple)) else ()
    found = {}
    for key, item in items:
        found.update(flat(item, f"{path}.{key}" if path else str(key)))
    return found


def save(name, value, **options):
    torch.save(value, os.path.join(out, name), **options)
    expected[name] = flat(value)


dtypes = [torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool]
every = {str(d).removeprefix("torch."): (torch.arange(6).reshape(2, 3) - (0 if d in (torch.uint8, torch.bool) else 2)).to(d) for d in dtypes}
base = torch.arange(24, dtype=torch.float32).reshape(2, 3, 4)
views = collections.OrderedDict(
    whole=base,
    transposed=base.transpose(0, 2),
    column=base[:, 1, ::2],
    tail=base[1],
    expanded=torch.tensor([1.5]).expand(3, 2),
    scalar=torch.tensor(7.25),
    empty=torch.zeros(0, 3),
    halves=torch.arange(6, dtype=torch.float16).reshape(2, 3).t(),
)
module = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.LayerNorm(2))
checkpoint = {
    "epoch": 3,
    "lr": 1e-3,
    "big": 2**70,
    "name": "snli \u00e9",
    "flags": [True, False, None],
    "device": torch.device("cpu"),
    "size": base.shape,
    "dtype": torch.float32,
    "state_dict": module.state_dict(),
    "parameters": [torch.nn.Parameter(torch.ones(2)), (torch.zeros(1, dtype=torch.int64),)],
    "optimizer": {"state": {0: {"step": torch.tensor(4.0)}}, "param_groups": [{"betas": (0.9, 0.999), "params": [0, 1]}]},
}
for suffix, options in (("zip", {}), ("legacy", {"_use_new_zipfile_serialization": False})):
    save(f"dtypes.{suffix}.pt", every, **options)
    save(f"views.{suffix}.pt", views, **options)
    save(f"checkpoint.{suffix}.pt", checkpoint, **options)
save("protocol4.zip.pt", checkpoint, pickle_protocol=4)
save("single.zip.pt", torch.arange(3))
save("list.zip.pt", [torch.arange(2), torch.arange(3)])

# The same members packed: torch never does, other tools may.
with zipfile.ZipFile(os.path.join(out, "views.zip.pt")) as source, zipfile.ZipFile(os.path.join(out, "deflated.zip.pt"), "w", zipfile.ZIP_DEFLATED) as packed:
    for info in source.infolist():
        packed.writestr(zipfile.ZipInfo(info.filename), source.read(info.filename), zipfile.ZIP_DEFLATED)
expected["deflated.zip.pt"] = expected["views.zip.pt"]


# Names of code: to be refused. Nothing here does harm when it is loaded.
class Harmless:
    def __reduce__(self):
        return (print, ("executed",))


torch.save({"a": Harmless()}, os.path.join(out, "unsafe-call.zip.pt"))
torch.save({"a": Harmless()}, os.path.join(out, "unsafe-call.legacy.pt"), _use_new_zipfile_serialization=False)
torch.save(module, os.path.join(out, "unsafe-module.zip.pt"))
torch.save({"a": torch.zeros(2, dtype=torch.complex64)}, os.path.join(out, "complex.zip.pt"))
torch.save({"a": torch.zeros(2).to_sparse()}, os.path.join(out, "sparse.zip.pt"))
torch.save({"a": torch.zeros(2, dtype=torch.uint16)}, os.path.join(out, "uint16.zip.pt"))
with open(os.path.join(out, "expected.json"), "w") as f:
    json.dump({"torch": torch.__version__, "files": expected}, f, separators=(",", ":"))
    f.write("\n")
