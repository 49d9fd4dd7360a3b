"""R-FCN on ResNet-101; its region operators become hilum.Proposal and hilum.PsRoiPool in ONNX."""
import torch
from torch import nn
from torch.nn import functional as F

from torch_nets import regions
from torch_nets.classification import ResNetTrunk

RATIOS, SCALES, STRIDE = (0.5, 1.0, 2.0), (8.0, 16.0, 32.0), 16


class Proposal(torch.autograd.Function):
    @staticmethod
    def forward(ctx, scores, deltas, image, post):
        rois, found = regions.propose(scores.numpy(), deltas.numpy(), image.numpy(), STRIDE, RATIOS, SCALES, post=post)
        return torch.from_numpy(rois), torch.from_numpy(found)

    @staticmethod
    def symbolic(g, scores, deltas, image, post):
        return g.op('hilum::Proposal', scores, deltas, image, outputs=2, feature_stride_i=STRIDE, ratios_f=RATIOS,
                    scales_f=SCALES, post_nms_top_n_i=post)


class PsRoiPool(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, rois, group):
        return torch.from_numpy(regions.pool(x.numpy(), rois.numpy(), group, 1 / STRIDE))

    @staticmethod
    def symbolic(g, x, rois, group):
        return g.op('hilum::PsRoiPool', x, rois, group_size_i=group, spatial_scale_f=1 / STRIDE)


class Rfcn(nn.Module):
    """Dai et al., NIPS 2016: regions from the fourth stage, scores and boxes by vote of their bins."""

    def __init__(self, layers=(3, 4, 23, 3), width=64, classes=21, group=7, post=300):
        super().__init__()
        self.trunk, self.group, self.post = ResNetTrunk(layers, width, last_stride=1), group, post
        c, a = self.trunk.channels, len(RATIOS) * len(SCALES)
        self.rpn = nn.Sequential(nn.Conv2d(c // 2, 8 * width, 3, padding=1), nn.ReLU())
        self.rpn_scores, self.rpn_deltas = nn.Conv2d(8 * width, 2 * a, 1), nn.Conv2d(8 * width, 4 * a, 1)
        self.fit = nn.Sequential(nn.Conv2d(c, 16 * width, 1), nn.ReLU())
        self.scores = nn.Conv2d(16 * width, classes * group**2, 1)
        self.boxes = nn.Conv2d(16 * width, 8 * group**2, 1)

    def forward(self, x, image):
        stages = self.trunk(x)
        shared = self.rpn(stages[2])
        raw = self.rpn_scores(shared)
        n, a2, h, w = raw.shape
        scores = F.softmax(raw.reshape(n, 2, -1, w), 1).reshape(n, a2, h, w)
        rois, _ = Proposal.apply(scores, self.rpn_deltas(shared) * 0.1, image, self.post)
        top = self.fit(stages[3])
        votes = PsRoiPool.apply(self.scores(top), rois, self.group).mean((2, 3))
        boxes = PsRoiPool.apply(self.boxes(top), rois, self.group).mean((2, 3))
        return rois, F.softmax(votes, 1), boxes
