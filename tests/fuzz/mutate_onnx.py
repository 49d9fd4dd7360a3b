#!/usr/bin/python3
"""Models that almost are: mutate ONNX files by their fields, not their bytes, and give them to the fuzz target.

    mutate_onnx.py REPLAY COUNT SEED FILE.onnx|CORPUS ...

REPLAY is replay_onnx, best built with ASan and UBSan. Of each model that is picked one to four things are changed: a
node's operator, inputs, outputs or attributes, a shape, a weight's shape, type or bytes, the opset; nodes are dropped,
doubled, or joined from another model. One process takes 200 files; more than 10 s a file on average of it fails, and so
does any other exit. What fails stays beside the output."""
import pathlib
import random
import subprocess
import sys
import tempfile

import onnx

BATCH, LIMIT_S = 200, 10
NUMBERS = [0, 1, -1, 2, 3, 7, 16, 255, 65536, 2**31 - 1, 2**31, 2**32, 2**62, 2**63 - 1, -2**31, -2**63]
FLOATS = [0.0, 1.0, -1.0, 0.5, 1e-30, 1e30, float('inf'), float('nan'), 3e38]


def change_attribute(rng, node):
    if not node.attribute:
        return
    a = rng.choice(node.attribute)
    if a.ints and rng.random() < .8:
        a.ints[rng.randrange(len(a.ints))] = rng.choice(NUMBERS[:8]) if rng.random() < .6 else rng.choice(NUMBERS)
    elif a.floats:
        a.floats[rng.randrange(len(a.floats))] = rng.choice(FLOATS)
    elif rng.random() < .2:
        node.attribute.remove(a)
    elif rng.random() < .1:
        a.type = rng.randrange(12)
    elif rng.random() < .3:
        (a.ints if a.ints else a.floats if a.floats else []).append(rng.choice(NUMBERS[:8]))
    else:
        a.i, a.f = rng.choice(NUMBERS), rng.choice(FLOATS)


def change_node(rng, graph, kinds):
    node = rng.choice(graph.node)
    names = [n for other in graph.node for n in [*other.input, *other.output]] + ['']
    what = rng.random()
    if what < .4:
        change_attribute(rng, node)
    elif what < .6 and node.input:
        node.input[rng.randrange(len(node.input))] = rng.choice(names)
    elif what < .65 and node.output:
        node.output[rng.randrange(len(node.output))] = rng.choice(names)
    elif what < .75:
        node.op_type = rng.choice(kinds)
    elif what < .8:
        node.input.append(rng.choice(names))
    elif what < .85 and node.input:
        del node.input[rng.randrange(len(node.input))]
    elif what < .9:
        graph.node.remove(node)
    elif what < .95:
        graph.node.append(node)
    else:
        node.domain = rng.choice(['', 'hilum', 'ai.onnx', 'x'])


def change_shape(rng, graph):
    infos = [*graph.input, *graph.output, *graph.value_info]
    dims = rng.choice(infos).type.tensor_type.shape.dim if infos else []
    if not dims:
        return
    d = dims[rng.randrange(len(dims))]
    if rng.random() < .3:
        d.dim_param = 'n'
    else:
        d.dim_value = rng.choice(NUMBERS[:7]) if rng.random() < .8 else rng.choice(NUMBERS)


def change_weight(rng, graph):
    weights = [*graph.initializer, *[a.t for n in graph.node for a in n.attribute if a.HasField('t')]]
    if not weights:
        return
    w = rng.choice(weights)
    what = rng.random()
    if what < .4 and w.dims:
        w.dims[rng.randrange(len(w.dims))] = rng.choice(NUMBERS[:7]) if rng.random() < .8 else rng.choice(NUMBERS)
    elif what < .5:
        w.data_type = rng.randrange(20)
    elif what < .7 and w.raw_data:
        raw = bytearray(w.raw_data)
        raw[rng.randrange(len(raw))] = rng.choice([0, 1, 127, 128, 255])
        w.raw_data = bytes(raw if rng.random() < .7 else raw[:rng.randrange(len(raw))])
    elif what < .85 and w.int64_data:
        w.int64_data[rng.randrange(len(w.int64_data))] = rng.choice(NUMBERS)
    elif what < .9 and len(w.dims):
        del w.dims[-1]
    else:
        w.name = rng.choice([n for node in graph.node for n in node.input] or [''])


def mutate(rng, models, kinds):
    model = onnx.ModelProto()
    model.CopyFrom(rng.choice(models))
    graph = model.graph
    for _ in range(rng.randint(1, 4)):
        what = rng.random()
        if what < .5 and graph.node:
            change_node(rng, graph, kinds)
        elif what < .65:
            change_shape(rng, graph)
        elif what < .85:
            change_weight(rng, graph)
        elif what < .92:
            graph.node.extend(rng.choice(models).graph.node[:3])
        elif model.opset_import:
            model.opset_import[0].version = rng.choice([1, 6, 7, 9, 11, 13, 17, 21, 22, 0, -1])
    return model.SerializeToString()


def read_models(paths):
    models = []
    for path in (f for p in paths for f in (sorted(p.iterdir()) if p.is_dir() else [p])):
        data = path.read_bytes()
        for start in (0, 1):  # a corpus has the executor in front
            try:
                model = onnx.load_model_from_string(data[start:])
            except Exception:
                continue
            if model.graph.node:
                models.append(model)
                break
    return models


def main(replay, count, seed, *paths):
    rng = random.Random(int(seed))
    models = read_models([pathlib.Path(p) for p in paths])
    kinds = sorted({n.op_type for m in models for n in m.graph.node})
    done = bad = 0
    while done < int(count):
        folder = pathlib.Path(tempfile.mkdtemp(prefix='mutated-'))
        n = min(BATCH, int(count) - done)
        for i in range(n):
            (folder / f'{i:03}').write_bytes(bytes([rng.randrange(2)]) + mutate(rng, models, kinds))
        try:
            run = subprocess.run([replay, folder], capture_output=True, text=True, timeout=LIMIT_S * 20)
            failed = run.stderr[-2000:] if run.returncode else None
        except subprocess.TimeoutExpired:
            failed = 'it took too long'
        done += n
        if failed:
            bad += 1
            print(f'{folder}: {failed}', flush=True)
        else:
            for file in folder.iterdir():
                file.unlink()
            folder.rmdir()
        if done % 10000 == 0:
            print(f'{done} files of {len(models)} models, {bad} batches failed', flush=True)
    print(f'{done} files, {bad} batches failed')
    return bad > 0


if __name__ == '__main__':
    sys.exit(main(*sys.argv[1:]))
