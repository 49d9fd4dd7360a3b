"""What tests/bench/engine/compare measured, as tables and as a plot."""
import statistics

PEERS = (('ONNX Runtime', 'f32'), ('PyTorch', 'f32'), ('OpenCV', 'f32'), ('PyTorch', 'bf16'), ('ONNX Runtime', 'int8'))


def best(row, peer, precision):
    """The fastest way of a peer, or None."""
    found = [ms for name, ms in row['ms'].items() if name.startswith(peer) and name.endswith(precision)]
    return min(found, default=None)


def cell(value, form='{:.2f}'):
    return '-' if value is None else form.format(value)


def ratio(row, peer, precision):
    ours, theirs = row['ms'].get(f'Hilum {precision}'), best(row, peer, precision)
    return theirs / ours if ours and theirs else None


def gain(row):
    """How much faster 8 bits are than our own float."""
    ours = row['ms'].get('Hilum f32'), row['ms'].get('Hilum int8')
    return ours[0] / ours[1] if all(ours) else None


def share(result, row, precision):
    ms, peak = row['ms'].get(f'Hilum {precision}'), result['peak'].get(precision)
    if not ms or not peak or not row['gflop']:
        return None
    # One thread is held to its own CPU time; more by the clock, to the peak of all.
    return row['gflop'] / ms * 1e3 / (peak * row['threads'])


def lines(head, rows):
    return ['| ' + ' | '.join(head) + ' |', '|' + '---|' * len(head)] + ['| ' + ' | '.join(r) + ' |' for r in rows]


def peer_table(result):
    head = ['network', 'threads', 'GFLOP', 'f32 ms', 'of peak', *[f'{p} / Hilum' for p, k in PEERS if k == 'f32'],
            'bf16 ms', 'of peak', 'PyTorch bf16 / Hilum bf16', 'int8 ms', 'of peak', 'f32 / int8 of Hilum',
            'ONNX Runtime QDQ / Hilum int8']
    rows = []
    for row in result['rows']:
        rows.append([row['network'], str(row['threads']), cell(row['gflop'], '{:.1f}'), cell(row['ms'].get('Hilum f32')),
                     cell(share(result, row, 'f32'), '{:.0%}'), *[cell(ratio(row, p, k)) for p, k in PEERS if k == 'f32'],
                     cell(row['ms'].get('Hilum bf16')), cell(share(result, row, 'bf16'), '{:.0%}'),
                     cell(ratio(row, 'PyTorch', 'bf16')), cell(row['ms'].get('Hilum int8')),
                     cell(share(result, row, 'int8'), '{:.0%}'), cell(gain(row)), cell(ratio(row, 'ONNX Runtime', 'int8'))])
    return lines(head, rows)


def step_table(result):
    names = result['step_names']
    rows = []
    for row in result['steps']:
        first = row['ms'].get(names[0])
        rows.append([row['network'], *[f"{row['ms'][n]:.1f} ({first / row['ms'][n]:.2f}x)" if n in row['ms'] else '-'
                                       for n in names]])
    return lines(['network', *names], rows)


def markdown(result):
    text = [result['processor'], '',
            f"Load of the machine {result['load'][0]:.1f} before, {result['load'][1]:.1f} after. Medians of interleaved "
            'rounds; ms of the CPU with one thread, of the clock with more. Ratios above 1: Hilum is faster. PyTorch is '
            'the faster of eager and frozen; its bfloat16 is autocast. ONNX Runtime computes int8 from QuantizeLinear and DequantizeLinear with our weights and '
            'ranges, batch normalisations folded.', '', *peer_table(result)]
    if result['steps']:
        text += ['', 'Each pass of the optimiser, one thread, float where it is not int8, ms (and how much faster than unfused):', '',
                 *step_table(result)]
    return '\n'.join(text) + '\n'


def bars(result):
    """(label, [(peer, ratio)]) a network and number of threads."""
    for row in result['rows']:
        found = [(f'{p} {k}', ratio(row, p, k)) for p, k in PEERS]
        yield f"{row['network']}, {row['threads']} thread{'s' if row['threads'] > 1 else ''}", [f for f in found if f[1]]


def svg(result):
    groups = [g for g in bars(result) if g[1]]
    colours = dict(zip([f'{p} {k}' for p, k in PEERS], ('#1b6ca8', '#d1495b', '#8d8d8d', '#edae49', '#66a182')))
    top, left, width, bar = 60, 190, 520, 13
    limit = max([2.0] + [min(r, 8) for _, found in groups for _, r in found])
    x = lambda r: left + width * min(r, limit) / limit  # noqa: E731
    height = top + sum(len(f) * bar + 14 for _, f in groups) + 20
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + width + 80}" height="{height}" '
           'font-family="sans-serif" font-size="11">', '<rect width="100%" height="100%" fill="white"/>',
           f'<text x="10" y="18" font-size="14">Time of a peer by time of Hilum ({median_text(result)})</text>']
    for i, (name, colour) in enumerate(colours.items()):
        out += [f'<rect x="{10 + 150 * i}" y="30" width="10" height="10" fill="{colour}"/>',
                f'<text x="{24 + 150 * i}" y="39">{name}</text>']
    y = top
    for label, found in groups:
        out.append(f'<text x="10" y="{y + len(found) * bar / 2 + 4:.0f}">{label}</text>')
        for name, r in found:
            out += [f'<rect x="{left}" y="{y}" width="{x(r) - left:.1f}" height="{bar - 2}" fill="{colours[name]}"/>',
                    f'<text x="{x(r) + 4:.1f}" y="{y + bar - 3}">{r:.2f}</text>']
            y += bar
        y += 14
    out += [f'<line x1="{x(1):.1f}" x2="{x(1):.1f}" y1="{top - 6}" y2="{y}" stroke="black" stroke-dasharray="4 3"/>',
            '</svg>']
    return '\n'.join(out) + '\n'


def median_text(result):
    found = [r for row in result['rows'] if row['threads'] == 1 for r in [ratio(row, 'ONNX Runtime', 'f32')] if r]
    return f'median against ONNX Runtime, one thread: {statistics.median(found):.2f}' if found else 'right of 1: faster'
