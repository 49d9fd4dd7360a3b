"""What outside judges say of DICOM objects: dciodvfy, dcentvfy, PixelMed; and bits against bits."""
import re
import subprocess

import numpy as np
import pydicom


def dciodvfy(path):
    """(errors, warnings)"""
    text = subprocess.run(['dciodvfy', str(path)], capture_output=True, text=True, errors='replace')
    lines = (text.stdout + text.stderr).splitlines()
    return [s for s in lines if s.startswith('Error')], [s for s in lines if s.startswith('Warning')]


def dcentvfy(paths):
    """Inconsistencies between the objects."""
    done = subprocess.run(['dcentvfy', *map(str, paths)], capture_output=True, text=True, errors='replace')
    return [s for s in (done.stdout + done.stderr).splitlines() if s.startswith('Error')]


def pixelmed_sr(path):
    """What PixelMed's DicomSRValidator objects to (specs: no error, no item outside the template)."""
    done = subprocess.run(
        ['java', '-Djdk.xml.xpathExprGrpLimit=0', '-Djdk.xml.xpathExprOpLimit=0',
         '-Djdk.xml.xpathTotalOpLimit=0', '-cp', '/usr/share/java/*',
         'com.pixelmed.validate.DicomSRValidator', str(path)], capture_output=True, text=True)
    lines = (done.stdout + done.stderr).splitlines()
    if not any('Validating' in s or 'IOD' in s or 'Root Template' in s for s in lines):
        return ['the validator said nothing of use'] + lines[:5]
    return [s for s in lines if re.search(r'Error|not in template|Exception', s)]


def segments(path):
    """{label: (mask of its frames [n][y][x], positions [n] mm along the normal)} by our own unpacking."""
    ds = pydicom.dcmread(path)
    n, rows, columns = int(ds.NumberOfFrames), ds.Rows, ds.Columns
    bits = np.unpackbits(np.frombuffer(ds.PixelData, np.uint8), bitorder='little')[:n * rows * columns]
    frames = bits.reshape(n, rows, columns).astype(bool)
    if not (ds.pixel_array.reshape(frames.shape).astype(bool) == frames).all():
        raise AssertionError('pydicom decodes other bits than the plain unpacking')
    shared = ds.SharedFunctionalGroupsSequence[0]
    orientation = [float(v) for v in shared.PlaneOrientationSequence[0].ImageOrientationPatient]
    normal = np.cross(orientation[:3], orientation[3:])
    out = {}
    for number, segment in ((s.SegmentNumber, s) for s in ds.SegmentSequence):
        hit = [i for i, group in enumerate(ds.PerFrameFunctionalGroupsSequence)
               if group.SegmentIdentificationSequence[0].ReferencedSegmentNumber == number]
        corners = [[float(v) for v in ds.PerFrameFunctionalGroupsSequence[i]
                    .PlanePositionSequence[0].ImagePositionPatient] for i in hit]
        out[segment.SegmentLabel] = (frames[hit], [float(np.dot(c, normal)) for c in corners], corners)
    return out


def on_grid(segment, grid):
    """A segment as a mask on the phantom's grid; a frame that lies elsewhere is an error."""
    frames, positions, corners = segment
    mask = np.zeros(grid['shape'], bool)
    x0, y0, z0 = grid['first_voxel_mm']
    for frame, position, corner in zip(frames, positions, corners):
        k = (position - z0) / grid['spacing_mm'][0]
        if abs(k - round(k)) > 0.01 or abs(corner[0] - x0) > 0.01 or abs(corner[1] - y0) > 0.01:
            raise AssertionError(f'a frame of the SEG lies at {corner}, off the grid of the source')
        mask[round(k)] |= frame
    return mask


def dice(a, b):
    total = a.sum() + b.sum()
    return 1.0 if total == 0 else float(2 * (a & b).sum() / total)
