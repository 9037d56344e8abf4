"""Makes lpips.safetensors with PyTorch: `python lpips.py` (torch, numpy, safetensors).

The weights come from a formula, so that the file holds images and results alone: with h = CRC32(name) and element i in
row-major order, z = SplitMix64 of (i + h G), u = (z >> 40) / 2^24 - 1/2; kernels are u sqrt(24 / fan-in), biases 0.2 u,
and the weights of the distance u + 1/2.
"""

import zlib

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.numpy import save_file

STAGES = [(64, [0, 2]), (128, [5, 7]), (256, [10, 12, 14]), (512, [17, 19, 21]), (512, [24, 26, 28])]


def uniform(name, shape):
    g = np.uint64(0x9E3779B97F4A7C15)
    with np.errstate(over="ignore"):
        z = np.arange(np.prod(shape), dtype=np.uint64) + np.uint64(zlib.crc32(name.encode())) * g + g
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z ^= z >> np.uint64(31)
    u = (z >> np.uint64(40)).astype(np.float64) / 2.0**24 - 0.5
    return torch.from_numpy(u.reshape(shape))


def single(tensor):
    return tensor.to(torch.float32).to(torch.float64)


def features(image):
    shift = torch.tensor([-0.030, -0.088, -0.188], dtype=torch.float64).view(1, 3, 1, 1)
    scale = torch.tensor([0.458, 0.448, 0.450], dtype=torch.float64).view(1, 3, 1, 1)
    h, inputs = (image - shift) / scale, 3
    for stage, (width, layers) in enumerate(STAGES):
        if stage > 0:
            h = F.max_pool2d(h, 2)
        for layer in layers:
            kernel = single(uniform(f"features.{layer}.weight", (width, inputs, 3, 3)) * (24 / (9 * inputs)) ** 0.5)
            bias = single(uniform(f"features.{layer}.bias", (width,)) * 0.2)
            h, inputs = F.relu(F.conv2d(h, kernel, bias, padding=1)), width
        yield stage, width, h / (h.square().sum(1, keepdim=True).sqrt() + 1e-10)


def distance(a, b):
    total = 0
    for (stage, width, fa), (_, _, fb) in zip(features(a), features(b)):
        weight = single(uniform(f"lin{stage}.model.1.weight", (1, width, 1, 1)) + 0.5)
        total = total + F.conv2d((fa - fb).square(), weight).mean((2, 3)).squeeze(1)
    return total


def to_nhwc(tensor):
    return tensor.detach().permute(0, 2, 3, 1).contiguous().numpy().astype(np.float32)


a = single(2 * uniform("in/a", (2, 3, 32, 32))).requires_grad_()
b = single(a.detach() + 0.3 * uniform("in/b", (2, 3, 32, 32)))
plain = distance(a, b)
plain.sum().backward()
grown = [F.interpolate(x[:1].detach(), size=(224, 224), mode="bilinear", align_corners=False) for x in (a, b)]
save_file(
    {
        "in/a": to_nhwc(a),
        "in/b": to_nhwc(b),
        "out/distance": distance(*grown).numpy().astype(np.float32),
        "out/unresized": plain.detach().numpy().astype(np.float32),
        "out/unresized_gradient": to_nhwc(a.grad),
    },
    "lpips.safetensors",
)
print(plain, distance(*grown), a.grad.abs().mean())
