"""
The trained network as ONNX, with its card and its training record.

BN is folded into the convolutions before export, so the file holds Conv, Relu, Concat, MaxPool and
Resize only (opset 13, batch, rows and columns free). The file is then run by OpenCV's reader and
compared with PyTorch.
"""
import copy
import hashlib
import json
import platform
import warnings

import numpy as np
import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from . import evaluate
from .augment import SIZE, SPACING_MM, normalise
from .fit import BATCH
from .network import count_parameters

VERSION = '1.0.0'
PARITY = 1e-3  # of logits, which reach about 10


def fold_bn(net):
    """A copy in which every Conv-BN-ReLU is Conv-ReLU."""
    def walk(module):
        for name, child in module.named_children():
            if isinstance(child, nn.Sequential) and isinstance(child[1], nn.BatchNorm2d):
                setattr(module, name, nn.Sequential(fuse_conv_bn_eval(child[0], child[1]), nn.ReLU()))
            else:
                walk(child)
    out = copy.deepcopy(net).to(memory_format=torch.contiguous_format).eval()
    walk(out)
    return out


def write_onnx(net, path):
    free = {0: 'n', 2: 'y', 3: 'x'}
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        torch.onnx.export(net, torch.zeros(1, 1, SIZE, SIZE), str(path), opset_version=13, input_names=['image'],
                          output_names=['logits'], dynamic_axes={'image': free, 'logits': free})


