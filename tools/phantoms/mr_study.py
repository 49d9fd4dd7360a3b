"""Classic MR Image objects of an echo-planar head study; UIDs come from the seed, so bytes repeat."""
import copy

import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from .dicom import common, dicom_time, ds_text, make_uid

MR_IMAGE = '1.2.840.10008.5.1.4.1.1.4'


class Images:
    """Writes the images of one study, a kind of them at a time."""

    def __init__(self, folder, seed, patient_name, patient_id):
        self.folder, self.seed, self.start_s = folder, seed, 11 * 3600 + 23 * 60
        ds = self.base = Dataset()
        common(ds, patient_name, patient_id, '20240412', self.start_s)
        ds.SOPClassUID, ds.Modality, ds.BodyPartExamined = MR_IMAGE, 'MR', 'BRAIN'
        ds.StudyInstanceUID, ds.FrameOfReferenceUID = make_uid(seed, 'study'), make_uid(seed, 'frame')
        ds.StudyDescription = 'MR head, stroke'
        ds.ImageOrientationPatient = ['1', '0', '0', '0', '1', '0']
        ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, 'MONOCHROME2'
        ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 12, 11, 0
        ds.WindowCenter, ds.WindowWidth = '400', '800'
        ds.MagneticFieldStrength, ds.ImagingFrequency, ds.ImagedNucleus = '1.5', '63.87', '1H'
        ds.ScanningSequence, ds.SequenceVariant, ds.ScanOptions = ['EP', 'GR'], 'SK', 'FS'
        ds.MRAcquisitionType, ds.NumberOfAverages, ds.PixelBandwidth = '2D', '1', '1500'
        ds.InPlanePhaseEncodingDirection, ds.FlipAngle = 'COL', '75'

    def open(self, grid, protocol, description, image_type, tr_ms, te_ms, contrast=False, b_value=None):
        """What the images that follow have in common. te_ms None: EchoTime is left empty."""
        ds = self.kind = copy.deepcopy(self.base)
        self.grid = grid
        ds.ImageType, ds.ProtocolName, ds.SeriesDescription = image_type, protocol, description
        ds.Rows = ds.Columns = grid.size
        ds.PixelSpacing = [ds_text(grid.spacing_mm)] * 2
        ds.SliceThickness = ds.SpacingBetweenSlices = ds_text(grid.slice_mm)
        ds.RepetitionTime, ds.EchoTrainLength = ds_text(tr_ms), '63'
        ds.EchoTime = '' if te_ms is None else ds_text(te_ms)
        ds.SequenceName = 'ep2d'
        if b_value is not None:
            ds.SequenceName = f'ep_b{b_value}' + ('t' if b_value else '')
        if contrast:
            ds.ContrastBolusAgent, ds.ContrastBolusRoute = 'Gadobutrol', 'INTRAVENOUS'
            ds.ContrastBolusVolume, ds.ContrastFlowRate = '7.5', '5'

    def write(self, series, number, slice_index, time_s, time_index, pixels):
        """pixels: uint16 [size][size]; time_s after the first image of the perfusion scan."""
        ds, grid = self.kind, self.grid
        ds.SOPInstanceUID = make_uid(self.seed, 'image', slice_index, time_index)
        ds.SeriesInstanceUID, ds.SeriesNumber = make_uid(self.seed, 'series', series), str(series)
        ds.SeriesTime = dicom_time(self.start_s + (600 if time_s >= 0 else 300))
        ds.AcquisitionTime, ds.ContentTime = dicom_time(self.start_s + 600 + time_s), dicom_time(self.start_s + 601 + time_s)
        ds.AcquisitionNumber, ds.InstanceNumber = str(time_index + 1 if time_s >= 0 else 1), str(number)
        corner, z = ds_text(grid.axis_mm[0]), ds_text(float(grid.z_mm[slice_index]))
        ds.ImagePositionPatient, ds.SliceLocation = [corner, corner, z], z
        ds.PixelData = pixels.astype('<u2').tobytes()
        meta = FileMetaDataset()
        meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = MR_IMAGE, ds.SOPInstanceUID
        meta.TransferSyntaxUID = ExplicitVRLittleEndian
        meta.ImplementationClassUID = make_uid('hilum phantom')
        ds.file_meta, ds.is_little_endian, ds.is_implicit_VR = meta, True, False
        pydicom.dcmwrite(self.folder / f'{series:03d}-{number:05d}.dcm', ds, write_like_original=False)
