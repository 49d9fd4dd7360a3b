"""
What a network is worth on patients it has not seen, found the way the pipeline finds it.

No truth is used to place a crop: the network first looks at the middle WIDE pixels of every slice
of a patient; the median of its largest components is the heart; then a crop about it is segmented.
"""
import numpy as np
import torch
import torch.nn.functional as F
from scipy import ndimage

from .augment import SIZE, SPACING_MM, normalise

WIDE = 192
NEAR = 40  # pixels: a component whose centre is farther from the heart is not the ventricle


def cut(image, centre, size, spacing_mm):
    """size x size pixels of SPACING_MM about centre (y, x); bilinear, 0 outside. spacing_mm 0: take as is."""
    step = SPACING_MM / spacing_mm if spacing_mm else 1.0
    at = (np.arange(size) - (size - 1) / 2) * step
    yy, xx = np.meshgrid(centre[0] + at, centre[1] + at, indexing='ij')
    return ndimage.map_coordinates(np.asarray(image, np.float32), [yy, xx], order=1, mode='constant')


def back(probability, centre, shape, spacing_mm):
    """The probability of a crop on the pixels of the image; 0 outside the crop."""
    step = SPACING_MM / spacing_mm if spacing_mm else 1.0
    middle = (len(probability) - 1) / 2
    at = [(np.arange(n) - c) / step + middle for n, c in zip(shape, centre)]
    yy, xx = np.meshgrid(*at, indexing='ij')
    return ndimage.map_coordinates(probability, [yy, xx], order=1, mode='constant')


def run_network(net, crops):
    """Probability of the cavity, [n][y][x], for a list of raw crops."""
    out = []
    with torch.no_grad():
        for i in range(0, len(crops), 16):
            x = normalise(torch.from_numpy(np.stack(crops[i:i + 16]).astype(np.float32))[:, None])
            out.append(net(x).float().softmax(1)[:, 1].numpy())
    return np.concatenate(out)


def largest(mask):
    """The largest component (4-connected), its holes filled."""
    label, n = ndimage.label(mask)
    if n == 0:
        return mask
    sizes = np.bincount(label.ravel())[1:]
    return ndimage.binary_fill_holes(label == 1 + int(sizes.argmax()))


def clean(probability, middle):
    """The component that is large and near the heart's axis."""
    label, n = ndimage.label(probability > 0.5)
    best, score = np.zeros(label.shape, bool), 0.0
    for k in range(1, n + 1):
        part = label == k
        away = np.hypot(*(np.argwhere(part).mean(axis=0) - middle))
        if away < NEAR and part.sum() * np.exp(-(away / 20) ** 2) > score:
            best, score = part, part.sum() * np.exp(-(away / 20) ** 2)
    return ndimage.binary_fill_holes(best)


def find_heart(net, images, spacing_mm):
    """(y, x): median over the images of the centre of the largest component; the middle if there is none."""
    shape = images[0].shape
    middle = np.array([(n - 1) / 2 for n in shape])
    step = SPACING_MM / spacing_mm if spacing_mm else 1.0
    centres = []
    for p in run_network(net, [cut(i, middle, WIDE, spacing_mm) for i in images]):
        part = largest(p > 0.5)
        if part.sum() >= 30:
            centres.append(middle + (np.argwhere(part).mean(axis=0) - (WIDE - 1) / 2) * step)
    return np.median(centres, axis=0) if centres else middle


def segment(net, images, spacing_mm, centre=None):
    """Masks [n][y][x] of the images of one patient, and the heart's centre."""
    if centre is None:
        centre = find_heart(net, images, spacing_mm)
    probabilities = run_network(net, [cut(i, centre, SIZE, spacing_mm) for i in images])
    middle = np.array([(SIZE - 1) / 2] * 2)
    masks = []
    for p in probabilities:
        kept = np.where(clean(p, middle), np.maximum(p, 0.501), np.minimum(p, 0.499))
        masks.append(back(kept, centre, images[0].shape, spacing_mm) > 0.5)
    return np.stack(masks), centre


def dice(a, b):
    total = a.sum() + b.sum()
    return 2 * float((a & b).sum()) / float(total) if total else 1.0