def check_parity(net, path, samples):
    """Largest difference of a logit between PyTorch and OpenCV-DNN, over some real crops."""
    import cv2
    reader = cv2.dnn.readNetFromONNX(str(path))
    worst = 0.0
    for s in samples[:: max(1, len(samples) // 8)]:
        middle = [(n - 1) / 2 for n in s.image.shape]
        x = normalise(torch.from_numpy(evaluate.cut(s.image, middle, SIZE, s.spacing_mm))[None, None].float())
        with torch.no_grad():
            ours = net(x).numpy()
        reader.setInput(x.numpy())
        worst = max(worst, float(np.abs(reader.forward() - ours).max()))
    if worst > PARITY:
        raise ValueError(f'{path}: OpenCV and PyTorch differ by {worst}')
    return worst


def digest(samples):
    """sha256 over names, images and masks: which data trained it."""
    h = hashlib.sha256()
    for s in samples:
        h.update(f'{s.patient}/{s.name}'.encode())
        h.update(s.image.astype(np.float32).tobytes())
        h.update(s.mask.tobytes())
    return h.hexdigest()


def text(value, indent=0):
    """A value in libconfig's notation."""
    pad = '    ' * indent
    if isinstance(value, dict):
        rows = [f'{pad}    {k} = {text(v, indent + 1)};' for k, v in value.items()]
        return '{\n' + '\n'.join(rows) + f'\n{pad}}}'
    if isinstance(value, list):
        return '(\n' + ',\n'.join(f'{pad}    {text(v, indent + 1)}' for v in value) + f'\n{pad})'
    if isinstance(value, bool):
        return 'true' if value else 'false'
    if isinstance(value, (int, float)):
        return repr(value)
    return '"' + str(value).replace('\\', '\\\\').replace('"', '\\"') + '"'


def labels():
    """Channels of the output; class is the number the analysis knows: 2 (myocardium) and 3 (RV cavity) are lacking."""
    return [{'channel': 0, 'class': 0, 'name': 'background'},
            {'channel': 1, 'class': 1, 'name': 'LV cavity', 'category_code': '123037004', 'category_scheme': 'SCT',
             'category_meaning': 'Anatomical Structure', 'type_code': '87878005', 'type_scheme': 'SCT',
             'type_meaning': 'Left ventricle', 'colour': '#dc143c'}]


def pooled(measured):
    """Accuracy over all measured folds."""
    patients = {}
    for fold in measured:
        patients.update(fold['patients'])
    return patients, evaluate.summarise(patients) if patients else {}


def card(net, run, options, samples, measured, sha256):
    patients, summary = pooled(measured)
    held = [{'name': name, 'slices': len(p['slices']), 'dice': p['dice'], 'slice_mean': p['slice_mean']}
            for name, p in sorted(patients.items())]
    return {
        'card': {
            'name': 'cardiac_sax', 'version': VERSION, 'task': 'segmentation', 'analysis': 'cardiac_cine',
            'summary': 'Left ventricular cavity in short-axis cine MR, one image at a time',
            'weights': 'model.onnx', 'sha256': sha256, 'parameters': count_parameters(net), 'licence': 'Apache-2.0',
            'intended_use': 'Contours of the LV cavity on short-axis balanced SSFP cine images of adults, as a '
                            'proposal that a physician checks. Not for diagnosis without that check.'},
        'input': {
            'name': 'image', 'modality': 'MR', 'layout': 'n1yx', 'spacing_mm': SPACING_MM, 'size': SIZE,
            'wide_size': evaluate.WIDE, 'multiple_of': 16, 'interpolation': 'linear', 'outside': 0.0,
            'normalise': 'percentile', 'lo_percentile': 1.0, 'hi_percentile': 99.0, 'clip_lo': 0.0, 'clip_hi': 1.0,
            'orientation': 'any',
            'note': 'Of the crop: (v - p1) / (p99 - p1), clipped; a percentile q is the pixel of rank '
                    'round(q (n - 1) / 100). First a crop of wide_size about the middle, to find the heart; then '
                    'one of size about the median centre of what was found.'},
        'output': {
            'name': 'logits', 'kind': 'logits', 'layout': 'ncyx', 'channels': 2, 'edge': 'inclusive',
            'note': 'The masks that trained it hold every pixel that the contour touches. The contour runs through '
                    'the centres of the edge pixels: its area is pixels - edge pixels / 2 - 1 (Pick), which '
                    'volumes should use; counting pixels gives about 5.6 % more.'},
        'labels': labels(),
        'training': {
            'data': 'Sunnybrook Cardiac Data (Radau et al., MIDAS Journal 2009), CC0: end diastole and end systole, '
                    'GE 1.5 T; masks of the LV endocardium, papillary muscles inside the cavity',
            'patients': len({s.patient for s in samples}), 'slices': len(samples), 'data_sha256': digest(samples),
            'seed': options.seed, 'steps': run.steps, 'batch': BATCH, 'tool': 'tools/train/cardiac'},
        'accuracy': {
            'what': 'Dice of patients that the measured networks had not seen, heart found automatically; the '
                    'delivered network was trained after that on all patients, with as many steps a patient',
            'folds': options.folds, 'folds_measured': len(measured),
            'fold_steps': measured[0]['steps'] if measured else 0, **summary},
        'patients': held,
        'studies': [s for fold in measured for s in fold['studies']],
        'limits': {
            'vendors': 'one (GE 1.5 T), one hospital; other vendors and 3 T were imitated by augmentation only',
            'classes': 'LV cavity only: no myocardium, no right ventricle',
            'weakest': 'apical slices and small hypertrophic ventricles at end systole, which it draws too large',
            'slices': 'trained on slices in which an expert drew the ventricle; beyond base and apex it may still '
                      'answer, and the analysis has to decide which slices count',
            'sequences': 'balanced SSFP cine; not late enhancement, tagging, or real-time imaging'},
    }


def write(folder, net, run, options, samples, measured):
    """model.onnx, card.ucl, training.json under folder."""
    folder.mkdir(parents=True, exist_ok=True)
    flat = fold_bn(net)
    path = folder / 'model.onnx'
    write_onnx(flat, path)
    parity = check_parity(net, path, samples)
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    sections = card(net, run, options, samples, measured, sha256)
    body = '\n\n'.join(f'{name} = {text(value)};' for name, value in sections.items())
    (folder / 'card.ucl').write_text('# Model card, made by tools/train/cardiac.\n\n' + body + '\n')
    log = [json.loads(line) for line in (run.folder / 'log.jsonl').read_text().splitlines()]
    record = {'seed': options.seed, 'steps': run.steps, 'seconds': round(run.spent_s), 'device': options.device,
              'torch': torch.__version__, 'python': platform.python_version(), 'sha256': sha256,
              'opencv_difference': parity, 'loss': log, 'folds': measured}
    (folder / 'training.json').write_text(json.dumps(record, indent=1) + '\n')
    print(f'{folder}: {count_parameters(net)} parameters, OpenCV differs by {parity:.1e}', flush=True)
