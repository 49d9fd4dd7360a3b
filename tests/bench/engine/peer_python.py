"""PyTorch or OpenCV answer each line of standard input with "CLOCK_MS CPU_MS" of a run.

    peer_python.py eager|frozen|autocast|opencv NETWORK MODEL.onnx THREADS"""
import os
import pathlib
import sys
import time
import warnings

warnings.filterwarnings('ignore')
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[3] / 'tools'))


def pytorch(how, network, threads):
    import torch
    from torch_nets import catalogue
    torch.set_num_threads(threads)
    torch.set_grad_enabled(False)
    model, inputs = catalogue.make(network)
    if how == 'frozen':
        model = torch.jit.optimize_for_inference(torch.jit.freeze(torch.jit.trace(model, inputs)))
    if how == 'autocast':
        def run():
            with torch.autocast('cpu', dtype=torch.bfloat16):
                return model(*inputs)
        return run
    return lambda: model(*inputs)


def opencv(path, network, threads):
    import cv2
    from torch_nets import catalogue
    cv2.setNumThreads(threads)
    net = cv2.dnn.readNetFromONNX(path)
    x = catalogue.inputs_of(network, catalogue.CATALOGUE[network].shape, 3)[0].numpy()

    def run():
        net.setInput(x)
        return net.forward()
    return run


def main(how, network, path, threads):
    # Libraries write to standard output of their own accord: ours is kept apart.
    answers = os.fdopen(os.dup(1), 'w')
    os.dup2(2, 1)
    try:
        run = opencv(path, network, int(threads)) if how == 'opencv' else pytorch(how, network, int(threads))
        run()
        run()  # the first ones optimise
    except Exception as reason:
        print('no', ' '.join(str(reason).split())[:200], file=answers, flush=True)
        return 1
    print('ready', file=answers, flush=True)
    for _ in sys.stdin:
        start, cpu = time.perf_counter(), time.process_time()
        run()
        print((time.perf_counter() - start) * 1e3, (time.process_time() - cpu) * 1e3, file=answers, flush=True)
    return 0


if __name__ == '__main__':

    sys.exit(main(*sys.argv[1:]))
