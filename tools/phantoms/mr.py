"""Classic and Enhanced MR Image objects of a cine study; UIDs come from the seed, so bytes repeat."""
import copy

import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian

from .dicom import common, dicom_time, ds_text, make_uid

CLASSIC, ENHANCED = '1.2.840.10008.5.1.4.1.1.4', '1.2.840.10008.5.1.4.1.1.4.1'
TR_MS, TE_MS, FLIP_DEG = 3.2, 1.4, 50


def items(*datasets):
    return Sequence(list(datasets))


def fill(**elements):
    ds = Dataset()
    for name, value in elements.items():
        setattr(ds, name, value)
    return ds


def code(value, scheme, meaning):
    return fill(CodeValue=value, CodingSchemeDesignator=scheme, CodeMeaning=meaning)


class Plane:
    """Where an image lies: first pixel, directions of rows and columns, mm."""

    def __init__(self, origin, row, column, slice_index):
        self.origin, self.row, self.column, self.slice_index = origin, row, column, slice_index

    def orientation(self):
        return [ds_text(x) for x in (*self.row, *self.column)]

    def position(self):
        return [ds_text(x) for x in self.origin]


class Frame:
    """An image of the cine: its plane, when it was taken after the R wave, of what R-R interval."""

    def __init__(self, plane, phase, trigger_ms, rr_ms, pixels):
        self.plane, self.phase, self.trigger_ms, self.rr_ms, self.pixels = plane, phase, trigger_ms, rr_ms, pixels


