"""U-Net in two and three dimensions, Dense U-Net, V-Net."""
import torch
from torch import nn

CONV = {2: nn.Conv2d, 3: nn.Conv3d}
DECONV = {2: nn.ConvTranspose2d, 3: nn.ConvTranspose3d}
NORM = {2: nn.BatchNorm2d, 3: nn.BatchNorm3d}
POOL = {2: nn.MaxPool2d, 3: nn.MaxPool3d}


def conv_bn_relu(nd, ic, oc, k=3, s=1):
    return nn.Sequential(CONV[nd](ic, oc, k, s, k // 2, bias=False), NORM[nd](oc), nn.ReLU())


class UNet(nn.Module):
    """Ronneberger et al., MICCAI 2015, and Cicek et al., MICCAI 2016; padded, with BatchNorm."""

    def __init__(self, nd=2, base=32, depth=5, channels=1, classes=2):
        super().__init__()
        widths = [base << i for i in range(depth)]
        self.pool = POOL[nd](2)
        self.down = nn.ModuleList(self.block(nd, ic, oc) for ic, oc in zip([channels] + widths, widths))
        self.up = nn.ModuleList(DECONV[nd](2 * w, w, 2, 2) for w in widths[:-1])
        self.merge = nn.ModuleList(self.block(nd, 2 * w, w) for w in widths[:-1])
        self.head = CONV[nd](base, classes, 1)

    @staticmethod
    def block(nd, ic, oc):
        return nn.Sequential(conv_bn_relu(nd, ic, oc), conv_bn_relu(nd, oc, oc))

    def forward(self, x):
        skips = []
        for i, down in enumerate(self.down):
            x = down(self.pool(x) if i else x)
            skips.append(x)
        for i in reversed(range(len(self.up))):
            x = self.merge[i](torch.cat([skips[i], self.up[i](x)], 1))
        return self.head(x)


class DenseLayer(nn.Module):
    def __init__(self, c, growth):
        super().__init__()
        self.body = nn.Sequential(nn.BatchNorm2d(c), nn.ReLU(), nn.Conv2d(c, 4 * growth, 1, bias=False),
                                  nn.BatchNorm2d(4 * growth), nn.ReLU(),
                                  nn.Conv2d(4 * growth, growth, 3, padding=1, bias=False))

    def forward(self, x):
        return torch.cat([x, self.body(x)], 1)


class DenseUNet(nn.Module):
    """An encoder of dense blocks (Huang et al., CVPR 2017), a decoder that resamples and concatenates
    (the 2-D part of H-DenseUNet, Li et al., IEEE Trans Med Imaging 2018)."""

    def __init__(self, blocks=(6, 12, 24, 16), growth=32, channels=1, classes=2):
        super().__init__()
        c = 2 * growth
        self.stem, self.blocks, self.shrink = conv_bn_relu(2, channels, c, 7, 2), nn.ModuleList(), nn.ModuleList()
        skips = [c]
        for i, layers in enumerate(blocks):
            self.blocks.append(nn.Sequential(*[DenseLayer(c + k * growth, growth) for k in range(layers)]))
            c += layers * growth
            skips.append(c)
            if i + 1 < len(blocks):
                self.shrink.append(nn.Sequential(nn.BatchNorm2d(c), nn.ReLU(), nn.Conv2d(c, c // 2, 1, bias=False),
                                                 nn.AvgPool2d(2)))
                c //= 2
        self.pool, self.up, self.merge = nn.MaxPool2d(3, 2, 1), nn.Upsample(scale_factor=2), nn.ModuleList()
        for i, skip in enumerate(reversed(skips[:-1])):
            width = growth * max(2, (16 >> i))
            self.merge.append(conv_bn_relu(2, c + skip, width))
            c = width
        self.last = conv_bn_relu(2, c, 2 * growth)
        self.head = nn.Conv2d(2 * growth, classes, 1)

    def forward(self, x):
        x = self.stem(x)
        skips = [x]
        x = self.pool(x)
        for i, block in enumerate(self.blocks):
            x = block(x)
            if i + 1 < len(self.blocks):
                skips.append(x)
                x = self.shrink[i](x)
        for merge, skip in zip(self.merge, reversed(skips)):
            x = merge(torch.cat([self.up(x), skip], 1))
        return self.head(self.last(self.up(x)))


class VNet(nn.Module):
    """Milletari et al., 3DV 2016: residual blocks of 5 x 5 x 5 convolutions, PReLU a channel."""

    def __init__(self, base=16, depth=5, convs=(1, 2, 3, 3, 3), classes=2):
        super().__init__()
        widths = [base << i for i in range(depth)]
        self.first, self.down, self.left = nn.Conv3d(1, base, 5, padding=2), nn.ModuleList(), nn.ModuleList()
        self.up, self.right = nn.ModuleList(), nn.ModuleList()
        for i, w in enumerate(widths):
            self.left.append(self.block(w, w, convs[i]))
            if i:
                self.down.append(nn.Sequential(nn.Conv3d(w // 2, w, 2, 2), nn.PReLU(w)))
        for i in range(depth - 1):
            self.up.append(nn.Sequential(nn.ConvTranspose3d(widths[i + 1], widths[i], 2, 2), nn.PReLU(widths[i])))
            self.right.append(self.block(2 * widths[i], widths[i], convs[i]))
        self.fit = nn.ModuleList(nn.Conv3d(2 * w, w, 1) for w in widths[:-1])
        self.relu = nn.ModuleList(nn.PReLU(w) for w in widths + widths[:-1])
        self.head = nn.Conv3d(base, classes, 1)

    @staticmethod
    def block(ic, oc, count):
        layers = []
        for i in range(count):
            layers += [nn.Conv3d(oc if i else ic, oc, 5, padding=2), nn.BatchNorm3d(oc)]
            layers += [nn.PReLU(oc)] if i + 1 < count else []
        return nn.Sequential(*layers)

    def forward(self, x):
        x, skips = self.first(x), []
        for i, left in enumerate(self.left):
            x = self.down[i - 1](x) if i else x
            x = self.relu[i](left(x) + x)
            skips.append(x)
        for i in reversed(range(len(self.up))):
            y = torch.cat([self.up[i](x), skips[i]], 1)
            x = self.relu[len(self.left) + i](self.right[i](y) + self.fit[i](y))
        return self.head(x)
