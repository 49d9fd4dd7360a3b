"""LeNet-5, ResNet, Inception v3."""
import torch
from torch import nn
from torch.nn import functional as F


class LeNet5(nn.Module):
    """LeCun et al., Proc IEEE 1998, for 28 x 28 pixels."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(1, 6, 5, padding=2), nn.Tanh(), nn.AvgPool2d(2), nn.Conv2d(6, 16, 5),
                                  nn.Tanh(), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(400, 120), nn.Tanh(),
                                  nn.Linear(120, 84), nn.Tanh(), nn.Linear(84, 10))

    def forward(self, x):
        return F.softmax(self.body(x), 1)


class Bottleneck(nn.Module):
    def __init__(self, ic, c, stride, dilation=1):
        super().__init__()
        # Stride in the 1 x 1 convolution, as He et al. published it.
        self.body = nn.Sequential(nn.Conv2d(ic, c, 1, stride, bias=False), nn.BatchNorm2d(c), nn.ReLU(),
                                  nn.Conv2d(c, c, 3, 1, dilation, dilation, bias=False), nn.BatchNorm2d(c), nn.ReLU(),
                                  nn.Conv2d(c, 4 * c, 1, bias=False), nn.BatchNorm2d(4 * c))
        self.side = nn.Identity() if ic == 4 * c and stride == 1 else nn.Sequential(
            nn.Conv2d(ic, 4 * c, 1, stride, bias=False), nn.BatchNorm2d(4 * c))

    def forward(self, x):
        return F.relu(self.body(x) + self.side(x))


class ResNetTrunk(nn.Module):
    """He et al., CVPR 2016; the last stage may keep the stride of the one before it (R-FCN)."""

    def __init__(self, layers, width=64, last_stride=2, stages=4):
        super().__init__()
        body = [nn.Conv2d(3, width, 7, 2, 3, bias=False), nn.BatchNorm2d(width), nn.ReLU(), nn.MaxPool2d(3, 2, 1)]
        c, self.stages = width, nn.ModuleList()
        for stage, count in enumerate(layers[:stages]):
            out = width << stage
            for i in range(count):
                stride = 1 if i or not stage else 2 if stage < 3 else last_stride
                body.append(Bottleneck(c, out, stride, 2 if stage == 3 and last_stride == 1 else 1))
                c = 4 * out
            self.stages.append(nn.Sequential(*body))
            body = []
        self.channels = c

    def forward(self, x):
        found = []
        for stage in self.stages:
            x = stage(x)
            found.append(x)
        return found


class ResNet(nn.Module):
    def __init__(self, layers=(3, 4, 6, 3), width=64, classes=1000):
        super().__init__()
        self.trunk = ResNetTrunk(layers, width)
        self.head = nn.Linear(self.trunk.channels, classes)

    def forward(self, x):
        return self.head(torch.flatten(F.adaptive_avg_pool2d(self.trunk(x)[-1], 1), 1))


def unit(ic, oc, k, s=1, p=0):
    return nn.Sequential(nn.Conv2d(ic, oc, k, s, p, bias=False), nn.BatchNorm2d(oc, eps=1e-3), nn.ReLU())


class Branches(nn.Module):
    """Several ways from one input, side by side."""

    def __init__(self, *ways):
        super().__init__()
        self.ways = nn.ModuleList(ways)

    def forward(self, x):
        return torch.cat([way(x) for way in self.ways], 1)


class Average(nn.Module):
    def forward(self, x):
        return F.avg_pool2d(x, 3, 1, 1)


class Inception3(nn.Module):
    """Szegedy et al., CVPR 2016, without the auxiliary head; width scales all channels."""

    def __init__(self, width=1.0, classes=1000):
        super().__init__()

        def n(c):
            return max(4, int(c * width) // 4 * 4)
        self.n = n
        stem = [unit(3, n(32), 3, 2), unit(n(32), n(32), 3), unit(n(32), n(64), 3, 1, 1), nn.MaxPool2d(3, 2),
                unit(n(64), n(80), 1), unit(n(80), n(192), 3), nn.MaxPool2d(3, 2)]
        c, body = n(192), []
        for pool in (32, 64, 64):
            body.append(self.block_a(c, pool))
            c = n(64) + n(64) + n(96) + n(pool)
        body.append(Branches(unit(c, n(384), 3, 2), nn.Sequential(unit(c, n(64), 1), unit(n(64), n(96), 3, 1, 1),
                                                                  unit(n(96), n(96), 3, 2)), nn.MaxPool2d(3, 2)))
        c += n(384) + n(96)
        for mid in (128, 160, 160, 192):
            body.append(self.block_c(c, mid))
            c = 4 * n(192)
        body.append(Branches(nn.Sequential(unit(c, n(192), 1), unit(n(192), n(320), 3, 2)),
                             nn.Sequential(unit(c, n(192), 1), unit(n(192), n(192), (1, 7), 1, (0, 3)),
                                           unit(n(192), n(192), (7, 1), 1, (3, 0)), unit(n(192), n(192), 3, 2)),
                             nn.MaxPool2d(3, 2)))
        c += n(320) + n(192)
        for _ in range(2):
            body.append(self.block_e(c))
            c = n(320) + 4 * n(384) + n(192)
        self.body, self.head = nn.Sequential(*stem, *body), nn.Linear(c, classes)

    def block_a(self, c, pool):
        n = self.n
        return Branches(unit(c, n(64), 1), nn.Sequential(unit(c, n(48), 1), unit(n(48), n(64), 5, 1, 2)),
                        nn.Sequential(unit(c, n(64), 1), unit(n(64), n(96), 3, 1, 1), unit(n(96), n(96), 3, 1, 1)),
                        nn.Sequential(Average(), unit(c, n(pool), 1)))

    def block_c(self, c, mid):
        n = self.n
        m, o = n(mid), n(192)
        return Branches(unit(c, o, 1),
                        nn.Sequential(unit(c, m, 1), unit(m, m, (1, 7), 1, (0, 3)), unit(m, o, (7, 1), 1, (3, 0))),
                        nn.Sequential(unit(c, m, 1), unit(m, m, (7, 1), 1, (3, 0)), unit(m, m, (1, 7), 1, (0, 3)),
                                      unit(m, m, (7, 1), 1, (3, 0)), unit(m, o, (1, 7), 1, (0, 3))),
                        nn.Sequential(Average(), unit(c, o, 1)))

    def block_e(self, c):
        n = self.n

        def fork():
            return Branches(unit(n(384), n(384), (1, 3), 1, (0, 1)), unit(n(384), n(384), (3, 1), 1, (1, 0)))
        return Branches(unit(c, n(320), 1), nn.Sequential(unit(c, n(384), 1), fork()),
                        nn.Sequential(unit(c, n(448), 1), unit(n(448), n(384), 3, 1, 1), fork()),
                        nn.Sequential(Average(), unit(c, n(192), 1)))

    def forward(self, x):
        return self.head(torch.flatten(F.adaptive_avg_pool2d(self.body(x), 1), 1))