def contour_area(mask):
    """
    Pixels inside the polygon through the centres of the mask's edge pixels, by Pick's theorem.

    The PNG masks that train the network hold every pixel that the expert's contour touches: over the
    three cine studies they are 5.6 % larger than the contours themselves. This undoes it.
    """
    edge = mask & ~ndimage.binary_erosion(mask)
    return max(0.0, float(mask.sum()) - float(edge.sum()) / 2 - 1) if mask.any() else 0.0


def measure_patients(net, samples):
    """{patient: {dice (of all pixels of its slices), slice_mean, slices: {name: dice}}}"""
    out = {}
    for patient in sorted({s.patient for s in samples}):
        own = [s for s in samples if s.patient == patient]
        masks, _ = segment(net, [s.image for s in own], own[0].spacing_mm)
        truth = np.stack([s.mask > 0 for s in own])
        each = {s.name: round(dice(m, t), 4) for s, m, t in zip(own, masks, truth)}
        out[patient] = {'dice': round(dice(masks, truth), 4),
                        'slice_mean': round(float(np.mean(list(each.values()))), 4), 'slices': each}
    return out


def summarise(patients):
    values = np.array([p['dice'] for p in patients.values()])
    means = np.array([p['slice_mean'] for p in patients.values()])
    slices = np.array([d for p in patients.values() for d in p['slices'].values()])
    return {'patients': len(values), 'mean': round(float(values.mean()), 4), 'worst': round(float(values.min()), 4),
            'slice_mean_mean': round(float(means.mean()), 4), 'slice_mean_worst': round(float(means.min()), 4),
            'slice_median': round(float(np.median(slices)), 4), 'slices': len(slices)}


def phases_of(study):
    """[(position, slices in the order of their trigger times)]"""
    stacks = {}
    for s in study.slices:
        stacks.setdefault(round(s.position_mm, 1), []).append(s)
    return [(z, sorted(of, key=lambda s: s.trigger_ms)) for z, of in sorted(stacks.items())]


def expert_phases(stacks):
    """(ED, ES) ranks: those with contours; the one with more area is ED."""
    area = {}
    for _, of in stacks:
        for rank, s in enumerate(of):
            if s.endo is not None:
                area[rank] = area.get(rank, 0) + int(s.endo.sum())
    ed, es = sorted(area, key=area.get, reverse=True)[:2]
    return ed, es


def measure_study(net, study):
    """Volumes by contour on the slices and phases that the experts drew, beside theirs; ml."""
    stacks = phases_of(study)
    flat = [s for _, of in stacks for s in of]
    masks, _ = segment(net, [s.pixels for s in flat], study.spacing_mm)
    found = {id(s): m for s, m in zip(flat, masks)}
    ml = study.spacing_mm ** 2 * study.gap_mm() / 1000
    ranks = expert_phases(stacks)
    out = {'study': study.name, 'gap_mm': study.gap_mm(), 'spacing_mm': study.spacing_mm}
    for name, rank in zip(('ed', 'es'), ranks):
        drawn = [of[rank] for _, of in stacks if len(of) > rank and of[rank].endo is not None]
        out[f'{name}_phase'] = rank
        out[f'{name}_expert_ml'] = round(sum(s.endo_area for s in drawn) * ml, 1)
        out[f'{name}_ml'] = round(sum(contour_area(found[id(s)]) for s in drawn) * ml, 1)
        out[f'{name}_dice'] = round(dice(np.stack([found[id(s)] for s in drawn]), np.stack([s.endo for s in drawn])), 4)
    for kind in ('', '_expert'):
        out[f'ef{kind}'] = round(100 * (1 - out[f'es{kind}_ml'] / out[f'ed{kind}_ml']), 1)
    # The curve over all slices that experts drew at ED, all phases: where the network sees ED and ES.
    at_ed = [of for _, of in stacks if of[ranks[0]].endo is not None]
    curve = [sum(contour_area(found[id(of[k])]) for of in at_ed) * ml for k in range(min(len(of) for of in at_ed))]
    out['ed_phase_found'], out['es_phase_found'] = int(np.argmax(curve)), int(np.argmin(curve))
    return out