class Study:
    def __init__(self, folder, seed, options, spacing_mm):
        self.folder, self.seed, self.options, self.spacing_mm = folder, seed, options, spacing_mm
        self.start_s = 9 * 3600 + 41 * 60
        ds = self.base = Dataset()
        common(ds, options.patient_name, options.patient_id, '20240305', self.start_s)
        ds.Modality, ds.BodyPartExamined, ds.PatientSex = 'MR', 'HEART', options.sex
        ds.StudyInstanceUID, ds.FrameOfReferenceUID = make_uid(seed, 'study'), make_uid(seed, 'frame')
        ds.StudyDescription = 'Cardiac MR'
        ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, 'MONOCHROME2'
        ds.Rows = ds.Columns = options.size
        ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 12, 11, 0
        ds.MagneticFieldStrength = '1.5'

    def write_classic(self, frame, series, name, number, gap_mm, phases):
        """gap_mm None: SpacingBetweenSlices is left out, as GE does."""
        ds = copy.deepcopy(self.base)
        ds.SOPClassUID = CLASSIC
        ds.SOPInstanceUID = make_uid(self.seed, 'image', series, number)
        self._series(ds, series, name)
        ds.ImageType = ['ORIGINAL', 'PRIMARY', 'OTHER']
        ds.ScanningSequence, ds.SequenceVariant, ds.ScanOptions = 'GR', 'SK', 'CG'
        ds.MRAcquisitionType, ds.SequenceName = '2D', 'bSSFP'
        ds.RepetitionTime, ds.EchoTime, ds.FlipAngle, ds.EchoTrainLength = str(TR_MS), str(TE_MS), str(FLIP_DEG), '1'
        ds.NumberOfAverages, ds.ImagingFrequency, ds.ImagedNucleus = '1', '63.87', '1H'
        ds.SliceThickness, ds.PixelSpacing = ds_text(self.options.thickness), [ds_text(self.spacing_mm)] * 2
        if gap_mm is not None:
            ds.SpacingBetweenSlices = ds_text(gap_mm)
        ds.ImageOrientationPatient, ds.ImagePositionPatient = frame.plane.orientation(), frame.plane.position()
        ds.TriggerTime, ds.NominalInterval = ds_text(round(frame.trigger_ms, 3)), str(round(frame.rr_ms))
        ds.BeatRejectionFlag, ds.CardiacNumberOfImages = 'N', str(phases)
        ds.LowRRValue, ds.HighRRValue = str(round(0.9 * frame.rr_ms)), str(round(1.1 * frame.rr_ms))
        ds.HeartRate = str(round(60000 / frame.rr_ms))
        ds.AcquisitionNumber, ds.InstanceNumber = '1', str(number)
        taken_s = self.start_s + 60 + 15 * frame.plane.slice_index
        ds.AcquisitionDate, ds.AcquisitionTime, ds.ContentTime = ds.StudyDate, dicom_time(taken_s), dicom_time(taken_s + 3)
        self._save(ds, frame.pixels.tobytes(), f'{series:03d}-{number:05d}.dcm')

    def _series(self, ds, series, name):
        ds.SeriesInstanceUID = make_uid(self.seed, 'series', series)
        ds.SeriesNumber, ds.SeriesDescription, ds.ProtocolName = str(series), name, name
        ds.SeriesTime = dicom_time(self.start_s + 30)

    def write_enhanced(self, frames, series, name, gap_mm):
        """One object of all frames; its dimensions are the place in the stack and the trigger delay."""
        ds = copy.deepcopy(self.base)
        ds.SOPClassUID = ENHANCED
        ds.SOPInstanceUID = make_uid(self.seed, 'image', series, 1)
        self._series(ds, series, name)
        self._enhanced_head(ds, frames)
        ds.SharedFunctionalGroupsSequence = items(self._shared(frames[0], gap_mm))
        delays = sorted({round(f.trigger_ms, 3) for f in frames})
        places = sorted({f.plane.slice_index for f in frames})
        ds.PerFrameFunctionalGroupsSequence = Sequence(
            [self._frame(f, places.index(f.plane.slice_index) + 1, delays.index(round(f.trigger_ms, 3)) + 1)
             for f in frames])
        self._save(ds, b''.join(f.pixels.tobytes() for f in frames), f'{series:03d}-00001.dcm')

    def _enhanced_head(self, ds, frames):
        ds.ImageType = ['ORIGINAL', 'PRIMARY', 'CARDIAC', 'NONE']
        ds.InstanceNumber, ds.NumberOfFrames = '1', str(len(frames))
        ds.AcquisitionDateTime = ds.StudyDate + dicom_time(self.start_s + 60)
        ds.AcquisitionDuration, ds.AcquisitionNumber = 180.0, '1'
        del ds.AcquisitionDate
        ds.ContentTime = dicom_time(self.start_s + 240)
        ds.ContentQualification = 'RESEARCH'
        ds.MagneticFieldStrength = 1.5
        ds.PixelPresentation, ds.VolumetricProperties, ds.VolumeBasedCalculationTechnique = 'MONOCHROME', 'VOLUME', 'NONE'
        ds.ComplexImageComponent, ds.AcquisitionContrast = 'MAGNITUDE', 'UNKNOWN'
        ds.ResonantNucleus, ds.KSpaceFiltering, ds.ApplicableSafetyStandardAgency = '1H', 'NONE', 'IEC'
        ds.PulseSequenceName, ds.MRAcquisitionType, ds.EchoPulseSequence = 'bSSFP', '2D', 'GRADIENT'
        ds.MultiPlanarExcitation, ds.PhaseContrast = 'NO', 'NO'
        ds.TimeOfFlightContrast, ds.SteadyStatePulseSequence = 'NO', 'FREE_PRECESSION'
        ds.EchoPlanarPulseSequence, ds.SaturationRecovery, ds.SpectrallySelectedSuppression = 'NO', 'NO', 'NONE'
        ds.OversamplingPhase, ds.GeometryOfKSpaceTraversal = 'NONE', 'RECTILINEAR'
        ds.SegmentedKSpaceTraversal, ds.RectilinearPhaseEncodeReordering = 'PARTIAL', 'LINEAR'
        ds.NumberOfKSpaceTrajectories = 1
        ds.CardiacSynchronizationTechnique, ds.CardiacSignalSource = 'RETROSPECTIVE', 'ECG'
        ds.CardiacRRIntervalSpecified, ds.CardiacBeatRejectionTechnique = float(frames[0].rr_ms), 'NONE'
        ds.LowRRValue, ds.HighRRValue = str(round(0.9 * frames[0].rr_ms)), str(round(1.1 * frames[0].rr_ms))
        ds.IntervalsAcquired, ds.IntervalsRejected = '10', '0'
        ds.RespiratorySignalSource = 'NONE'
        ds.RespiratoryMotionCompensationTechnique, ds.BulkMotionCompensationTechnique = 'BREATH_HOLD', 'NONE'
        ds.BurnedInAnnotation, ds.LossyImageCompression, ds.PresentationLUTShape = 'NO', '00', 'IDENTITY'
        ds.AcquisitionContextSequence = Sequence([])
        organisation = make_uid(self.seed, 'dimensions')
        ds.DimensionOrganizationSequence = items(fill(DimensionOrganizationUID=organisation))
        ds.DimensionOrganizationType = '3D_TEMPORAL'
        content, cardiac = 0x00209111, 0x00189118
        ds.DimensionIndexSequence = Sequence(
            [fill(DimensionOrganizationUID=organisation, DimensionIndexPointer=pointer, FunctionalGroupPointer=group)
             for pointer, group in ((0x00209056, content), (0x00209057, content), (0x00209153, cardiac))])

    def _shared(self, frame, gap_mm):
        spacing = [ds_text(self.spacing_mm)] * 2
        ds = Dataset()
        measures = fill(PixelSpacing=spacing, SliceThickness=ds_text(self.options.thickness))
        if gap_mm is not None:
            measures.SpacingBetweenSlices = ds_text(gap_mm)
        ds.PixelMeasuresSequence = items(measures)
        ds.PlaneOrientationSequence = items(fill(ImageOrientationPatient=frame.plane.orientation()))
        ds.FrameAnatomySequence = items(fill(
            FrameLaterality='U', AnatomicRegionSequence=items(code('80891009', 'SCT', 'Heart'))))
        ds.PixelValueTransformationSequence = items(fill(RescaleIntercept='0', RescaleSlope='1', RescaleType='US'))
        ds.FrameVOILUTSequence = items(fill(WindowCenter='600', WindowWidth='1200'))
        ds.MRImageFrameTypeSequence = items(fill(
            FrameType=['ORIGINAL', 'PRIMARY', 'CARDIAC', 'NONE'], PixelPresentation='MONOCHROME',
            VolumetricProperties='VOLUME', VolumeBasedCalculationTechnique='NONE',
            ComplexImageComponent='MAGNITUDE', AcquisitionContrast='UNKNOWN'))
        rate = [fill(OperatingModeType=kind, OperatingMode='IEC_NORMAL')
                for kind in ('STATIC FIELD', 'RF', 'GRADIENT')]
        ds.MRTimingAndRelatedParametersSequence = items(fill(
            RepetitionTime=str(TR_MS), FlipAngle=str(FLIP_DEG), EchoTrainLength='1', RFEchoTrainLength=0,
            GradientEchoTrainLength=1, GradientOutput=30.0, GradientOutputType='PER_NERVE_STIM',
            SpecificAbsorptionRateSequence=items(fill(SpecificAbsorptionRateDefinition='IEC_WHOLE_BODY',
                                                      SpecificAbsorptionRateValue=1.2)),
            OperatingModeSequence=Sequence(rate)))
        size = self.options.size
        ds.MRFOVGeometrySequence = items(fill(
            InPlanePhaseEncodingDirection='ROW', MRAcquisitionFrequencyEncodingSteps=size,
            MRAcquisitionPhaseEncodingStepsInPlane=size, PercentSampling='100', PercentPhaseFieldOfView='100'))
        ds.MREchoSequence = items(fill(EffectiveEchoTime=TE_MS))
        ds.MRModifierSequence = items(fill(
            InversionRecovery='NO', FlowCompensation='NONE', Spoiling='NONE', T2Preparation='NO',
            SpectrallySelectedExcitation='NONE', SpatialPresaturation='NONE', PartialFourier='NO',
            ParallelAcquisition='NO'))
        ds.MRImagingModifierSequence = items(fill(
            MagnetizationTransfer='NONE', BloodSignalNulling='NO', Tagging='NONE',
            TransmitterFrequency=63.87, PixelBandwidth='930'))
        ds.MRReceiveCoilSequence = items(fill(
            ReceiveCoilName='Body', ReceiveCoilManufacturerName='Hilum', ReceiveCoilType='BODY',
            QuadratureReceiveCoil='YES'))
        ds.MRTransmitCoilSequence = items(fill(
            TransmitCoilName='Body', TransmitCoilManufacturerName='Hilum', TransmitCoilType='BODY'))
        ds.MRAveragesSequence = items(fill(NumberOfAverages='1'))
        return ds

    def _frame(self, frame, place, delay_rank):
        taken = self.base.StudyDate + dicom_time(self.start_s + 60 + 15 * frame.plane.slice_index)
        ds = Dataset()
        ds.FrameContentSequence = items(fill(
            FrameAcquisitionNumber=1, FrameReferenceDateTime=taken, FrameAcquisitionDateTime=taken,
            FrameAcquisitionDuration=float(frame.rr_ms), DimensionIndexValues=[1, place, delay_rank],
            StackID='1', InStackPositionNumber=place, TemporalPositionIndex=frame.phase + 1,
            CardiacCyclePosition='UNDETERMINED'))
        ds.PlanePositionSequence = items(fill(ImagePositionPatient=frame.plane.position()))
        ds.CardiacSynchronizationSequence = items(fill(
            NominalCardiacTriggerDelayTime=float(round(frame.trigger_ms, 3)),
            ActualCardiacTriggerDelayTime=float(round(frame.trigger_ms, 3)),
            RRIntervalTimeNominal=float(round(frame.rr_ms, 3))))
        return ds

    def _save(self, ds, pixels, name):
        ds.PixelData = pixels
        meta = FileMetaDataset()
        meta.MediaStorageSOPClassUID = ds.SOPClassUID
        meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
        meta.TransferSyntaxUID = ExplicitVRLittleEndian
        meta.ImplementationClassUID = make_uid('hilum phantom')
        ds.file_meta = meta
        ds.is_little_endian, ds.is_implicit_VR = True, False
        pydicom.dcmwrite(self.folder / name, ds, write_like_original=False)
