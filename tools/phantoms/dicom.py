"""Classic CT Image objects of an image series; UIDs come from the seed, so bytes repeat."""
import hashlib
import math

import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian

CT_IMAGE = '1.2.840.10008.5.1.4.1.1.2'


def make_uid(*parts):
    digest = hashlib.sha256('|'.join(map(str, parts)).encode()).digest()
    return UID('2.25.' + str(int.from_bytes(digest[:16], 'big') >> 1))


def dicom_time(seconds):
    """Seconds of the day as TM with milliseconds."""
    ms = int(round(seconds * 1000)) % 86400000
    return f'{ms // 3600000:02d}{ms // 60000 % 60:02d}{ms // 1000 % 60:02d}.{ms % 1000:03d}'


def ds_text(value):
    return f'{value:.6f}'.rstrip('0').rstrip('.') or '0'


def common(ds, patient_name, patient_id, day, start_s):
    ds.SpecificCharacterSet = 'ISO_IR 192'
    ds.SOPClassUID = CT_IMAGE
    ds.StudyDate = ds.SeriesDate = ds.AcquisitionDate = ds.ContentDate = day
    ds.StudyTime = dicom_time(start_s)
    ds.AccessionNumber = 'PH' + patient_id[-6:]
    ds.Modality = 'CT'
    ds.Manufacturer = 'Hilum'
    ds.InstitutionName = 'Phantom Hospital'
    ds.ReferringPhysicianName = 'Referrer^Of^Phantoms'
    ds.StationName = 'PHANTOM1'
    ds.ManufacturerModelName = 'Digital phantom'
    ds.DeviceSerialNumber = '1'
    ds.SoftwareVersions = '1'
    ds.PatientName, ds.PatientID = patient_name, patient_id
    ds.PatientBirthDate, ds.PatientSex, ds.PatientAge = '19550317', 'O', '068Y'
    ds.PatientSize, ds.PatientWeight = '1.72', '74'
    ds.StudyID = '1'
    ds.PatientPosition = 'HFS'
    ds.PositionReferenceIndicator = ''
    ds.BodyPartExamined = 'HEAD'


def acquisition(ds):
    ds.ScanOptions = 'CINE'
    ds.KVP = '80'
    ds.ExposureTime, ds.XRayTubeCurrent, ds.Exposure = '1000', '200', '200'
    ds.DataCollectionDiameter = '250'
    ds.ReconstructionDiameter = '250'
    ds.GantryDetectorTilt = '0'
    ds.TableHeight = '150'
    ds.RotationDirection = 'CW'
    ds.ConvolutionKernel = 'H31s'
    ds.ContrastBolusAgent = 'Iohexol 350'
    ds.ContrastBolusRoute = 'INTRAVENOUS'
    ds.ContrastBolusVolume = '40'
    ds.ContrastFlowRate = '5'


def image(ds, grid):
    ds.ImageType = ['ORIGINAL', 'PRIMARY', 'AXIAL']
    ds.SliceThickness = ds_text(grid.slice_mm / grid.thin)
    turn = math.radians(grid.tilt_deg)
    ds.ImageOrientationPatient = ['1', '0', '0', '0', ds_text(math.cos(turn)), ds_text(math.sin(turn))]
    ds.GantryDetectorTilt = ds_text(grid.tilt_deg)
    ds.PixelSpacing = [ds_text(grid.spacing_mm)] * 2
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, 'MONOCHROME2'
    ds.Rows = ds.Columns = grid.size
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 12, 11, 0
    ds.RescaleIntercept, ds.RescaleSlope, ds.RescaleType = '-1024', '1', 'HU'
    ds.WindowCenter, ds.WindowWidth = '40', '80'


class Study:
    """Writes images of one study; what does not change is set once."""

    def __init__(self, folder, grid, seed, patient_name, patient_id, description, start_s=10 * 3600 + 7 * 60):
        self.folder, self.grid, self.seed = folder, grid, seed
        self.day, self.start_s = '20240214', start_s
        self.moves_date = True  # over midnight
        self.uid = make_uid(seed, 'study')
        self.base = Dataset()
        common(self.base, patient_name, patient_id, self.day, self.start_s)
        acquisition(self.base)
        image(self.base, grid)
        self.base.StudyInstanceUID = self.uid
        self.base.StudyDescription = description
        self.base.FrameOfReferenceUID = make_uid(seed, 'frame')

    def describe(self, series, series_name, slice_index):
        """What images of a series and slice share; gives the data set that write() completes."""
        ds, grid = self.base, self.grid
        ds.SeriesInstanceUID = make_uid(self.seed, 'series', series)
        ds.SeriesNumber, ds.SeriesDescription = str(series), series_name
        ds.ProtocolName = 'Brain perfusion'
        ds.SeriesTime = dicom_time(self.start_s + 60)
        z = self.z_mm(slice_index)
        corner, turn = float(grid.axis_mm[0]), math.radians(grid.tilt_deg)
        # The table moves along z: slices of a tilted gantry are sheared.
        ds.ImagePositionPatient = [ds_text(v) for v in (
            corner, corner * math.cos(turn), z + corner * math.sin(turn))]
        ds.SliceLocation = ds_text(z)
        return ds

    def z_mm(self, slice_index):
        """Of the middle of a written slice; thin ones share a slice of the grid."""
        grid = self.grid
        within = slice_index % grid.thin - (grid.thin - 1) / 2
        return float(grid.z_mm[slice_index // grid.thin]) + within * grid.slice_mm / grid.thin

    def date_of(self, seconds):
        """The day of a time that may lie beyond midnight."""
        return str(int(self.day) + int(self.moves_date and seconds >= 86400))

    def write(self, series, series_name, number, slice_index, time_s, time_index, pixels, copy=0):
        """pixels: uint16 [size][size], stored values; copy: of an image that was written already."""
        ds = self.describe(series, series_name, slice_index)
        ds.SOPInstanceUID = make_uid(self.seed, 'image', slice_index, time_index, *([copy] if copy else []))
        ds.AcquisitionDate = ds.ContentDate = self.date_of(self.start_s + 60 + time_s)
        ds.AcquisitionTime = dicom_time(self.start_s + 60 + time_s)
        ds.ContentTime = dicom_time(self.start_s + 65 + time_s)
        ds.AcquisitionNumber, ds.InstanceNumber = str(time_index + 1), str(number)
        ds.PixelData = pixels.astype('<u2').tobytes()
        self.save(ds, f'{series:03d}-{number:05d}' + (f'-{copy}' if copy else '') + '.dcm')

    def finish(self):
        """All images have been given."""

    def save(self, ds, name):
        meta = FileMetaDataset()
        meta.MediaStorageSOPClassUID = ds.SOPClassUID
        meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
        meta.TransferSyntaxUID = ExplicitVRLittleEndian
        meta.ImplementationClassUID = make_uid('hilum phantom')
        ds.file_meta = meta
        ds.is_little_endian, ds.is_implicit_VR = True, False
        pydicom.dcmwrite(self.folder / name, ds, write_like_original=False)
