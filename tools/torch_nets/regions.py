"""Proposals and position-sensitive pooling in NumPy: what hilum.Proposal and hilum.PsRoiPool are held to.

Written after the papers (Ren et al., NIPS 2015; Dai et al., NIPS 2016), in double, all boxes at once."""
import numpy as np

LOG_MAX = np.log(1000 / 16)  # no delta grows a box more


def anchors(stride, ratios, scales):
    middle = (stride - 1) / 2
    found = []
    for ratio in ratios:
        w = np.rint(np.sqrt(stride * stride / ratio))
        h = np.rint(w * ratio)
        found += [[middle - (w * s - 1) / 2, middle - (h * s - 1) / 2,
                   middle + (w * s - 1) / 2, middle + (h * s - 1) / 2] for s in scales]
    return np.array(found)


def areas(boxes):
    return (boxes[:, 2] - boxes[:, 0] + 1) * (boxes[:, 3] - boxes[:, 1] + 1)


def suppress(boxes, threshold, most):
    """Indices of boxes, best first, that overlap no better one by more than threshold."""
    kept, alive, size = [], np.arange(len(boxes)), areas(boxes)
    while len(alive) and len(kept) < most:
        best, alive = alive[0], alive[1:]
        kept.append(best)
        w = np.minimum(boxes[best, 2], boxes[alive, 2]) - np.maximum(boxes[best, 0], boxes[alive, 0]) + 1
        h = np.minimum(boxes[best, 3], boxes[alive, 3]) - np.maximum(boxes[best, 1], boxes[alive, 1]) + 1
        both = np.maximum(w, 0) * np.maximum(h, 0)
        alive = alive[both / (size[best] + size[alive] - both) <= threshold]
    return kept


def move(base, deltas):
    w, h = base[:, 2] - base[:, 0] + 1, base[:, 3] - base[:, 1] + 1
    x, y = base[:, 0] + w / 2 + deltas[:, 0] * w, base[:, 1] + h / 2 + deltas[:, 1] * h
    w, h = w * np.exp(np.minimum(deltas[:, 2], LOG_MAX)), h * np.exp(np.minimum(deltas[:, 3], LOG_MAX))
    return np.stack([x - w / 2, y - h / 2, x + w / 2 - 1, y + h / 2 - 1], 1)


def propose(scores, deltas, image, stride=16, ratios=(0.5, 1, 2), scales=(8, 16, 32), pre=6000, post=300,
            threshold=0.7, min_size=16):
    """scores [n, 2a, h, w], deltas [n, 4a, h, w], image [n, 3] -> regions [n * post, 5], scores [n * post, 1]."""
    base, rois, found = anchors(stride, ratios, scales), [], []
    a, (h, w) = len(base), scores.shape[2:]
    y, x = np.mgrid[:h, :w] * stride
    places = np.stack([x, y, x, y], -1).reshape(-1, 1, 4)
    for n in range(len(scores)):
        d = deltas[n].astype(float).reshape(a, 4, h, w).transpose(2, 3, 0, 1).reshape(-1, 4)
        boxes = move((places + base).reshape(-1, 4), d)
        boxes = np.clip(boxes, 0, [image[n, 1] - 1, image[n, 0] - 1] * 2)
        score = scores[n, a:].astype(float).transpose(1, 2, 0).reshape(-1)
        large = (boxes[:, 2:] - boxes[:, :2] + 1 >= min_size * image[n, 2]).all(1)
        boxes, score = boxes[large], score[large]
        order = np.argsort(-score, kind='stable')[:pre]
        kept = order[suppress(boxes[order], threshold, post)]
        if not len(kept):
            boxes, score, kept = np.array([[0, 0, image[n, 1] - 1, image[n, 0] - 1]]), np.zeros(1), [0]
        kept = np.resize(kept, post)
        rois.append(np.column_stack([np.full(post, n), boxes[kept]]))
        found.append(score[kept])
    return np.concatenate(rois).astype('f'), np.concatenate(found).astype('f')[:, None]


def pool(x, rois, group=7, scale=1 / 16):
    """x [n, c * group^2, h, w], rois [r, 5] -> [r, c, group, group]: means over bins, each of its own channels."""
    h, w = x.shape[2:]
    c = x.shape[1] // group**2
    out = np.zeros((len(rois), c, group, group))
    # Half away from zero, as C rounds.
    corners = np.floor(np.abs(rois[:, 1:].astype(float)) + .5) * np.sign(rois[:, 1:])
    scale = float(np.float32(scale))
    for r, (x1, y1, x2, y2) in enumerate(corners):
        x1, y1 = x1 * scale, y1 * scale
        bw = max((x2 + 1) * scale - x1, .1) / group
        bh = max((y2 + 1) * scale - y1, .1) / group
        planes = x[int(rois[r, 0])].reshape(c, group, group, h, w)
        for i in range(group):
            ya, yb = (int(np.clip(v, 0, h)) for v in (np.floor(i * bh + y1), np.ceil((i + 1) * bh + y1)))
            for j in range(group):
                xa, xb = (int(np.clip(v, 0, w)) for v in (np.floor(j * bw + x1), np.ceil((j + 1) * bw + x1)))
                if yb > ya and xb > xa:
                    out[r, :, i, j] = planes[:, i, j, ya:yb, xa:xb].mean((1, 2), dtype=float)
    return out.astype('f')
