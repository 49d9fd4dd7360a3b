"""A test card that knows the right ventricle too: the delivered network, and blood that is not its left ventricle."""
import hashlib
import pathlib
import re

import onnx
from onnx import TensorProto, helper, numpy_helper

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]
EXTRA_LABELS = '''    ,
    {
        channel = 2;
        class = 3;
        name = "RV cavity";
        category_code = "123037004";
        category_scheme = "SCT";
        category_meaning = "Anatomical Structure";
        type_code = "%s";
        type_scheme = "SCT";
        type_meaning = "%s";
    }'''


def constant(name, value):
    return numpy_helper.from_array(np.asarray(value, np.float32), name)


def write(folder):
    """folder/cardiac_sax/: a third channel that is high where the image is bright and no left ventricle lies."""
    source = ROOT / 'models/cardiac_sax'
    model = onnx.load(str(source / 'model.onnx'))
    graph = model.graph
    logits, image = graph.output[0].name, graph.input[0].name
    graph.initializer.extend([constant('rv_gain', 40.0), constant('rv_bright', 0.8), constant('rv_left', 4.0)])
    axes = numpy_helper.from_array(np.array([1], np.int64), 'rv_axes')
    graph.initializer.extend([axes, *(numpy_helper.from_array(np.array([k], np.int64), f'rv_{k}') for k in range(3))])
    node = helper.make_node
    graph.node.extend([
        node('Slice', [logits, 'rv_0', 'rv_1', 'rv_axes'], ['rv_none']),
        node('Slice', [logits, 'rv_1', 'rv_2', 'rv_axes'], ['rv_lv']),
        node('Sub', ['rv_lv', 'rv_none'], ['rv_margin']),
        node('Relu', ['rv_margin'], ['rv_is_lv']),
        node('Mul', ['rv_is_lv', 'rv_left'], ['rv_off']),
        node('Sub', [image, 'rv_bright'], ['rv_over']),
        node('Mul', ['rv_over', 'rv_gain'], ['rv_on']),
        node('Sub', ['rv_on', 'rv_off'], ['rv_score']),
        node('Add', ['rv_score', 'rv_none'], ['rv_logit']),
        node('Concat', [logits, 'rv_logit'], ['with_rv'], axis=1)])
    del graph.output[:]
    graph.output.append(helper.make_tensor_value_info('with_rv', TensorProto.FLOAT, ['n', 3, 'y', 'x']))
    target = pathlib.Path(folder) / 'cardiac_sax'
    target.mkdir(parents=True)
    onnx.save(model, str(target / 'model.onnx'))
    digest = hashlib.sha256((target / 'model.onnx').read_bytes()).hexdigest()
    card = (source / 'card.ucl').read_text()
    card = re.sub(r'sha256 = "[0-9a-f]+";', f'sha256 = "{digest}";', card, count=1)
    card = re.sub(r'(?m)^ *(precision|calibrated|calibrated_sha256) = "[^"]*";\n', '', card)
    card = card.replace('channels = 2;', 'channels = 3;').replace('name = "logits";', 'name = "with_rv";')
    labels = card.index('labels = (')
    end = card.index('\n);', labels)
    card = card[:end] + '\n' + EXTRA_LABELS % ('53085002', 'Right ventricle') + card[end:]
    (target / 'card.ucl').write_text(card)
