"""Small PyTorch modules of many kinds, for exports that the engine has not seen: (module, inputs, dynamic axes)."""
import torch
from torch import nn
from torch.nn import functional as F


class Fn(nn.Module):
    """A function as a module."""

    def __init__(self, f, *parts):
        super().__init__()
        self.f, self.parts = f, nn.ModuleList(parts)

    def forward(self, *x):
        return self.f(*x, *self.parts)


class Block(nn.Module):
    """A block of a vision transformer, with PyTorch's own attention."""

    def __init__(self, c=32, heads=4):
        super().__init__()
        self.n1, self.n2 = nn.LayerNorm(c), nn.LayerNorm(c)
        self.attention = nn.MultiheadAttention(c, heads, batch_first=True)
        self.mlp = nn.Sequential(nn.Linear(c, 64), nn.GELU(), nn.Linear(64, c))

    def forward(self, x):
        y = self.n1(x)
        x = x + self.attention(y, y, y, need_weights=False)[0]
        return x + self.mlp(self.n2(x))


class ViT(nn.Module):
    def __init__(self, c=32, depth=2):
        super().__init__()
        self.embed, self.cls = nn.Conv2d(3, c, 8, 8), nn.Parameter(torch.randn(1, 1, c))
        self.place, self.blocks = nn.Parameter(torch.randn(1, 17, c)), nn.Sequential(*[Block(c) for _ in range(depth)])
        self.norm, self.head = nn.LayerNorm(c), nn.Linear(c, 5)

    def forward(self, x):
        x = self.embed(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.cls.expand(x.shape[0], -1, -1), x], 1) + self.place
        return self.head(self.norm(self.blocks(x))[:, 0])


