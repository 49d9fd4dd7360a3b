"""The networks by name: module, inputs, and how both become an ONNX file."""
import dataclasses

import numpy as np
import torch
from torch import nn

from torch_nets.classification import Inception3, LeNet5, ResNet
from torch_nets.detection import Rfcn
from torch_nets.segmentation import DenseUNet, UNet, VNet


@dataclasses.dataclass(frozen=True)
class Entry:
    make: object    # full network
    shape: tuple    # of its input
    small: object   # the same kind with fewer channels, for tests
    small_shape: tuple
    about: str


CATALOGUE = {
    'lenet5': Entry(LeNet5, (1, 1, 28, 28), LeNet5, (1, 1, 28, 28), 'LeNet-5'),
    'unet2d': Entry(UNet, (1, 1, 256, 256), lambda: UNet(base=8, depth=4), (1, 1, 64, 48), 'U-Net 2-D'),
    'dense_unet': Entry(DenseUNet, (1, 1, 256, 256), lambda: DenseUNet((2, 3, 2, 2), 16), (1, 1, 64, 96),
                        'Dense U-Net'),
    'resnet50': Entry(ResNet, (1, 3, 224, 224), lambda: ResNet((2, 2, 2, 2), 16, 10), (2, 3, 64, 80), 'ResNet-50'),
    'inception3': Entry(Inception3, (1, 3, 299, 299), lambda: Inception3(0.125, 10), (1, 3, 171, 139), 'Inception v3'),
    'unet3d': Entry(lambda: UNet(3, 32, 4), (1, 1, 96, 96, 96), lambda: UNet(3, 8, 3), (1, 1, 16, 24, 16), 'U-Net 3-D'),
    'vnet': Entry(VNet, (1, 1, 64, 64, 64), lambda: VNet(8, 3), (1, 1, 16, 16, 24), 'V-Net'),
    'rfcn': Entry(Rfcn, (1, 3, 600, 800), lambda: Rfcn((1, 1, 2, 1), 16, 5, 3, 20), (1, 3, 192, 256),
                  'R-FCN, ResNet-101'),
}


def settle(model, inputs, rounds=2):
    """Weights as He et al. draw them, and normalisation by what really flows: activations stay near one."""
    for m in model.modules():
        if isinstance(m, (nn.Conv2d, nn.Conv3d, nn.Linear)):
            nn.init.kaiming_normal_(m.weight)
        if isinstance(m, (nn.BatchNorm2d, nn.BatchNorm3d)):
            m.momentum = None
            nn.init.uniform_(m.weight, 0.7, 1.3)
            nn.init.normal_(m.bias, 0, 0.2)
    model.train()
    with torch.no_grad():
        for _ in range(rounds):
            model(*inputs)
    return model.eval()


def inputs_of(name, shape, seed):
    """Smooth blobs and noise, as images have; R-FCN wants to know how large they are, too."""
    rng = np.random.default_rng(seed)
    x = torch.from_numpy(rng.standard_normal(shape).astype('f'))
    coarse = torch.from_numpy(rng.standard_normal([*shape[:2], *[max(2, n // 16) for n in shape[2:]]]).astype('f'))
    mode = 'trilinear' if len(shape) == 5 else 'bilinear'
    x = 0.3 * x + nn.functional.interpolate(coarse, shape[2:], mode=mode, align_corners=False)
    image = torch.tensor([[float(shape[2]), float(shape[3]), 1.0]] * shape[0])
    return (x, image) if name == 'rfcn' else (x,)


def make(name, small=False, seed=1):
    """The module in evaluation mode, and one set of inputs."""
    entry = CATALOGUE[name]
    shape = entry.small_shape if small else entry.shape
    torch.manual_seed(seed)
    model = (entry.small if small else entry.make)()
    # Whatever the size, means and variances are much the same: learn them on less.
    cut = [*shape[:2], *[min(n, 224 if len(shape) == 4 else 32) for n in shape[2:]]]
    model = settle(model, inputs_of(name, shape if small else cut, seed + 1))
    return model, inputs_of(name, shape, seed + 2)


def export(model, inputs, path, opset=13):
    """Normalisation stays as it is in the module: to fold it is the engine's work."""
    outputs = ['rois', 'scores', 'boxes'] if isinstance(model, Rfcn) else ['y']
    torch.onnx.export(model, inputs, str(path), opset_version=opset, input_names=['x', 'image'][:len(inputs)],
                      output_names=outputs, training=torch.onnx.TrainingMode.PRESERVE, do_constant_folding=False,
                      custom_opsets={'hilum': 1} if isinstance(model, Rfcn) else None)
