"""scan_file() and pydicom read the same in every real file that we have: facts, or a clear error."""
import json
import math
import os
import pathlib
import re
import subprocess
import sys
import unittest
import warnings
from datetime import datetime, timezone

import pydicom

ROOT = pathlib.Path(__file__).resolve().parents[2]
DATA = pathlib.Path(os.environ.get('HILUM_DATA', ROOT.parent / 'shared/data'))
FOLDERS = ('odd-dicom', 'lung', 'cardiac', 'ct', 'mr')
PER_FOLDER = 12  # of a folder of equal images these are looked at, of odd-dicom all
NATIVE = ('1.2.840.10008.1.2', '1.2.840.10008.1.2.1', '1.2.840.10008.1.2.2')


def is_part10(path):
    with path.open('rb') as f:
        return f.read(132)[128:] == b'DICM'


def choose(folder):
    by_folder = {}
    for path in sorted(p for p in folder.rglob('*') if p.is_file() and is_part10(p)):
        by_folder.setdefault(path.parent, []).append(path)
    for paths in by_folder.values():
        step = 1 if folder.name == 'odd-dicom' else max(1, len(paths) // PER_FOLDER)
        yield from paths[::step]


def scan(paths):
    lines = []
    for at in range(0, len(paths), 200):
        done = subprocess.run([os.environ['SCAN_DUMP'], *paths[at:at + 200]], check=True, capture_output=True)
        lines += done.stdout.decode().splitlines()
    return [json.loads(line) for line in lines]


def tidy(text):
    return ''.join(' ' if ord(c) < 0x20 or 0x7f <= ord(c) < 0xa0 else c for c in text).strip()


def text(ds, keyword):
    value = ds.get(keyword)
    if value is None:
        return ''
    if isinstance(value, pydicom.multival.MultiValue):
        return tidy('\\'.join(map(str, value)))
    return tidy(str(value))


def number(ds, keyword, otherwise=None):
    try:
        value = ds.get(keyword)
        if isinstance(value, pydicom.multival.MultiValue):
            value = value[0] if value else None
        value = None if value is None or value == '' else float(value)
    except (ValueError, TypeError):
        value = None
    return otherwise if value is None or not math.isfinite(value) else value


def numbers(ds, keyword, count):
    try:
        values = [float(v) for v in ds.get(keyword) or []]
    except (ValueError, TypeError):
        return None
    return values[:count] if len(values) >= count else None


def moment(ds, date, time):
    """Seconds since 1970 as if the clock were UTC; of the day without a date; None."""
    day, clock = text(ds, date).replace('.', '').replace('-', ''), text(ds, time).replace(':', '')
    if len(clock) < 2 or not clock[:2].isdigit():
        return None
    s = int(clock[:2]) * 3600 + (int(clock[2:4] or 0)) * 60 + float(clock[4:] or 0)
    try:
        return s + datetime.strptime(day[:8], '%Y%m%d').replace(tzinfo=timezone.utc).timestamp()
    except ValueError:
        return s


def acquired(ds):
    value = text(ds, 'AcquisitionDateTime')
    if len(value) < 10:
        return moment(ds, 'AcquisitionDate', 'AcquisitionTime')
    at = pydicom.valuerep.DT(value)
    return (at if at.tzinfo else at.replace(tzinfo=timezone.utc)).timestamp()


TEXTS = {
    'sop_uid': 'SOPInstanceUID', 'sop_class': 'SOPClassUID', 'study_uid': 'StudyInstanceUID',
    'series_uid': 'SeriesInstanceUID', 'frame_of_reference_uid': 'FrameOfReferenceUID',
    'patient_name': 'PatientName', 'patient_id': 'PatientID', 'study_date': 'StudyDate', 'modality': 'Modality',
    'body_part': 'BodyPartExamined', 'study_description': 'StudyDescription',
    'series_description': 'SeriesDescription', 'protocol': 'ProtocolName', 'manufacturer': 'Manufacturer',
    'image_type': 'ImageType',
}
INTEGERS = {'series_number': 'SeriesNumber', 'instance_number': 'InstanceNumber',
            'acquisition_number': 'AcquisitionNumber', 'temporal_position': 'TemporalPositionIdentifier'}
PIXELS = {'rows': 'Rows', 'columns': 'Columns', 'samples': 'SamplesPerPixel', 'bits_allocated': 'BitsAllocated',
          'bits_stored': 'BitsStored'}
REALS = {'trigger_ms': 'TriggerTime', 'echo_time_ms': 'EchoTime', 'thickness_mm': 'SliceThickness',
         'height_m': 'PatientSize', 'weight_kg': 'PatientWeight'}


def is_near(a, b):
    return a is b or (a is not None and b is not None and abs(a - b) <= 1e-6 * max(1.0, abs(b)))


def differences(ours, ds):
    """What the two readers see differently, in words."""
    if ours['transfer_syntax'] != ds.file_meta.TransferSyntaxUID:
        yield f'transfer_syntax {ours["transfer_syntax"]}'
    for ours_key, keyword in TEXTS.items():
        theirs = text(ds, keyword)[:64] if ours_key != 'image_type' else text(ds, keyword)
        if ours_key == 'patient_name':
            theirs += '=' * (len(ours[ours_key]) - len(ours[ours_key].rstrip('=')))  # pydicom drops empty groups
        if ours[ours_key] != theirs and not (ours_key == 'image_type' and theirs.startswith(ours[ours_key])):
            yield f'{keyword}: {ours[ours_key]!r}, pydicom {theirs!r}'
    for ours_key, keyword in INTEGERS.items():
        theirs = int(number(ds, keyword, -1))
        if ours[ours_key] != theirs:
            yield f'{keyword}: {ours[ours_key]}, pydicom {theirs}'
    for ours_key, keyword in REALS.items():
        if not is_near(ours[ours_key], number(ds, keyword)):
            yield f'{keyword}: {ours[ours_key]}, pydicom {number(ds, keyword)}'
    for ours_key, theirs in (('acquisition_s', acquired(ds)),
                             ('content_s', moment(ds, 'ContentDate', 'ContentTime'))):
        value = float(ours[ours_key])
        if not (math.isnan(value) if theirs is None else abs(value - theirs) < 1e-3):
            yield f'{ours_key}: {value}, pydicom {theirs}'
    yield from pixel_differences(ours, ds)
    yield from plane_differences(ours, ds)


def pixel_differences(ours, ds):
    if 'PixelData' not in ds:
        if ours['rows'] != 0:
            yield 'an image without pixels'
        return
    for ours_key, keyword in PIXELS.items():
        if ours[ours_key] != ds.get(keyword):
            yield f'{keyword}: {ours[ours_key]}, pydicom {ds.get(keyword)}'
    if ours['frames'] != max(1, int(number(ds, 'NumberOfFrames', 1))):
        yield f'NumberOfFrames: {ours["frames"]}, pydicom {ds.get("NumberOfFrames")}'
    if ours['is_signed'] != (ds.PixelRepresentation == 1):
        yield 'PixelRepresentation'
    if not (is_near(ours['slope'], number(ds, 'RescaleSlope', 1.0))
            and is_near(ours['intercept'], number(ds, 'RescaleIntercept', 0.0))):
        yield 'rescaling'
    if ds.file_meta.TransferSyntaxUID in NATIVE:
        with open(ours['path'], 'rb') as f:
            f.seek(ours['pixel_offset'])
            if f.read(ours['pixel_bytes']) != ds.PixelData:
                yield 'the pixels lie elsewhere'


def plane_differences(ours, ds):
    position, spacing = numbers(ds, 'ImagePositionPatient', 3), numbers(ds, 'PixelSpacing', 2)
    orientation = numbers(ds, 'ImageOrientationPatient', 6)
    if not ours['has_plane']:
        if position and spacing and orientation and abs(sum(v * v for v in orientation) - 2.0) < 1e-3:
            yield 'the geometry was not taken'
        return
    for key, theirs in (('position_mm', position), ('orientation', orientation), ('spacing_mm', spacing)):
        if theirs is None or not all(map(is_near, ours[key], theirs)):
            yield f'{key}: {ours[key]}, pydicom {theirs}'


ENHANCED = {f'1.2.840.10008.5.1.4.1.1.{tail}' for tail in ('2.1', '2.2', '4.1', '4.4', '130', '128.1')}
# (group's sequence, attribute in it, attribute of a classic image that it stands for)
GROUPS = (
    ('PlanePositionSequence', 'ImagePositionPatient', 'ImagePositionPatient'),
    ('PlaneOrientationSequence', 'ImageOrientationPatient', 'ImageOrientationPatient'),
    ('PixelMeasuresSequence', 'PixelSpacing', 'PixelSpacing'),
    ('PixelMeasuresSequence', 'SliceThickness', 'SliceThickness'),
    ('PixelValueTransformationSequence', 'RescaleSlope', 'RescaleSlope'),
    ('PixelValueTransformationSequence', 'RescaleIntercept', 'RescaleIntercept'),
    ('FrameContentSequence', 'FrameAcquisitionDateTime', 'AcquisitionDateTime'),
    ('FrameContentSequence', 'FrameReferenceDateTime', 'ContentDateTime'),
    ('FrameContentSequence', 'TemporalPositionIndex', 'TemporalPositionIdentifier'),
    ('FrameContentSequence', 'FrameAcquisitionNumber', 'AcquisitionNumber'),
    ('CardiacSynchronizationSequence', 'NominalCardiacTriggerDelayTime', 'TriggerTime'),
    ('MREchoSequence', 'EffectiveEchoTime', 'EchoTime'),
)


def flatten(ds):
    """An Enhanced object as a classic image of its first frame; others as they are."""
    shared, own = ds.get('SharedFunctionalGroupsSequence') or [], ds.get('PerFrameFunctionalGroupsSequence') or []
    if ds.get('SOPClassUID') not in ENHANCED or len(own) != int(ds.get('NumberOfFrames', 1)):
        return ds
    for keyword in ('ImagePositionPatient', 'ImageOrientationPatient', 'PixelSpacing'):
        if keyword in ds:
            del ds[keyword]
    for sequence, keyword, classic in GROUPS:
        for group in (*shared[:1], own[0]):
            value = group[sequence][0].get(keyword) if sequence in group and group[sequence].value else None
            if value is None:
                continue
            if classic == 'ContentDateTime':
                ds.ContentDate, ds.ContentTime = str(value)[:8], str(value)[8:].split('+')[0]
            else:
                setattr(ds, classic, value)
    for group in (*shared[:1], own[0]):
        if 'BodyPartExamined' not in ds and group.get('FrameAnatomySequence'):
            region = group.FrameAnatomySequence[0].get('AnatomicRegionSequence')
            ds.BodyPartExamined = region[0].CodeMeaning.upper() if region else ''
    return ds


# Files that scan_file() refuses though pydicom makes something of them, and why that is right.
REFUSED = {
    'SC_rgb_jpeg.dcm': 'its VR is not',  # says explicit VR and is implicit
    'DICOMDIR-nooffset': 'longer than what holds it',  # ends inside an item
    'rtplan_truncated.dcm': 'past the end',  # cut, as its name says
    'MR_truncated.dcm': 'past the end',
    'emri_small_jpeg_2k_lossless_too_short.dcm': 'the data end',  # cut within the fragments
    'meta_missing_tsyntax.dcm': 'transfer syntax is missing',
}


def is_rightly_refused(path, why):
    """Whether what was refused lacks what the reason says, also to the second reader."""
    if re.search(REFUSED.get(path.name, 'no such'), why):
        return True
    found = re.search(r'[(](....),(....)[)] is (missing|not a UID)', why)
    if not found:
        return False
    value = pydicom.dcmread(path).get((int(found[1], 16), int(found[2], 16)))
    return value is None or not value.value or not re.fullmatch(r'[0-9]+([.][0-9]+)*', str(value.value))


class Scan(unittest.TestCase):
    def look(self, folder):
        if not (DATA / folder).is_dir():
            self.skipTest('no data: set HILUM_DATA')
        paths = list(choose(DATA / folder))
        self.assertGreater(len(paths), 0)
        problems, refused = [], 0
        warnings.simplefilter('ignore')
        for path, ours in zip(paths, scan(paths), strict=True):
            name = str(path.relative_to(DATA))
            if 'error' in ours:
                refused += 1
                if not is_rightly_refused(path, ours['error']):
                    problems.append(f'{name}: refused: {ours["code"]} {ours["error"]}')
                continue
            problems += [f'{name}: {d}' for d in differences(ours, flatten(pydicom.dcmread(path)))]
        print(f'{folder}: {len(paths)} files, {refused} refused, {len(problems)} differences', file=sys.stderr)
        self.assertEqual(problems, [])

    def test_what_is_not_dicom_is_said_to_be_none(self):
        if not (DATA / 'odd-dicom').is_dir():
            self.skipTest('no data: set HILUM_DATA')
        paths = [p for p in (DATA / 'odd-dicom').rglob('*') if p.is_file() and not is_part10(p)]
        for path, ours in zip(paths, scan(paths), strict=True):
            self.assertEqual(ours.get('code'), 'ERR_FORMAT', path)
            self.assertRegex(ours['error'], 'not a DICOM file|an empty file')


for one in FOLDERS:
    def test(self, folder=one):
        self.look(folder)
    setattr(Scan, f'test_both_readers_agree_on_{one.replace("-", "_")}', test)


if __name__ == '__main__':
    unittest.main()
