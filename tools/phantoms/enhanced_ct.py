"""Enhanced CT Image objects: the frames of a classic series as one multi-frame object."""
import copy

from pydicom.sequence import Sequence

from .dicom import Study, dicom_time, ds_text, make_uid
from .mr import code, fill, items

ENHANCED_CT = '1.2.840.10008.5.1.4.1.1.2.1'
FRAME_TYPE = ['ORIGINAL', 'PRIMARY', 'VOLUME', 'NONE']
DROPPED = ('AcquisitionDate', 'AcquisitionTime', 'ScanOptions', 'KVP', 'ExposureTime', 'XRayTubeCurrent', 'Exposure',
           'DataCollectionDiameter', 'ReconstructionDiameter', 'GantryDetectorTilt', 'TableHeight', 'RotationDirection',
           'ConvolutionKernel', 'ContrastBolusAgent', 'ContrastBolusRoute', 'ContrastBolusVolume', 'ContrastFlowRate',
           'SliceThickness', 'ImageOrientationPatient', 'ImagePositionPatient', 'SliceLocation', 'PixelSpacing',
           'RescaleIntercept', 'RescaleSlope', 'RescaleType', 'WindowCenter', 'WindowWidth', 'BodyPartExamined')


class Frame:
    """When (seconds after the first) and where an image was taken: indices from 0 and pixels."""

    def __init__(self, slice_index, time_index, time_s, z_mm, position, pixels):
        self.slice_index, self.time_index, self.time_s = slice_index, time_index, time_s
        self.z_mm, self.position, self.pixels = z_mm, position, pixels


def fill_head(ds, study, frames):
    ds.SOPClassUID = ENHANCED_CT
    ds.ImageType = FRAME_TYPE
    ds.InstanceNumber, ds.NumberOfFrames, ds.AcquisitionNumber = '1', str(len(frames)), '1'
    first_s = study.start_s + 60
    began_s = first_s + min(f.time_s for f in frames)
    ds.AcquisitionDateTime = study.date_of(began_s) + dicom_time(began_s)
    ds.AcquisitionDuration = max(f.time_s for f in frames) + 1.0
    ds.ContentTime = dicom_time(first_s + 90)
    ds.ContentQualification = 'RESEARCH'
    ds.PixelPresentation, ds.VolumetricProperties, ds.VolumeBasedCalculationTechnique = 'MONOCHROME', 'VOLUME', 'NONE'
    ds.PresentationLUTShape, ds.LossyImageCompression, ds.BurnedInAnnotation = 'IDENTITY', '00', 'NO'
    ds.MultienergyCTAcquisition = 'NO'
    ds.AcquisitionContextSequence = Sequence([])
    agent = code('44588005', 'SCT', 'Iodine')
    agent.ContrastBolusAgentNumber = 1
    agent.ContrastBolusIngredientCodeSequence = items(code('44588005', 'SCT', 'Iodine'))
    agent.ContrastBolusAdministrationRouteSequence = items(code('47625008', 'SCT', 'Intravenous route'))
    agent.ContrastBolusVolume, agent.ContrastBolusIngredientConcentration = '40', '350'
    ds.ContrastBolusAgentSequence = items(agent)
    organisation = make_uid(study.seed, 'dimensions')
    ds.DimensionOrganizationSequence = items(fill(DimensionOrganizationUID=organisation))
    content = 0x00209111
    ds.DimensionIndexSequence = Sequence(
        [fill(DimensionOrganizationUID=organisation, DimensionIndexPointer=pointer, FunctionalGroupPointer=content)
         for pointer in (0x00209056, 0x00209057, 0x00209128)])


