"""torch-fidelity's Inception-v3 on request: fidelity.py FOLDER weights | THREADS.

The first call makes random weights; the second answers as orchestrator/benches/engine/on_request.rs says. Needs torch,
torch-fidelity, numpy and safetensors; only the module of the network is imported, as the rest asks for torchvision.
"""

import importlib.util
import pathlib
import sys
import time
import types

import numpy as np
import torch
from safetensors.torch import load_file, save_file

BLOCK = 64


def network():
    """The network as it is before weights are read: the constructor knows no other way."""
    package = types.ModuleType("torch_fidelity")
    package.__path__ = importlib.util.find_spec("torch_fidelity").submodule_search_locations
    sys.modules["torch_fidelity"] = package
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3 as Network

    read, torch.load = torch.load, lambda *_, **__: {}
    load, Network.load_state_dict = Network.load_state_dict, lambda *_, **__: None
    made = Network("inception", ["2048"], feature_extractor_weights_path="none")
    torch.load, Network.load_state_dict = read, load
    return made.eval()


def main():
    folder, what = pathlib.Path(sys.argv[1]), sys.argv[2]
    file = folder / "inception.safetensors"
    if what == "weights":
        torch.manual_seed(0)
        made = network()
        for part in made.modules():
            # As drawn by default, features would fade to nothing from layer to layer.
            if isinstance(part, torch.nn.Conv2d):
                torch.nn.init.kaiming_normal_(part.weight)
        save_file({name: value.float().contiguous() for name, value in made.state_dict().items()}, file)
        return
    torch.set_num_threads(int(what))
    looks = network()
    looks.load_state_dict(load_file(file), strict=False)
    count = BLOCK * 3 * 32 * 32
    pixels = (np.arange(count, dtype=np.uint64) * 2654435761 % 2**32 >> np.uint64(24)).astype(np.uint8)
    images = torch.from_numpy(pixels.reshape(BLOCK, 3, 32, 32))
    rows = []

    def look():
        with torch.no_grad():
            found = looks(images)[0].numpy()
        rows.append(found)
        return found

    print(f"torch-fidelity {look().astype(np.float64).mean()}", flush=True)
    for line in sys.stdin:
        start, done = time.perf_counter(), 0
        rows.clear()
        while time.perf_counter() - start < float(line):
            look()
            done += BLOCK
        # The statistics of what it saw, as the package takes them.
        seen = np.concatenate(rows)
        np.mean(seen, axis=0), np.cov(seen, rowvar=False)
        print(done / (time.perf_counter() - start), flush=True)
    peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM:"))
    print(int(peak.split()[1]) / 1024, flush=True)


main()
