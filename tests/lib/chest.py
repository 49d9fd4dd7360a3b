"""A CT of a made-up chest: a body, spine and ribs as dense rods; and what the example model should find in it."""
import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid
from scipy import ndimage

CT = '1.2.840.10008.5.1.4.1.1.2'
AXIAL = np.array([[1, 0, 0], [0, 1, 0]], float)


def oblique(degrees=20):
    """Rows and columns of slices turned about all axes."""
    a = np.radians(degrees)
    x = np.array([np.cos(a), np.sin(a), 0.1])
    x /= np.linalg.norm(x)
    y = np.array([-np.sin(a), np.cos(a), 0.25])
    y -= x * (x @ y)
    return np.array([x, y / np.linalg.norm(y)])


class Chest:
    """hu float [z][y][x] at the voxels of slices that lie as axes say, about the origin of the patient."""

    def __init__(self, shape=(40, 96, 112), spacing_mm=(2.0, 1.1, 0.9), axes=AXIAL, seed=1):
        self.shape, self.spacing_mm, self.axes = shape, np.array(spacing_mm), axes
        self.normal = np.cross(*axes)
        self.first_mm = -sum(a * s * (n - 1) / 2 for a, s, n in zip(self.directions(), spacing_mm, shape))
        at = np.meshgrid(*map(np.arange, shape), indexing='ij')
        mm = self.first_mm + sum(i[..., None] * s * d for i, s, d in zip(at, spacing_mm, self.directions()))
        self.hu = self.tissue(mm) + np.random.default_rng(seed).normal(0, 12, shape)

    def directions(self):
        return self.normal, self.axes[1], self.axes[0]

    @staticmethod
    def tissue(mm):
        x, y, z = np.moveaxis(mm, -1, 0)
        hu = np.full(x.shape, -1000.0)
        hu[(x / 42) ** 2 + (y / 38) ** 2 < 1] = 40
        hu[((np.abs(x) - 18) / 11) ** 2 + (y / 18) ** 2 < 1] = -850
        hu[x ** 2 + (y - 26) ** 2 < 64] = 700
        for k in range(-3, 4):
            rib = ((np.hypot(x / 40, y / 36) - 0.92) / 0.06) ** 2 + ((z - 11 * k - 0.1 * y) / 3.5) ** 2 < 1
            hu[rib] = 600
        return hu

    def bone(self, spacing_mm=1.5, bone_hu=250.0, patch=32):
        """What the example's card and network mean, by scipy: scaled, smoothed, cut; bool [z][y][x]."""
        shape = [max(1, int(n * s / spacing_mm + 0.5)) for n, s in zip(self.shape, self.spacing_mm)]
        size = [n * s / m for n, s, m in zip(self.shape, self.spacing_mm, shape)]
        there = np.meshgrid(*[(np.arange(m) + 0.5) * d / s - 0.5 for m, d, s in zip(shape, size, self.spacing_mm)],
                            indexing='ij')
        scaled = ndimage.map_coordinates(np.round(self.hu), there, order=1, mode='nearest')
        scaled = (np.clip(scaled, -1000, 1000) + 1000) / 2000
        modes = ['nearest' if m >= patch else 'constant' for m in shape]  # around a smaller volume lies padding
        logit = 20 * (ndimage.uniform_filter(scaled, 3, mode=modes) - (bone_hu + 1000) / 2000)
        back = np.meshgrid(*[(np.arange(n) + 0.5) * s / d - 0.5 for n, s, d in zip(self.shape, self.spacing_mm, size)],
                           indexing='ij')
        return ndimage.map_coordinates(logit, back, order=1, mode='nearest') > 0

    def write(self, folder, modality='CT', body_part='CHEST', skip=(), scale=1.0, patient='MARKERNAME^Chest'):
        """One file a slice, in no order of place; returns the files."""
        folder.mkdir(parents=True, exist_ok=True)
        study, series, frame = (generate_uid(entropy_srcs=[str(folder), word]) for word in ('study', 'series', 'frame'))
        files = []
        for z in range(self.shape[0]):
            if z in skip:
                continue
            ds = Dataset()
            ds.SOPClassUID = CT
            ds.SOPInstanceUID = generate_uid(entropy_srcs=[str(folder), str(z)])
            ds.StudyInstanceUID, ds.SeriesInstanceUID, ds.FrameOfReferenceUID = study, series, frame
            ds.PatientName, ds.PatientID, ds.PatientBirthDate, ds.PatientSex = patient, 'MARKERID-C', '19500101', 'F'
            ds.StudyDate, ds.StudyTime, ds.StudyID, ds.AccessionNumber = '20250301', '101500', '1', 'A1'
            ds.SeriesDate, ds.SeriesTime = '20250301', '101500'
            ds.AcquisitionDate, ds.AcquisitionTime, ds.ContentDate, ds.ContentTime = '20250301', '101501', '20250301', '101501'
            ds.ReferringPhysicianName, ds.Modality, ds.Manufacturer = '', modality, 'Hilum'
            ds.SeriesNumber, ds.AcquisitionNumber, ds.InstanceNumber = 3, 1, z + 1
            ds.SeriesDescription, ds.BodyPartExamined = 'Chest 2 mm', body_part
            ds.PositionReferenceIndicator, ds.PatientPosition = '', 'HFS'
            ds.ImageType = ['ORIGINAL', 'PRIMARY', 'AXIAL']
            place = self.first_mm + z * self.spacing_mm[0] * self.normal
            ds.ImagePositionPatient = [f'{v:.6f}' for v in place]
            ds.ImageOrientationPatient = [f'{v:.8f}' for v in self.axes.ravel()]
            ds.PixelSpacing = [f'{self.spacing_mm[1]:g}', f'{self.spacing_mm[2]:g}']
            ds.SliceThickness = f'{self.spacing_mm[0]:g}'
            ds.KVP = '120'
            ds.Rows, ds.Columns = self.shape[1:]
            ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, 'MONOCHROME2'
            ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 16, 15, 1
            ds.RescaleSlope, ds.RescaleIntercept, ds.RescaleType = '1', '0', 'HU'
            ds.PixelData = np.round(self.hu[z] * scale).astype('<i2').tobytes()
            ds.file_meta = FileMetaDataset()
            ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID
            ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
            ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
            ds.is_little_endian, ds.is_implicit_VR = True, False
            path = folder / f'{(z * 7919) % 100003:06d}.dcm'
            ds.save_as(path, write_like_original=False)
            files.append(path)
        return files

    def mask(self, segment):
        """A segment of checks.segments() on this grid."""
        frames, _, corners = segment
        mask = np.zeros(self.shape, bool)
        for frame, corner in zip(frames, corners):
            k = (np.array(corner) - self.first_mm) @ self.normal / self.spacing_mm[0]
            z = int(round(k))
            off = np.linalg.norm(self.first_mm + z * self.spacing_mm[0] * self.normal - corner)
            if off > 0.01:
                raise AssertionError(f'a frame of the SEG lies {off} mm off the grid of the source')
            mask[z] |= frame
        return mask
