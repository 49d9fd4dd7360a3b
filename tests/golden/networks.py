"""Small networks of the kinds that Hilum runs, as ONNX models with seeded weights."""
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


class Net:
    """A graph under construction; methods add a node and return the name of its result."""

    def __init__(self, seed=1, opset=17):
        self.rng = np.random.default_rng(seed)
        self.nodes, self.weights, self.count, self.opset = [], [], 0, opset

    def const(self, array):
        name = f'w{len(self.weights)}'
        self.weights.append(numpy_helper.from_array(np.asarray(array), name))
        return name

    def op(self, kind, *inputs, **attributes):
        self.count += 1
        name = f't{self.count}'
        self.nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def normal(self, *shape, scale=1.0):
        return (self.rng.standard_normal(shape) * scale).astype('f')

    def conv(self, x, ic, oc, k=3, s=1, nd=2, group=1, bias=True, **more):
        w = self.normal(oc, ic // group, *[k] * nd, scale=(2 / (ic // group * k**nd)) ** 0.5)
        b = [self.const(self.normal(oc, scale=.1))] if bias else []
        more.setdefault('pads', [k // 2] * 2 * nd)
        return self.op('Conv', x, self.const(w), *b, kernel_shape=[k] * nd, strides=[s] * nd, group=group, **more)

    def deconv(self, x, ic, oc, k=2, s=2, nd=2, **more):
        w = self.normal(ic, oc, *[k] * nd, scale=(2 / ic) ** 0.5)
        return self.op('ConvTranspose', x, self.const(w), self.const(self.normal(oc, scale=.1)),
                       kernel_shape=[k] * nd, strides=[s] * nd, **more)

    def bn(self, x, c):
        params = [self.rng.uniform(.5, 1.5, c), self.normal(c), self.normal(c), self.rng.uniform(.5, 2, c)]
        return self.op('BatchNormalization', x, *[self.const(p.astype('f')) for p in params])

    def relu(self, x):
        return self.op('Relu', x)

    def pool(self, x, k=2, s=2, nd=2, kind='MaxPool', p=0):
        return self.op(kind, x, kernel_shape=[k] * nd, strides=[s] * nd, pads=[p] * 2 * nd)

    def model(self, shape, *outputs, dynamic=()):
        dims = [f'd{i}' if i in dynamic else n for i, n in enumerate(shape)]
        inputs = [helper.make_tensor_value_info('x', TensorProto.FLOAT, dims)]
        results = [helper.make_tensor_value_info(o, TensorProto.FLOAT, None) for o in outputs]
        graph = helper.make_graph(self.nodes, 'net', inputs, results, self.weights)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid('', self.opset)], ir_version=8)


def unet(nd=2, size=32, base=16, depth=3, norm=None):
    net, x, c, skips = Net(), 'x', 1, []

    def block(x, ic, oc):
        for i in (ic, oc):
            x = net.conv(x, i, oc, nd=nd)
            if norm == 'batch':
                x = net.bn(x, oc)
            if norm == 'instance':  # as nnU-Net has it
                x = net.op('InstanceNormalization', x, net.const(net.normal(oc)), net.const(net.normal(oc)))
                x = net.op('LeakyRelu', x, alpha=0.01)
            else:
                x = net.relu(x)
        return x

    for level in range(depth):
        if level:
            x = net.pool(x, nd=nd)
        x = block(x, c, base << level)
        c = base << level
        skips.append(x)
    for level in reversed(range(depth - 1)):
        up = net.deconv(x, c, base << level, nd=nd)
        c = base << level
        x = block(net.op('Concat', skips[level], up, axis=1), 2 * c, c)
    x = net.conv(x, c, 3, 1, nd=nd)
    return net.model([1, 1] + [size] * nd, net.op('Softmax', x, axis=1))


def vnet():
    net, nd = Net(2), 3
    x = net.op('PRelu', net.conv('x', 1, 16, 5, nd=nd), net.const(net.rng.uniform(.1, .3, (16, 1, 1, 1)).astype('f')))
    down = net.op('PRelu', net.conv(x, 16, 32, 2, 2, nd=nd, pads=[0] * 6), net.const(net.normal(32, 1, 1, 1)))
    y = net.op('Add', net.conv(down, 32, 32, 5, nd=nd), down)
    y = net.op('PRelu', y, net.const(np.array([.25], 'f')))
    up = net.deconv(y, 32, 16, nd=nd)
    z = net.conv(net.op('Concat', up, x, axis=1), 32, 32, 5, nd=nd)
    z = net.op('Elu', z)
    return net.model([1, 1, 8, 16, 16], net.conv(z, 32, 2, 1, nd=nd))


def resnet():
    net = Net(3)
    x = net.relu(net.bn(net.conv('x', 3, 32, 7, 2, bias=False), 32))
    x, c = net.pool(x, 3, 2, p=1), 32
    for oc, s in ((32, 1), (64, 2), (64, 1), (128, 2)):
        y = net.relu(net.bn(net.conv(x, c, oc, 1, bias=False), oc))
        y = net.relu(net.bn(net.conv(y, oc, oc, 3, s, bias=False), oc))
        y = net.bn(net.conv(y, oc, 2 * oc, 1, bias=False), 2 * oc)
        r = x if c == 2 * oc and s == 1 else net.bn(net.conv(x, c, 2 * oc, 1, s, bias=False), 2 * oc)
        x, c = net.relu(net.op('Add', y, r)), 2 * oc
    x = net.op('Flatten', net.op('GlobalAveragePool', x), axis=1)
    w, b = net.const(net.normal(10, c, scale=c**-.5)), net.const(net.normal(10))
    return net.model([2, 3, 64, 48], net.op('Gemm', x, w, b, transB=1), dynamic=(0,))


def densenet():
    net = Net(4)
    x, c = net.conv('x', 3, 16), 16
    for _ in range(3):
        y = net.conv(net.relu(net.bn(x, c)), c, 32, 1)
        y = net.conv(net.relu(net.bn(y, 32)), 32, 16)
        x, c = net.op('Concat', x, y, axis=1), c + 16
    x = net.pool(net.conv(net.relu(net.bn(x, c)), c, 24, 1), kind='AveragePool')
    y = net.conv(x, 24, 24, 3, group=24)  # depth-wise, and 24 channels fill no whole blocks
    y = net.op('Mul', y, net.op('Sigmoid', net.op('GlobalAveragePool', y)))
    y = net.op('Clip', y, net.const(np.float32(0)), net.const(np.float32(6)))
    y = net.op('Concat', x, y, axis=1)
    return net.model([2, 3, 24, 20], y, net.op('ReduceMean', y, axes=[2, 3], keepdims=0))


def inception():
    net = Net(5)
    x = net.relu(net.conv('x', 3, 32, 3, 2, pads=[0] * 4))
    a = net.relu(net.conv(x, 32, 16, 1))
    b = net.op('Conv', x, net.const(net.normal(16, 32, 1, 7, scale=.1)), kernel_shape=[1, 7], pads=[0, 3, 0, 3])
    b = net.relu(b)
    c = net.conv(net.op('AveragePool', x, kernel_shape=[3, 3], strides=[1, 1], pads=[1] * 4), 32, 32, 1)
    d = net.op('Pad', x, net.const(np.array([0, 0, 1, 2, 0, 0, 1, 0])), mode='constant')
    d = net.conv(d, 32, 16, 3, pads=[0] * 4)
    y = net.op('Concat', a, b, c, axis=1)
    y = net.op('Mul', y, net.const(net.normal(64, 1, 1)))
    d = net.op('Add', net.op('Mul', d, net.const(np.float32(.5))), net.const(net.normal(1, 16, 1, 1)))
    up = net.op('Resize', d, '', net.const(np.array([1, 1, 2, 2], 'f')), mode='linear',
                coordinate_transformation_mode='half_pixel')
    return net.model([1, 3, 33, 37], y, net.op('Tanh', up))


def transformer():
    net, c, heads = Net(6), 32, 4
    x = net.conv('x', 1, c, 8, 8, pads=[0] * 4)
    x = net.op('Transpose', net.op('Reshape', x, net.const(np.array([0, c, -1]))), perm=[0, 2, 1])
    x = net.op('Add', x, net.const(net.normal(1, 16, c)))
    y = net.op('LayerNormalization', x, net.const(net.normal(c)), net.const(net.normal(c)), axis=-1)
    qkv = net.op('Add', net.op('MatMul', y, net.const(net.normal(c, 3 * c, scale=.2))), net.const(net.normal(3 * c)))
    parts = []
    for i in range(3):
        p = net.op('Slice', qkv, net.const(np.array([i * c])), net.const(np.array([(i + 1) * c])),
                   net.const(np.array([2])))
        p = net.op('Reshape', p, net.const(np.array([0, 0, heads, c // heads])))
        parts.append(net.op('Transpose', p, perm=[0, 2, 3, 1] if i == 1 else [0, 2, 1, 3]))
    scores = net.op('Div', net.op('MatMul', parts[0], parts[1]), net.const(np.float32((c // heads) ** .5)))
    y = net.op('MatMul', net.op('Softmax', scores, axis=-1), parts[2])
    y = net.op('Reshape', net.op('Transpose', y, perm=[0, 2, 1, 3]), net.const(np.array([0, 0, c])))
    x = net.op('Add', x, net.op('MatMul', y, net.const(net.normal(c, c, scale=.2))))
    h = net.op('MatMul', x, net.const(net.normal(c, 4 * c, scale=.2)))
    h = net.op('Mul', net.op('Mul', h, net.const(np.float32(.5))),
               net.op('Add', net.op('Erf', net.op('Div', h, net.const(np.float32(2**.5)))), net.const(np.float32(1))))
    return net.model([2, 1, 32, 32], net.op('MatMul', h, net.const(net.normal(4 * c, c, scale=.1))), x)


NETWORKS = {
    'unet': unet, 'unet_batchnorm': lambda: unet(norm='batch'), 'unet_3d': lambda: unet(3, 16, 8),
    'nnunet': lambda: unet(2, 32, 16, norm='instance'), 'nnunet_3d': lambda: unet(3, 16, 16, 2, 'instance'),
    'vnet': vnet, 'resnet': resnet, 'densenet': densenet, 'inception': inception, 'transformer': transformer,
}