class EinsumAttention(nn.Module):
    """As MONAI's UNETR has it: one projection, einsum for both products."""

    def __init__(self, c=24, heads=3):
        super().__init__()
        self.heads, self.qkv, self.out = heads, nn.Linear(c, 3 * c, bias=False), nn.Linear(c, c)

    def forward(self, x):
        b, n, c = x.shape
        q, k, v = self.qkv(x).reshape(b, n, 3, self.heads, c // self.heads).permute(2, 0, 3, 1, 4).unbind(0)
        scores = torch.einsum('blxd,blyd->blxy', q, k) * (c // self.heads) ** -.5
        y = torch.einsum('bhxy,bhyd->bhxd', scores.softmax(-1), v)
        return self.out(y.permute(0, 2, 1, 3).reshape(b, n, c))


class WindowAttention(nn.Module):
    """Swin: windows that are rolled, a bias by relative place."""

    def __init__(self, c=16, heads=2, window=4, shift=2):
        super().__init__()
        self.heads, self.window, self.shift = heads, window, shift
        self.qkv, self.out = nn.Linear(c, 3 * c), nn.Linear(c, c)
        self.bias = nn.Parameter(torch.randn((2 * window - 1) ** 2, heads))
        at = torch.stack(torch.meshgrid(torch.arange(window), torch.arange(window), indexing='ij')).flatten(1)
        apart = (at[:, :, None] - at[:, None, :]) + window - 1
        self.register_buffer('index', apart[0] * (2 * window - 1) + apart[1])

    def forward(self, x):
        b, h, w, c = x.shape
        s = self.window
        x = torch.roll(x, (-self.shift, -self.shift), (1, 2))
        x = x.view(b, h // s, s, w // s, s, c).permute(0, 1, 3, 2, 4, 5).reshape(-1, s * s, c)
        qkv = self.qkv(x).reshape(-1, s * s, 3, self.heads, c // self.heads).permute(2, 0, 3, 1, 4)
        q, k, v = qkv[0], qkv[1], qkv[2]
        a = (q * (c // self.heads) ** -.5) @ k.transpose(-2, -1)
        a = a + self.bias[self.index.view(-1)].view(s * s, s * s, -1).permute(2, 0, 1).unsqueeze(0)
        y = self.out((a.softmax(-1) @ v).transpose(1, 2).reshape(-1, s * s, c))
        y = y.view(b, h // s, w // s, s, s, c).permute(0, 1, 3, 2, 4, 5).reshape(b, h, w, c)
        return torch.roll(y, (self.shift, self.shift), (1, 2))


class SegResBlock(nn.Module):
    def __init__(self, nd, c):
        super().__init__()
        conv = nn.Conv3d if nd == 3 else nn.Conv2d
        self.body = nn.Sequential(nn.GroupNorm(4, c), nn.ReLU(inplace=True), conv(c, c, 3, 1, 1, bias=False),
                                  nn.GroupNorm(4, c), nn.ReLU(inplace=True), conv(c, c, 3, 1, 1, bias=False))

    def forward(self, x):
        return self.body(x) + x


class SegResNet(nn.Module):
    """MONAI's: GroupNorm before activation, trilinear upsampling, sums as skips."""

    def __init__(self, nd=3, c=8):
        super().__init__()
        conv, self.mode = (nn.Conv3d, 'trilinear') if nd == 3 else (nn.Conv2d, 'bilinear')
        self.first = conv(1, c, 3, 1, 1, bias=False)
        self.down = nn.ModuleList([SegResBlock(nd, c), nn.Sequential(conv(c, 2 * c, 3, 2, 1, bias=False), SegResBlock(nd, 2 * c)),
                                   nn.Sequential(conv(2 * c, 4 * c, 3, 2, 1, bias=False), SegResBlock(nd, 4 * c))])
        self.fit = nn.ModuleList([conv(4 * c, 2 * c, 1, bias=False), conv(2 * c, c, 1, bias=False)])
        self.up = nn.ModuleList([SegResBlock(nd, 2 * c), SegResBlock(nd, c)])
        self.head = nn.Sequential(nn.GroupNorm(4, c), nn.ReLU(), conv(c, 3, 1))

    def forward(self, x):
        x, skips = self.first(x), []
        for stage in self.down:
            x = stage(x)
            skips.append(x)
        for fit, up, skip in zip(self.fit, self.up, skips[-2::-1]):
            x = F.interpolate(fit(x), scale_factor=2, mode=self.mode, align_corners=False)
            x = up(x + skip)
        return self.head(x)


class NnUNet(nn.Module):
    """nnU-Net: instance normalisation, strided convolutions, heads at every scale."""

    def __init__(self, nd=3, base=8):
        super().__init__()
        self.conv, self.norm, self.deconv = ((nn.Conv3d, nn.InstanceNorm3d, nn.ConvTranspose3d) if nd == 3 else
                                             (nn.Conv2d, nn.InstanceNorm2d, nn.ConvTranspose2d))
        widths = [base, 2 * base, 4 * base]
        stem = [1, *widths[:-1]]
        self.down = nn.ModuleList(self.block(i, o, 2 if n else 1) for n, (i, o) in enumerate(zip(stem, widths)))
        self.up = nn.ModuleList(self.deconv(2 * w, w, 2, 2, bias=False) for w in widths[-2::-1])
        self.merge = nn.ModuleList(self.block(2 * w, w, 1) for w in widths[-2::-1])
        self.heads = nn.ModuleList(self.conv(w, 3, 1, bias=False) for w in widths[-2::-1])

    def block(self, i, o, s):
        return nn.Sequential(self.conv(i, o, 3, s, 1), self.norm(o, affine=True), nn.LeakyReLU(0.01, True),
                             self.conv(o, o, 3, 1, 1), self.norm(o, affine=True), nn.LeakyReLU(0.01, True))

    def forward(self, x):
        skips, heads = [], []
        for stage in self.down:
            x = stage(x)
            skips.append(x)
        for up, merge, head, skip in zip(self.up, self.merge, self.heads, skips[-2::-1]):
            x = merge(torch.cat([up(x), skip], 1))
            heads.append(head(x))
        return tuple(heads[::-1])


class AttentionUNet(nn.Module):
    """Gates over skips (Oktay et al., MIDL 2018), upsampled to the size of the skip."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Conv2d(1, 8, 3, 1, 1), nn.Conv2d(8, 16, 3, 2, 1)
        self.gx, self.gg, self.psi = nn.Conv2d(8, 4, 1), nn.Conv2d(16, 4, 1), nn.Conv2d(4, 1, 1)
        self.up, self.out = nn.Conv2d(16, 8, 1), nn.Conv2d(16, 2, 3, 1, 1)

    def forward(self, x):
        s = F.relu(self.a(x))
        d = F.relu(self.b(s))
        g = F.interpolate(self.gg(d), size=s.shape[2:], mode='bilinear', align_corners=True)
        gate = torch.sigmoid(self.psi(F.relu(self.gx(s) + g)))
        return self.out(torch.cat([s * gate, F.interpolate(self.up(d), size=s.shape[2:], mode='nearest')], 1))


class Aspp(nn.Module):
    """DeepLab's: dilated convolutions and the mean of the image, brought back to its size."""

    def __init__(self, c=8):
        super().__init__()
        self.ways = nn.ModuleList(nn.Conv2d(c, c, 3, padding=d, dilation=d) for d in (1, 2, 4))
        self.mean, self.out = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(c, c, 1), nn.ReLU()), nn.Conv2d(4 * c, 2, 1)

    def forward(self, x):
        m = F.interpolate(self.mean(x), size=x.shape[-2:], mode='bilinear', align_corners=False)
        return self.out(torch.cat([w(x) for w in self.ways] + [m], 1))


class MobileBlock(nn.Module):
    """Inverted residual with squeeze and excitation (MobileNetV3, EfficientNet)."""

    def __init__(self, act=nn.Hardswish):
        super().__init__()
        self.expand = nn.Sequential(nn.Conv2d(8, 24, 1, bias=False), nn.BatchNorm2d(24), act())
        self.depth = nn.Sequential(nn.Conv2d(24, 24, 5, 1, 2, groups=24, bias=False), nn.BatchNorm2d(24), act())
        self.squeeze = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(24, 6, 1), nn.ReLU(), nn.Conv2d(6, 24, 1),
                                     nn.Hardsigmoid())
        self.project = nn.Sequential(nn.Conv2d(24, 8, 1, bias=False), nn.BatchNorm2d(8))

    def forward(self, x):
        y = self.depth(self.expand(x))
        return x + self.project(y * self.squeeze(y))


class ConvNeXt(nn.Module):
    def __init__(self, c=16):
        super().__init__()
        self.depth, self.norm = nn.Conv2d(c, c, 7, padding=3, groups=c), nn.LayerNorm(c, eps=1e-6)
        self.mlp, self.gamma = nn.Sequential(nn.Linear(c, 4 * c), nn.GELU(), nn.Linear(4 * c, c)), nn.Parameter(torch.rand(c))

    def forward(self, x):
        y = self.norm(self.depth(x).permute(0, 2, 3, 1))
        return x + (self.gamma * self.mlp(y)).permute(0, 3, 1, 2)


class ShuffleUnit(nn.Module):
    """ShuffleNet's: channels split, run apart, and shuffled by a reshape."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(8, 8, 1), nn.ReLU(), nn.Conv2d(8, 8, 3, 1, 1, groups=8), nn.Conv2d(8, 8, 1))

    def forward(self, x):
        a, b = x.chunk(2, 1)
        y = torch.cat([a, self.body(b)], 1)
        n, c, h, w = y.shape
        return y.view(n, 2, c // 2, h, w).transpose(1, 2).reshape(n, c, h, w)


class Detector(nn.Module):
    """A head as RetinaNet's: several scales flattened to one list, boxes decoded."""

    def __init__(self):
        super().__init__()
        self.scores, self.boxes = nn.Conv2d(8, 6, 3, 1, 1), nn.Conv2d(8, 12, 3, 1, 1)

    def forward(self, x):
        maps = [x, F.max_pool2d(x, 1, 2), F.avg_pool2d(x, 3, 2, 1)]
        scores = torch.cat([self.scores(m).permute(0, 2, 3, 1).reshape(m.shape[0], -1, 2) for m in maps], 1).sigmoid()
        d = torch.cat([self.boxes(m).permute(0, 2, 3, 1).reshape(m.shape[0], -1, 4) for m in maps], 1)
        lo, size = d[..., :2], d[..., 2:].clamp(max=2).exp()
        top, index = scores.max(-1)[0].topk(10, 1)
        boxes = torch.cat([lo - size / 2, lo + size / 2], -1)
        return top, boxes.gather(1, index[..., None].expand(-1, -1, 4)), scores.argmax(-1)


class Gated(nn.Module):
    """Odds and ends of segmentation heads: thresholds, softmax, one-hot, moments."""

    def forward(self, x):
        p = x.softmax(1)
        label = p.argmax(1, keepdim=True)
        mask = torch.where(label > 0, torch.ones_like(x[:, :1]), torch.zeros_like(x[:, :1]))
        y, s = torch.arange(x.shape[2]).float().view(1, 1, -1, 1), mask.sum((2, 3), keepdim=True).clamp(min=1)
        return label, (mask * y).sum((2, 3), keepdim=True) / s, p.std((2, 3)), p.norm(dim=1), p.log().mean((2, 3))


def interpolations():
    for mode in ('nearest', 'bilinear', 'bicubic'):
        for corners in ((None,) if mode == 'nearest' else (False, True)):
            yield f'interpolate_{mode}_{corners}', Fn(
                lambda x, m=mode, c=corners: F.interpolate(x, scale_factor=1.7, mode=m, align_corners=c,
                                                           recompute_scale_factor=True)), [(1, 3, 9, 11)], None
            yield f'resize_{mode}_{corners}', Fn(
                lambda x, m=mode, c=corners: F.interpolate(x, size=(7, 20), mode=m, align_corners=c)), [(1, 3, 9, 11)], None


def all_modules():
    image, volume = (1, 1, 32, 32), (1, 1, 16, 16, 16)
    yield 'vit', ViT(), [(2, 3, 32, 32)], {'x0': {0: 'n'}}
    yield 'einsum_attention', EinsumAttention(), [(2, 10, 24)], {'x0': {0: 'n', 1: 'tokens'}}
    yield 'window_attention', WindowAttention(), [(1, 8, 12, 16)], None
    yield 'segresnet', SegResNet(), [volume], None
    yield 'segresnet_2d', SegResNet(2), [image], {'x0': {0: 'n', 2: 'h', 3: 'w'}}
    yield 'nnunet', NnUNet(), [volume], None
    yield 'nnunet_2d', NnUNet(2), [image], {'x0': {0: 'n', 2: 'h', 3: 'w'}}
    yield 'attention_unet', AttentionUNet(), [(1, 1, 30, 26)], {'x0': {2: 'h', 3: 'w'}}
    yield 'aspp', Aspp(), [(1, 8, 20, 24)], {'x0': {0: 'n', 2: 'h', 3: 'w'}}
    yield 'mobile', MobileBlock(), [(2, 8, 14, 14)], {'x0': {0: 'n'}}
    yield 'efficient', MobileBlock(nn.SiLU), [(2, 8, 14, 14)], None
    yield 'convnext', ConvNeXt(), [(1, 16, 12, 12)], None
    yield 'shufflenet', ShuffleUnit(), [(1, 16, 10, 10)], {'x0': {0: 'n'}}
    yield 'detector', Detector(), [(2, 8, 9, 9)], None
    yield 'head', Gated(), [(2, 3, 8, 10)], None
    yield 'pixel_shuffle', nn.Sequential(nn.Conv2d(2, 16, 3, padding=1), nn.PixelShuffle(2), nn.Conv2d(4, 4, 1),
                                         nn.PixelUnshuffle(2)), [(1, 2, 8, 8)], None
    yield 'adaptive', Fn(lambda x: (F.adaptive_avg_pool2d(x, (3, 4)), F.adaptive_max_pool2d(x, 2))), [(1, 4, 12, 16)], None
    yield 'pools', Fn(lambda x: (F.max_pool2d(x, 3, 2, ceil_mode=True), F.avg_pool2d(x, 3, 2, 1, count_include_pad=False),
                                 F.lp_pool2d(x, 2, 2))), [(1, 4, 13, 15)], None
    yield 'pool_3d', Fn(lambda x: (F.max_pool3d(x, 2), F.avg_pool3d(x, (1, 2, 2)), F.adaptive_avg_pool3d(x, 1))), \
        [(1, 2, 8, 8, 8)], None
    yield 'conv1d', nn.Sequential(nn.Conv1d(3, 8, 5, 2, 2), nn.BatchNorm1d(8), nn.ReLU(), nn.ConvTranspose1d(8, 4, 4, 2, 1),
                                  nn.MaxPool1d(2)), [(2, 3, 32)], {'x0': {0: 'n', 2: 't'}}
    yield 'deconv', nn.Sequential(nn.ConvTranspose2d(4, 6, 3, 2, 1, 1), nn.ELU(), nn.ConvTranspose2d(6, 4, 4, 2, 1, groups=2)), \
        [(1, 4, 7, 9)], None
    yield 'deconv_3d', nn.ConvTranspose3d(4, 6, (1, 2, 2), (1, 2, 2)), [(1, 4, 5, 6, 7)], None
    yield 'pads', Fn(lambda x: (F.pad(x, (1, 2, 0, 1), mode='reflect'), F.pad(x, (1, 1, 1, 1), value=.5),
                                F.pad(x, (2, 0, 1, 3), mode='replicate'))), [(1, 2, 6, 7)], None
    yield 'activations', Fn(lambda x: tuple(f(x) for f in (
        F.leaky_relu, F.elu, F.selu, F.softplus, F.hardtanh, F.hardswish, F.hardsigmoid, F.gelu, F.mish, F.relu6,
        F.logsigmoid, F.silu, torch.tanh, torch.erf, F.softsign))), [(2, 3, 5)], None
    yield 'prelu', nn.Sequential(nn.Conv3d(1, 8, 3, padding=1), nn.PReLU(8), nn.Conv3d(8, 2, 1), nn.PReLU()), [volume], None
    yield 'norms', Fn(lambda x, *n: tuple(f(x) for f in n), nn.BatchNorm2d(8), nn.InstanceNorm2d(8), nn.GroupNorm(2, 8),
                      nn.LayerNorm((6, 7))), [(2, 8, 6, 7)], None
    yield 'normalize', Fn(lambda x: (F.normalize(x, dim=1), x / x.norm(p=1, dim=(2, 3), keepdim=True),
                                     F.cosine_similarity(x, x.flip(1), 1))), [(2, 8, 6, 7)], None
    yield 'broadcast', Fn(lambda x, y: (x + y, x * y[:, :1], x - 2, 1 / (x.abs() + 1), x ** 2, torch.maximum(x, y),
                                        torch.minimum(x, y[0]), torch.where(x > y, x, y), (x >= y) & (x < 1))), \
        [(2, 3, 4), (2, 1, 4)], None
    yield 'reduce', Fn(lambda x: (x.sum(1), x.mean((1, 2)), x.amax(2), x.amin(0), x.prod(2), x.logsumexp(1), x.var(1),
                                  x.cumsum(1))), [(3, 4, 5)], None
    yield 'shapes', Fn(lambda x: (x.unsqueeze(1).repeat(1, 2, 1, 1, 1), x.expand(3, -1, -1, -1), x.flatten(1), x.permute(1, 0, 2, 3),
                                  x[:, ::2, 1:-1], x.unfold(3, 3, 2), torch.stack([x, x], 2), *x.split(2, 1))), \
        [(1, 4, 6, 7)], None
    yield 'gathers', Fn(lambda x: (x[:, [2, 0]], x.index_select(2, torch.tensor([1, 3])), x.flip(1), x.roll(1, 2),
                                   x.narrow(1, 1, 2))), [(2, 4, 5)], None
    yield 'masks', Fn(lambda x: (x.masked_fill(x > 0, -1.), x.clamp(-.5, .5), x.sign(), x.round(), x.floor(),
                                 (x > 0).float().sum(), (x != 0).float())), [(2, 4, 5)], None
    yield 'linear', nn.Sequential(nn.Flatten(), nn.Linear(24, 16), nn.BatchNorm1d(16), nn.Dropout(), nn.Linear(16, 4),
                                  nn.LogSoftmax(1)), [(3, 2, 3, 4)], {'x0': {0: 'n'}}
    yield 'bilinear_products', Fn(lambda x, y: (x @ y, torch.bmm(x, y), torch.einsum('bij,bjk->bk', x, y),
                                                torch.einsum('bij,bjk->bki', x, y), torch.matmul(x, y[0]))), \
        [(2, 3, 4), (2, 4, 5)], None
    yield 'grid', Fn(lambda x: torch.cat([x, torch.linspace(-1, 1, 6).view(1, 1, 6, 1).expand(1, 1, 6, 7)], 1)), [(1, 2, 6, 7)], None
    yield 'upsample_3d', nn.Sequential(nn.Upsample(scale_factor=2, mode='trilinear', align_corners=False),
                                       nn.Upsample(scale_factor=2)), [(1, 2, 4, 5, 6)], None
    yield from interpolations()