def shared_groups(grid):
    spacing = [ds_text(grid.spacing_mm)] * 2
    return fill(
        PixelMeasuresSequence=items(fill(PixelSpacing=spacing, SliceThickness=ds_text(grid.slice_mm / grid.thin))),
        FrameAnatomySequence=items(fill(
            FrameLaterality='U', AnatomicRegionSequence=items(code('69536005', 'SCT', 'Head')))),
        PixelValueTransformationSequence=items(fill(RescaleIntercept='-1024', RescaleSlope='1', RescaleType='HU')),
        FrameVOILUTSequence=items(fill(WindowCenter='40', WindowWidth='80')),
        CTImageFrameTypeSequence=items(fill(
            FrameType=FRAME_TYPE, PixelPresentation='MONOCHROME', VolumetricProperties='VOLUME',
            VolumeBasedCalculationTechnique='NONE')),
        CTAcquisitionTypeSequence=items(fill(
            AcquisitionType='STATIONARY', ConstantVolumeFlag='YES', FluoroscopyFlag='NO')),
        CTAcquisitionDetailsSequence=items(fill(
            RotationDirection='CW', RevolutionTime=1.0, SingleCollimationWidth=grid.slice_mm,
            TotalCollimationWidth=grid.slice_mm * grid.slices, TableHeight='150', GantryDetectorTilt='0',
            DataCollectionDiameter='250')),
        CTTableDynamicsSequence=items(fill()),  # it stands still
        CTGeometrySequence=items(fill(DistanceSourceToDetector='1000', DistanceSourceToDataCollectionCenter=550.0)),
        CTReconstructionSequence=items(fill(
            ReconstructionAlgorithm='FILTER_BACK_PROJ', ConvolutionKernel='H31s', ConvolutionKernelGroup='BRAIN',
            ReconstructionPixelSpacing=[grid.spacing_mm] * 2, ReconstructionFieldOfView=[250.0, 250.0], ReconstructionAngle=360.0,
            ImageFilter='NONE')),
        CTExposureSequence=items(fill(
            ExposureTimeInms=1000.0, XRayTubeCurrentInmA=200.0, ExposureInmAs=200.0,
            ExposureModulationType='NONE')),
        CTXRayDetailsSequence=items(fill(
            KVP='80', FocalSpots=['1.0'], FilterType='NONE', FilterMaterial='ALUMINUM', CalciumScoringMassFactorPatient=1.0)),
        IrradiationEventIdentificationSequence=items(fill(IrradiationEventUID='2.25.1')))


def frame_groups(study, frame, place, time_rank):
    at_s = study.start_s + 60 + frame.time_s
    taken = study.date_of(at_s) + dicom_time(at_s)
    centre = [0.0, 0.0, frame.z_mm]
    return fill(
        FrameContentSequence=items(fill(
            FrameAcquisitionNumber=frame.time_index + 1, FrameReferenceDateTime=taken, FrameAcquisitionDateTime=taken,
            FrameAcquisitionDuration=1000.0, DimensionIndexValues=[1, place, time_rank], StackID='1',
            InStackPositionNumber=place, TemporalPositionIndex=time_rank)),
        PlanePositionSequence=items(fill(ImagePositionPatient=frame.position)),
        CTPositionSequence=items(fill(
            TablePosition=frame.z_mm, DataCollectionCenterPatient=centre, ReconstructionTargetCenterPatient=centre)),
        ContrastBolusUsageSequence=items(fill(
            ContrastBolusAgentNumber=1, ContrastBolusAgentAdministered='YES', ContrastBolusAgentDetected='YES')))


def build(study, frames, orientation):
    """A data set of all frames; series and UIDs are set by the caller."""
    ds = copy.deepcopy(study.base)
    for name in DROPPED:
        if name in ds:
            del ds[name]
    fill_head(ds, study, frames)
    shared = shared_groups(study.grid)
    shared.IrradiationEventIdentificationSequence[0].IrradiationEventUID = make_uid(study.seed, 'irradiation')
    shared.PlaneOrientationSequence = items(fill(ImageOrientationPatient=orientation))
    ds.SharedFunctionalGroupsSequence = items(shared)
    places = sorted({f.slice_index for f in frames})
    times = sorted({f.time_index for f in frames})
    ds.PerFrameFunctionalGroupsSequence = Sequence(
        [frame_groups(study, f, places.index(f.slice_index) + 1, times.index(f.time_index) + 1) for f in frames])
    ds.PixelData = b''.join(f.pixels for f in frames)
    return ds


class EnhancedStudy(Study):
    """Writes one object a series; same calls as the classic study."""

    def __init__(self, *args):
        super().__init__(*args)
        self.series = {}

    def write(self, series, series_name, number, slice_index, time_s, time_index, pixels, copy=0):
        ds = self.describe(series, series_name, slice_index)
        frame = Frame(slice_index, time_index, time_s, self.z_mm(slice_index),
                      list(ds.ImagePositionPatient), pixels.astype('<u2').tobytes())
        self.series.setdefault(series, (series_name, []))[1].append(frame)

    def finish(self):
        for series, (name, frames) in sorted(self.series.items()):
            self.describe(series, name, frames[0].slice_index)
            self.base.SOPInstanceUID = make_uid(self.seed, 'object', series)
            self.save(build(self, frames, list(self.base.ImageOrientationPatient)), f'{series:03d}.dcm')
