"""
A Dense U-Net for 2-D cine MR.

Every block is Conv-BN-ReLU, so that BN folds into the convolution; channels are multiples of 8.
Two thin levels carry the full resolution, dense blocks the four below; nearest-neighbour upsampling goes up.
Input [n][1][y][x], y and x multiples of 16; output logits [n][classes][y][x].
"""
import torch
from torch import nn


def conv(inputs, outputs, kernel=3, stride=1):
    return nn.Sequential(nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False),
                         nn.BatchNorm2d(outputs), nn.ReLU())


class Dense(nn.Module):
    """Each layer sees all before it."""

    def __init__(self, inputs, growth, layers):
        super().__init__()
        self.layers = nn.ModuleList(conv(inputs + i * growth, growth) for i in range(layers))
        self.outputs = inputs + growth * layers

    def forward(self, x):
        for layer in self.layers:
            x = torch.cat((x, layer(x)), 1)
        return x


class Up(nn.Module):
    """Fewer channels by 1x1, twice as large by repeating pixels, then mixed with the skip."""

    def __init__(self, inputs, skip, outputs):
        super().__init__()
        self.squeeze = conv(inputs, outputs, 1)
        self.up = nn.Upsample(scale_factor=2, mode='nearest')
        self.mix = conv(outputs + skip, outputs)

    def forward(self, x, skip):
        return self.mix(torch.cat((self.up(self.squeeze(x)), skip), 1))


class DenseUNet(nn.Module):
    def __init__(self, classes=2):
        super().__init__()
        self.stem = nn.Sequential(conv(1, 16), conv(16, 16))
        self.down = conv(16, 32, stride=2)
        self.dense1 = Dense(32, 16, 3)
        self.squeeze1 = conv(self.dense1.outputs, 48, 1)
        self.dense2 = Dense(48, 24, 4)
        self.squeeze2 = conv(self.dense2.outputs, 72, 1)
        self.dense3 = Dense(72, 32, 4)
        self.squeeze3 = conv(self.dense3.outputs, 96, 1)
        self.dense4 = Dense(96, 40, 4)
        self.squeeze4 = conv(self.dense4.outputs, 128, 1)
        self.drop = nn.Dropout2d(0.1)
        self.pool = nn.MaxPool2d(2)
        self.up3 = Up(128, 96, 64)
        self.up2 = Up(64, 72, 48)
        self.up1 = Up(48, 48, 32)
        self.up0 = Up(32, 16, 16)
        self.head = nn.Conv2d(16, classes, 1)

    def forward(self, x):
        full = self.stem(x)
        half = self.squeeze1(self.dense1(self.down(full)))
        quarter = self.squeeze2(self.dense2(self.pool(half)))
        eighth = self.squeeze3(self.dense3(self.pool(quarter)))
        deep = self.drop(self.squeeze4(self.dense4(self.pool(eighth))))
        x = self.up3(deep, eighth)
        x = self.up2(x, quarter)
        x = self.up1(x, half)
        return self.head(self.up0(x, full))


def count_parameters(net):
    return sum(p.numel() for p in net.parameters())
