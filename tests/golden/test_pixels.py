"""Pixels of every transfer syntax, read as a second reader (pydicom with GDCM) has them (READ_DUMP: the tool)."""
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest
import warnings

import gdcm
import numpy as np
import pydicom
from pydicom._uid_dict import UID_dictionary
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, JPEG2000Lossless

ROOT = pathlib.Path(__file__).resolve().parents[2]
DATA = pathlib.Path(os.environ.get('HILUM_DATA', ROOT.parent / 'shared/data'))
CODESTREAMS = ROOT / 'tests/fuzz/corpus/j2k'
HTJ2K = ('1.2.840.10008.1.2.4.201', '1.2.840.10008.1.2.4.202')
for uid in HTJ2K:  # younger than this pydicom
    UID_dictionary.setdefault(uid, ('HTJ2K', 'Transfer Syntax', '', '', 'HTJ2K'))

ENHANCED = {f'1.2.840.10008.5.1.4.1.1.{tail}' for tail in ('2.1', '2.2', '4.1', '4.4', '130', '128.1')}

# Files where the readers rightly differ, and why.
OTHERWISE = {
    '20-wrong-transfer-syntax.dcm': 'says JPEG-LS, and is not compressed',
    'MR1_JLSL': 'GDCM fails at its fragments; ours are those of dcmdjpls',
    'JPEG2000-embedded-sequence-delimiter.dcm': 'bytes of its codestream were overwritten for a test',
    'OBXXXX1A_expb.dcm': '8 bits in big endian words: pydicom does not swap them',
    'mlut_18.dcm': 'a modality LUT: refused',
}


def read(files):
    """For each file its frames float32 [frames][rows][columns], or why there are none."""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run([os.environ['READ_DUMP'], folder, *files], check=True, capture_output=True, text=True)
        for line in done.stdout.splitlines():
            number, text = line.split(' ', 1)
            if text.startswith('ERR_'):
                yield text
                continue
            frames, columns, rows = map(int, text.split())
            yield np.fromfile(f'{folder}/{number}.f32', '<f4').reshape(frames, rows, columns)


def rescaled(ds):
    """The second reader's frames, in modality units."""
    pixels = ds.pixel_array.astype(np.float64)
    pixels = pixels.reshape(-1, ds.Rows, ds.Columns)
    shared, own = ds.get('SharedFunctionalGroupsSequence'), ds.get('PerFrameFunctionalGroupsSequence')
    for i in range(len(pixels)):
        slope, intercept = float(ds.get('RescaleSlope', 1)), float(ds.get('RescaleIntercept', 0))
        for group in (shared[0] if shared else {}, own[i] if own and len(own) == len(pixels) else {}):
            if 'PixelValueTransformationSequence' in group:
                at = group['PixelValueTransformationSequence'][0]
                slope, intercept = float(at.RescaleSlope), float(at.RescaleIntercept)
        pixels[i] = pixels[i] * slope + intercept
    return pixels


