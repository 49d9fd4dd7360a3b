"""
Labelled short-axis images: Sunnybrook Cardiac Data as PNG pairs, and as DICOM with experts' contours.

DATA/scd_png/PATIENT/NAME.image.png, NAME.lv.png        8 bit, no spacing; mask of the LV cavity
DATA/scd_dicom/STUDY/dicom/N.dcm, contours/i-contours/  cine studies; IM-0001-N-icontour-manual.txt

Patients are the unit of every split. Three of them stand in both sets (their images are equal to
rounding), so a study takes the name of its patient.
"""
import dataclasses
import pathlib
import re
import subprocess
import tempfile

import numpy as np
import pydicom
from PIL import Image, ImageDraw

STUDY_OF = {'SCD0000101': 'SC-HF-I-01', 'SCD0000201': 'SC-HF-I-02', 'SCD0000301': 'SC-HF-I-04'}


@dataclasses.dataclass
class Sample:
    patient: str
    name: str
    image: np.ndarray  # float32 [y][x], arbitrary units
    mask: np.ndarray  # uint8 [y][x], 1 in the LV cavity
    spacing_mm: float  # 0: unknown


def load_png(data):
    """All labelled PNG slices, in the order of patient and name."""
    samples = []
    for mask_path in sorted((data / 'scd_png').glob('*/*.lv.png')):
        mask = np.asarray(Image.open(mask_path).convert('L')) > 127
        image_path = mask_path.with_name(mask_path.name.replace('.lv.png', '.image.png'))
        image = np.asarray(Image.open(image_path).convert('L'), np.float32)
        name = mask_path.name.removesuffix('.lv.png')
        samples.append(Sample(mask_path.parent.name, name, image, mask.astype(np.uint8), 0.0))
    if not samples:
        raise FileNotFoundError(f'{data}/scd_png holds no PATIENT/NAME.lv.png')
    return samples


def fill_polygon(points, shape):
    """Pixels whose centre lies in the polygon of (x, y) points, drawn four times finer."""
    fine = 4
    canvas = Image.new('L', (shape[1] * fine, shape[0] * fine))
    ImageDraw.Draw(canvas).polygon([((x + 0.5) * fine, (y + 0.5) * fine) for x, y in points], fill=1)
    share = np.asarray(canvas, np.float32).reshape(shape[0], fine, shape[1], fine).mean(axis=(1, 3))
    return share >= 0.5


def polygon_area(points):
    x, y = points.T
    return 0.5 * abs(float(x @ np.roll(y, 1) - y @ np.roll(x, 1)))


@dataclasses.dataclass
class Slice:
    """One image of a cine study; contours are experts' masks or None."""
    number: int
    pixels: np.ndarray
    position_mm: float  # along the normal of the stack
    trigger_ms: float
    endo: np.ndarray = None
    endo_area: float = 0.0  # pixels, of the contour itself
    epi: np.ndarray = None


@dataclasses.dataclass
class Study:
    patient: str
    name: str
    spacing_mm: float
    slices: list

    def gap_mm(self):
        positions = sorted({round(s.position_mm, 1) for s in self.slices})
        return float(np.median(np.diff(positions)))


def read_pixels(path, scratch):
    """A data set; JPEG-LS is undone by DCMTK, which pydicom of Debian cannot do alone."""
    ds = pydicom.dcmread(path)
    if ds.file_meta.TransferSyntaxUID.is_compressed:
        plain = pathlib.Path(scratch) / 'plain.dcm'
        subprocess.run(['dcmdjpls', str(path), str(plain)], check=True)
        ds = pydicom.dcmread(plain)
    return ds, ds.pixel_array.astype(np.float32)


def read_contours(folder, kind, shape):
    """{image number: (mask, area)}"""
    out = {}
    for path in sorted(folder.glob(f'IM-*-{kind}contour-manual.txt')):
        number = int(re.match(r'IM-\d+-(\d+)-', path.name).group(1))
        points = np.loadtxt(path)
        out[number] = fill_polygon(points, shape), polygon_area(points)
    return out


def load_studies(data):
    """The cine studies with contours, every image of them."""
    studies = []
    for folder in sorted((data / 'scd_dicom').glob('*')):
        slices = []
        with tempfile.TemporaryDirectory() as scratch:
            for path in sorted((folder / 'dicom').glob('*.dcm'), key=lambda p: int(p.stem)):
                ds, pixels = read_pixels(path, scratch)
                normal = np.cross(ds.ImageOrientationPatient[:3], ds.ImageOrientationPatient[3:])
                slices.append(Slice(int(path.stem), pixels, float(normal @ ds.ImagePositionPatient),
                                    float(ds.TriggerTime)))
                spacing_mm = float(ds.PixelSpacing[0])
        endo = read_contours(folder / 'contours/i-contours', 'i', slices[0].pixels.shape)
        epi = read_contours(folder / 'contours/o-contours', 'o', slices[0].pixels.shape)
        for s in slices:
            s.endo, s.endo_area = endo.get(s.number, (None, 0.0))
            s.epi = epi.get(s.number, (None, 0.0))[0]
        patient = STUDY_OF.get(folder.name, folder.name)
        studies.append(Study(patient, folder.name, spacing_mm, slices))
    return studies


def samples_of(studies):
    """The contoured images of the studies, as training takes them."""
    return [Sample(study.patient, f'{study.name}-{s.number:04d}', s.pixels, s.endo.astype(np.uint8), study.spacing_mm)
            for study in studies for s in study.slices if s.endo is not None]


def split_patients(patients, folds, seed, together):
    """
    Patients into folds of like mixture (by the name up to its number: SC-HF-I, SC-HYP, ...).
    Those in `together` (the cine studies) all fall into fold 0: one run measures their volumes.
    """
    rng = np.random.default_rng(seed)
    out = [[] for _ in range(folds)]
    rest = []
    for group in sorted({p.rsplit('-', 1)[0] for p in patients}):
        members = sorted(p for p in patients if p.rsplit('-', 1)[0] == group)
        out[0] += [p for p in members if p in together]
        rest += list(rng.permutation([p for p in members if p not in together]))
    for patient in rest:
        group = patient.rsplit('-', 1)[0]
        def load(k):
            return sum(p.rsplit('-', 1)[0] == group for p in out[k]), len(out[k]), k
        out[min(range(folds), key=load)].append(str(patient))
    return [sorted(fold) for fold in out]
