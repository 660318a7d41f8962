"""The Python side of bench/barrier.ts: torchrun --standalone --nproc-per-node 2 bench/peers/barrier.py [--crash]"""
import sys, time
import torch.distributed as dist

dist.init_process_group("gloo")
if "--crash" in sys.argv:
    dist.barrier()
    if dist.get_rank() == dist.get_world_size() - 1:
        raise RuntimeError(f"crashed at {int(time.time() * 1e3)}")
dist.barrier()
if dist.get_rank() == 0:
    print("all are here")
dist.destroy_process_group()