def image(bits, signed, frames=1):
    """A smooth image with grain that uses all its bits."""
    rng = np.random.default_rng(bits + 100 * signed)
    y, x = np.mgrid[0:61, 0:83]
    ramp = np.stack([(x * 1.7 + y * 2.3 + 11 * k) / (83 * 1.7 + 61 * 2.3 + 11 * frames) for k in range(frames)])
    pixels = np.rint(ramp * (2 ** bits - 1) * 0.98 + rng.integers(0, max(2, 2 ** bits // 64), ramp.shape))
    pixels = np.clip(pixels, 0, 2 ** bits - 1).astype(int) - (2 ** (bits - 1) if signed else 0)
    pixels[:, 0, 0], pixels[:, -1, -1] = pixels.min(), pixels.max()
    return pixels


def write(path, pixels, bits, signed, syntax=ExplicitVRLittleEndian, fragments=None):
    """A CT image, or an Enhanced MR object of several frames; fragments: [frames] codestreams."""
    ds, meta = Dataset(), FileMetaDataset()
    frames = len(pixels)
    ds.SOPClassUID = '1.2.840.10008.5.1.4.1.1.' + ('2' if frames == 1 else '4.1')
    ds.SOPInstanceUID, ds.StudyInstanceUID, ds.SeriesInstanceUID = '1.2.3.4', '1.2.3', '1.2.3.1'
    ds.Modality, ds.SamplesPerPixel, ds.PhotometricInterpretation = 'CT', 1, 'MONOCHROME2'
    ds.Rows, ds.Columns = pixels.shape[1:]
    ds.BitsAllocated = 8 if bits <= 8 else 16
    ds.BitsStored, ds.HighBit, ds.PixelRepresentation = bits, bits - 1, int(signed)
    if frames > 1:
        ds.NumberOfFrames = frames
        measures = Dataset()
        measures.PixelSpacing, measures.SliceThickness = [1, 1], 5
        plane, shared = Dataset(), Dataset()
        plane.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        shared.PixelMeasuresSequence, shared.PlaneOrientationSequence = [measures], [plane]
        ds.SharedFunctionalGroupsSequence, ds.PerFrameFunctionalGroupsSequence = [shared], []
        for k in range(frames):
            own, place, rescale = Dataset(), Dataset(), Dataset()
            place.ImagePositionPatient = [0, 0, 5 * k]
            rescale.RescaleSlope, rescale.RescaleIntercept, rescale.RescaleType = 1 + k, -10 * k, 'US'
            own.PlanePositionSequence, own.PixelValueTransformationSequence = [place], [rescale]
            ds.PerFrameFunctionalGroupsSequence.append(own)
    else:
        ds.RescaleSlope, ds.RescaleIntercept = '2', '-7'
    ds.PixelData = (pixels & (2 ** ds.BitsAllocated - 1)).astype(f'<u{ds.BitsAllocated // 8}').tobytes()
    if len(ds.PixelData) % 2:
        ds.PixelData += b'\0'
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = ds.SOPClassUID, ds.SOPInstanceUID
    meta.ImplementationClassUID = '1.2.3'
    if fragments:
        meta.TransferSyntaxUID = syntax
        ds.PixelData = pydicom.encaps.encapsulate(fragments)
        ds['PixelData'].is_undefined_length = True
        ds['PixelData'].VR = 'OB'
    ds.file_meta, ds.is_little_endian, ds.is_implicit_VR = meta, True, False
    pydicom.dcmwrite(path, ds, write_like_original=False)


def compress_with_gdcm(source, target, syntax):
    reader = gdcm.ImageReader()
    reader.SetFileName(str(source))
    assert reader.Read()
    change = gdcm.ImageChangeTransferSyntax()
    change.SetTransferSyntax(gdcm.TransferSyntax(syntax))
    change.SetInput(reader.GetImage())
    assert change.Change()
    writer = gdcm.ImageWriter()
    writer.SetFileName(str(target))
    writer.SetFile(reader.GetFile())
    writer.SetImage(change.GetOutput())
    assert writer.Write()


def jpeg_2000_streams(folder, pixels, bits, signed):
    """Each frame as a codestream. (Of a multi-frame object GDCM would write away the rescale.)"""
    for frame in pixels:
        write(folder / 'one.dcm', frame[None], bits, signed)
        compress_with_gdcm(folder / 'one.dcm', folder / 'one-coded.dcm', gdcm.TransferSyntax.JPEG2000Lossless)
        yield b''.join(next(pydicom.encaps.generate_pixel_data(pydicom.dcmread(folder / 'one-coded.dcm').PixelData)))


def run(*command):
    subprocess.run(list(map(str, command)), check=True, capture_output=True)


ENCODERS = {
    'implicit': lambda a, b: run('dcmconv', '+ti', a, b),
    'big endian': lambda a, b: run('dcmconv', '+tb', a, b),
    'deflated': lambda a, b: run('dcmconv', '+td', a, b),
    'JPEG lossless SV1': lambda a, b: run('dcmcjpeg', '+e1', a, b),
    'JPEG lossless': lambda a, b: run('dcmcjpeg', '+el', a, b),
    'JPEG-LS': lambda a, b: run('dcmcjpls', '+el', a, b),
    'RLE': lambda a, b: run('dcmcrle', a, b),
}


class Syntaxes(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.out = pathlib.Path(folder.name)

    def assert_read(self, path, pixels, what):
        (got,) = read([path])
        self.assertNotIsInstance(got, str, f'{what}: {got}')
        frames = len(pixels)
        slope = np.array([1 + k for k in range(frames)] if frames > 1 else [2])[:, None, None]
        intercept = np.array([-10 * k for k in range(frames)] if frames > 1 else [-7])[:, None, None]
        np.testing.assert_array_equal(got, (pixels * slope + intercept).astype(np.float32), what)

    def test_lossless_syntaxes_give_the_very_pixels(self):
        for bits, signed, frames in ((8, 0, 1), (12, 0, 1), (16, 0, 1), (12, 1, 1), (16, 1, 1), (12, 0, 3), (16, 1, 3)):
            pixels = image(bits, signed, frames)
            plain = self.out / 'plain.dcm'
            write(plain, pixels, bits, signed)
            self.assert_read(plain, pixels, f'native {bits} {signed} {frames}')
            for name, encode in ENCODERS.items():
                if name == 'JPEG lossless' and bits == 16 and signed:
                    continue  # dcmcjpeg's predictor 6 wraps: its own decoder gives other pixels, too
                with self.subTest(syntax=name, bits=bits, signed=signed, frames=frames):
                    encode(plain, self.out / 'coded.dcm')
                    self.assert_read(self.out / 'coded.dcm', pixels, name)
            with self.subTest(syntax='JPEG 2000', bits=bits, signed=signed, frames=frames):
                streams = list(jpeg_2000_streams(self.out, pixels, bits, signed))
                write(self.out / 'coded.dcm', pixels, bits, signed, JPEG2000Lossless, streams)
                self.assert_read(self.out / 'coded.dcm', pixels, 'JPEG 2000')

    def test_high_throughput_jpeg_2000(self):
        y, x = np.mgrid[0:48, 0:64]
        grain = (x * x * 7 + x * y * 13 + y * y * 3) % 251
        for bits, signed in ((12, 0), (12, 1), (16, 0), (16, 1)):
            pixels = (x + y) * (2 ** bits - 300) // 110 + grain - signed * 2 ** (bits - 1)
            data = (CODESTREAMS / f'ht-{"us"[signed]}{bits}').read_bytes()
            for syntax in HTJ2K:
                for frames in (1, 2):
                    path = self.out / f'{bits}-{signed}-{syntax[-1]}-{frames}.dcm'
                    write(path, np.stack([pixels] * frames), bits, signed, syntax, [data] * frames)
                    self.assert_read(path, np.stack([pixels] * frames), f'{bits} {signed} {syntax}')

    def test_frames_in_several_fragments_are_put_together(self):
        pixels = image(12, 0, 3)
        streams = list(jpeg_2000_streams(self.out, pixels, 12, 0))
        write(self.out / 'coded.dcm', pixels, 12, 0, JPEG2000Lossless, streams)
        ds = pydicom.dcmread(self.out / 'coded.dcm')
        ds.PixelData = pydicom.encaps.encapsulate(streams, fragments_per_frame=2)
        ds['PixelData'].is_undefined_length = True
        ds.save_as(self.out / 'split.dcm')
        self.assert_read(self.out / 'split.dcm', pixels, 'two fragments a frame')
        ds.PixelData = pydicom.encaps.encapsulate(streams, fragments_per_frame=2, has_bot=False)
        ds['PixelData'].is_undefined_length = True
        ds.save_as(self.out / 'untold.dcm')
        self.assertRegex(next(read([self.out / 'untold.dcm'])), 'which fragment is of which frame')

    def test_lossy_jpeg_2000_is_near(self):
        pixels = image(12, 0)
        write(self.out / 'plain.dcm', pixels, 12, 0)
        compress_with_gdcm(self.out / 'plain.dcm', self.out / 'coded.dcm', gdcm.TransferSyntax.JPEG2000)
        (got,) = read([self.out / 'coded.dcm'])
        expected = rescaled(pydicom.dcmread(self.out / 'coded.dcm'))
        self.assertLessEqual(np.abs(got - expected).max(), 2)  # one stored value: decoders round
        self.assertLess(np.abs(got - (2 * pixels - 7)).mean(), 100)

    def test_what_cannot_be_read_says_why(self):
        pixels = image(12, 0)
        write(self.out / 'lut.dcm', pixels, 12, 0)
        ds, table = pydicom.dcmread(self.out / 'lut.dcm'), Dataset()
        table.LUTDescriptor, table.ModalityLUTType = [4096, 0, 16], 'US'
        table.add_new('LUTData', 'OW', bytes(8192))
        ds.ModalityLUTSequence = [table]
        ds.save_as(self.out / 'lut.dcm')
        self.assertRegex(next(read([self.out / 'lut.dcm'])), 'ERR_UNSUPPORTED: .*modality LUT')
        write(self.out / 'video.dcm', pixels, 12, 0, '1.2.840.10008.1.2.4.100', [b'\0\0\1\xb3'])
        self.assertRegex(next(read([self.out / 'video.dcm'])), 'ERR_UNSUPPORTED: .*transfer syntax that is not read')
        write(self.out / 'broken.dcm', pixels, 12, 0, '1.2.840.10008.1.2.4.90', [b'\xff\x4f' + bytes(80)])
        self.assertRegex(next(read([self.out / 'broken.dcm'])), 'ERR_FORMAT: .*not a JPEG 2000 codestream')


class RealFiles(unittest.TestCase):
    maxDiff = None

    def test_real_compressed_files_are_read_as_the_second_reader_has_them(self):
        if not (DATA / 'odd-dicom').is_dir():
            self.skipTest('no data: set HILUM_DATA')
        warnings.simplefilter('ignore')
        files, expected = [], []
        for path in sorted((DATA / 'odd-dicom').rglob('*')):
            try:
                ds = pydicom.dcmread(path)
                is_right = (ds.SamplesPerPixel == 1 and ds.BitsAllocated in (8, 16) and path.name not in OTHERWISE
                            and (int(ds.get('NumberOfFrames', 1) or 1) == 1 or ds.SOPClassUID in ENHANCED and 'PerFrameFunctionalGroupsSequence' in ds)
                            and ds.get('StudyInstanceUID') and ds.SOPInstanceUID.is_valid)
                if is_right:
                    expected.append(rescaled(ds))
                    files.append(path)
            except Exception:  # not DICOM, no image, or more than the second reader can
                continue
        syntaxes, problems = {}, []
        for path, got, theirs in zip(files, read(files), expected, strict=True):
            syntax = pydicom.dcmread(path, stop_before_pixels=True).file_meta.TransferSyntaxUID.name
            syntaxes[syntax] = syntaxes.get(syntax, 0) + 1
            if isinstance(got, str):
                problems.append(f'{path.name} ({syntax}): {got}')
            elif got.shape != theirs.shape or np.abs(got - theirs).max() > 1e-4 * max(1, np.abs(theirs).max()):
                problems.append(f'{path.name} ({syntax}): {np.abs(got - theirs).max():.3g} apart of {np.abs(theirs).max():.5g}')
        print(f'{len(files)} files: {syntaxes}', file=sys.stderr)
        self.assertEqual('\n'.join(problems), '')


if __name__ == '__main__':
    unittest.main()
