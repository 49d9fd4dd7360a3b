"""Result objects (scp/dcm_write.h) over images of every geometry, held to what outside readers and validators say."""
import hashlib
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

import gdcm
import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sr._concepts_dict import concepts
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / 'tests/lib'))
import checks

WRITE_OBJECTS = os.environ.get('WRITE_OBJECTS', ROOT / 'build/tests/write_objects')
gdcm.Trace.WarningOff()
gdcm.Trace.ErrorOff()

CT = '1.2.840.10008.5.1.4.1.1.2'
# A private code is what it is; dciodvfy knows no private scheme.
CAUSED_BY_PRIVATE_CODE = 'Unrecognized defined term <99HILUM>'


def unit(v):
    return np.asarray(v, float) / np.linalg.norm(v)


TILT = np.radians(18)
ROW = unit([0.9, 0.35, -0.2])
OBLIQUE = ROW, unit(np.cross([0.1, -0.4, 0.9], ROW))
AXIAL = unit([1, 0, 0]), unit([0, 1, 0])
GANTRY = unit([1, 0, 0]), unit([0, np.cos(TILT), np.sin(TILT)])

# name: (rows, columns, orientation, step between slices mm or list of places, spacing mm, patient position).
# rows * columns % 8 takes every value: DCMTK's own packing is wrong for 3, 5, 6 and 7.
GEOMETRIES = {
    'axial': (16, 16, AXIAL, (0, 0, 5), (0.7, 0.7), 'HFS'),
    'oblique': (9, 9, OBLIQUE, None, (0.9, 0.9), 'HFS'),
    'wide pixels': (10, 13, AXIAL, (0, 0, 3), (0.5, 1.25), 'HFS'),
    'tilted gantry': (9, 11, GANTRY, (0, 0, 6), (0.8, 0.8), 'HFS'),
    'uneven': (10, 10, AXIAL, [0, 5, 10.5, 20, 22, 30], (0.8, 0.8), 'HFS'),
    'feet first': (7, 11, (unit([-1, 0, 0]), unit([0, 1, 0])), (0, 0, -4), (1, 1), 'FFS'),
    'decubitus': (10, 11, (unit([0, 1, 0]), unit([-1, 0, 0])), (0, 0, 2.5), (1, 1), 'HFDL'),
    'coronal': (9, 7, (unit([1, 0, 0]), unit([0, 0, -1])), (0, 4, 0), (1.1, 1.1), 'HFS'),
}
SLICES = 6


def patient(ds, charset='ISO_IR 100', name='Doe^Jane'):
    ds.SpecificCharacterSet = charset
    ds.PatientName = name
    ds.PatientID, ds.IssuerOfPatientID = 'A-17', 'HOSPITAL'
    ds.PatientBirthDate, ds.PatientSex, ds.PatientAge = '19470311', 'F', '077Y'
    ds.PatientSize, ds.PatientWeight = '1.63', '61.5'
    ds.StudyDate, ds.StudyTime, ds.StudyID, ds.AccessionNumber = '20241124', '101112', 'S1', 'ACC9'
    issuer = Dataset()
    issuer.LocalNamespaceEntityID = 'RIS'
    ds.IssuerOfAccessionNumberSequence = [issuer]
    ds.ReferringPhysicianName, ds.StudyDescription = 'Ärztin^Erika' if charset == 'ISO_IR 100' and name != 'Doe^Jane' else 'Doe^Jo', 'CTP'
    ds.TimezoneOffsetFromUTC = '+0900'
    request = Dataset()
    request.RequestedProcedureID, request.ScheduledProcedureStepID = 'RP1', 'SPS1'
    request.RequestedProcedureDescription, request.ScheduledProcedureStepDescription = 'CT Kopf', 'CTP'
    ds.RequestAttributesSequence = [request]
    step = Dataset()
    step.ReferencedSOPClassUID, step.ReferencedSOPInstanceUID = '1.2.840.10008.3.1.2.3.3', '2.25.99'
    ds.ReferencedPerformedProcedureStepSequence = [step]


def image(geometry, k, uids, number, **names):
    rows, columns, (row, column), step, spacing, position = geometry
    normal = np.cross(row, column)
    if isinstance(step, list):
        place = normal * step[k]
    else:
        place = (normal * 4.5 if step is None else np.array(step, float)) * k
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.is_little_endian, ds.is_implicit_VR = True, False
    patient(ds, **names)
    ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = CT
    ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = generate_uid(None)
    ds.StudyInstanceUID, ds.SeriesInstanceUID, ds.FrameOfReferenceUID = uids
    ds.PositionReferenceIndicator, ds.Modality, ds.PatientPosition = '', 'CT', position
    ds.ImageType, ds.Manufacturer, ds.BodyPartExamined = ['ORIGINAL', 'PRIMARY', 'AXIAL'], 'Maker', 'HEAD'
    ds.SeriesNumber, ds.InstanceNumber, ds.AcquisitionNumber, ds.KVP = 3, number, 1, 80
    ds.SeriesDate = ds.ContentDate = ds.AcquisitionDate = '20241124'
    ds.SeriesTime = ds.ContentTime = ds.AcquisitionTime = '101112'
    ds.ImageOrientationPatient = [f'{v:.10f}'[:16] for v in (*row, *column)]
    ds.ImagePositionPatient = [f'{v:.8f}'[:16] for v in place + (-11.25, 7.5, 100)]
    ds.PixelSpacing, ds.SliceThickness = [str(v) for v in spacing], '4'
    ds.Rows, ds.Columns, ds.SamplesPerPixel, ds.PhotometricInterpretation = rows, columns, 1, 'MONOCHROME2'
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 12, 11, 0
    ds.RescaleIntercept, ds.RescaleSlope, ds.RescaleType = '-1024', '1', 'HU'
    ds.PixelData = np.full((rows, columns), 1024, '<u2').tobytes()
    if len(ds.PixelData) % 2:
        ds.PixelData += b'\0'
    return ds


def make_source(folder, geometry, times=1, **names):
    """Slices in an order that is not theirs; one series a time point."""
    folder.mkdir()
    study, frame = generate_uid(None), generate_uid(None)
    for t in range(times):
        series = generate_uid(None)
        for k in (3, 0, 5, 1, 4, 2):
            ds = image(geometry, k, (study, series, frame), k + 1, **names)
            ds.save_as(folder / f'{t}-{k}.dcm', write_like_original=False)
    return [pydicom.dcmread(f) for f in sorted(folder.iterdir())]


def marks(s, rows, columns, z):
    """What write_objects puts into slice z of segment s, counted along the normal."""
    y, x = np.mgrid[:rows, :columns]
    pattern = (3 * x + 5 * y + 7 * z) % 11
    return pattern == 0 if s == 0 else (pattern == 4) & (z % 2 == 1)


def values(m, rows, columns, z):
    y, x = np.mgrid[:rows, :columns].astype(np.float32)
    return x * np.float32(0.1) + y * np.float32(1000) + np.float32(z) / np.float32(3) - np.float32(m) * np.float32(5.5)


def normal_of(orientation):
    o = [float(v) for v in orientation]
    return np.cross(o[:3], o[3:])


def walk(ds):
    """All items of a data set, itself first."""
    yield ds
    for element in ds:
        if element.VR == 'SQ':
            for item in element.value:
                yield from walk(item)


class Objects(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        cls.top = pathlib.Path(cls.folder.name)
        cls.made = {}

    def make(self, geometry='axial', kind='full', **options):
        """(source data sets, their paths, folder of the results); made once."""
        key = str((geometry, kind, options))
        if key not in self.made:
            at = self.top / hashlib.sha256(str((geometry, options)).encode()).hexdigest()[:12]
            if not at.exists():
                make_source(at, GEOMETRIES[geometry], **options)
            out = pathlib.Path(f'{at}-{kind}')
            out.mkdir()
            subprocess.run([WRITE_OBJECTS, at, out, kind], check=True)
            self.made[key] = [pydicom.dcmread(f) for f in sorted(at.iterdir())], sorted(at.iterdir()), out
        return self.made[key]

    def assert_valid(self, paths, source):
        for path in paths:
            errors, warnings = checks.dciodvfy(path)
            self.assertEqual(errors, [], path.name)
            self.assertEqual([w for w in warnings if CAUSED_BY_PRIVATE_CODE not in w], [], path.name)
        self.assertEqual(checks.dcentvfy([*source, *paths]), [])

    def in_utf8(self, source, name):
        """The same images with their text in UTF-8: dcentvfy compares bytes."""
        folder = self.top / f'utf-8 {name}'
        folder.mkdir()
        for i, ds in enumerate(source):
            ds = pydicom.dcmread(ds.filename)
            ds.decode()
            ds.SpecificCharacterSet = 'ISO_IR 192'
            ds.save_as(folder / f'{i}.dcm')
        return sorted(folder.iterdir())

    # ---- every object ----

    def test_every_object_of_every_geometry_is_valid_and_consistent_with_its_source(self):
        for name in GEOMETRIES:
            with self.subTest(name):
                _, paths, out = self.make(name)
                self.assertEqual(sorted(f.name for f in out.iterdir()),
                                 ['map-cbf.dcm', 'map-tmax.dcm', 'page-maps.dcm', 'page-summary.dcm', 'seg.dcm',
                                  'sr.dcm'])
                self.assert_valid(sorted(out.iterdir()), paths)

    def test_a_study_of_several_series_and_times_is_valid_too(self):
        source, paths, out = self.make('axial', times=3)
        self.assert_valid(sorted(out.iterdir()), paths)
        seg = pydicom.dcmread(out / 'seg.dcm')
        self.assertEqual(len(seg.ReferencedSeriesSequence), 3)
        self.assertEqual(sum(len(s.ReferencedInstanceSequence) for s in seg.ReferencedSeriesSequence), len(source))
        self.assertEqual(checks.pixelmed_sr(out / 'sr.dcm'), [])

    def test_the_same_job_writes_the_same_bytes(self):
        _, paths, out = self.make('oblique')
        again = self.top / 'again'
        again.mkdir()
        subprocess.run([WRITE_OBJECTS, paths[0].parent, again, 'full'], check=True)
        for file in out.iterdir():
            self.assertEqual(file.read_bytes(), (again / file.name).read_bytes(), file.name)

    def test_patient_study_and_request_are_the_sources_in_utf8(self):
        names = {
            'latin': ('ISO_IR 100', 'Müller^Jürgen'),
            'japanese': (['', 'ISO 2022 IR 87'], 'Yamada^Tarou=山田^太郎=やまだ^たろう'),
            'chinese': ('GB18030', 'Wang^XiaoDong=王^小东'),
            'greek': ('ISO_IR 126', 'Διονυσιος^Ανδρεας'),
            'utf-8': ('ISO_IR 192', 'Nguyễn^Thị'),
        }
        for language, (charset, name) in names.items():
            source, paths, out = self.make('axial', charset=charset, name=name)
            for file in sorted(out.iterdir()):
                with self.subTest(language, object=file.name):
                    ds = pydicom.dcmread(file)
                    self.assertEqual(ds.SpecificCharacterSet, 'ISO_IR 192')
                    self.assertEqual(str(ds.PatientName), name)
                    for keyword in ('PatientID', 'IssuerOfPatientID', 'PatientBirthDate', 'PatientSex', 'PatientAge',
                                    'PatientSize', 'PatientWeight', 'StudyInstanceUID', 'StudyDate', 'StudyTime',
                                    'StudyID', 'AccessionNumber', 'IssuerOfAccessionNumberSequence',
                                    'ReferringPhysicianName', 'StudyDescription', 'TimezoneOffsetFromUTC',
                                    'ReferencedPerformedProcedureStepSequence'):
                        if (file.name, keyword) != ('sr.dcm', 'ReferencedPerformedProcedureStepSequence'):
                            self.assertEqual(ds[keyword].value, source[0][keyword].value, keyword)
                    request, = ds.get('RequestAttributesSequence') or ds.ReferencedRequestSequence
                    self.assertEqual(request.RequestedProcedureID, 'RP1')
                    self.assertEqual(request.RequestedProcedureDescription, 'CT Kopf')
            self.assert_valid(sorted(out.iterdir()), self.in_utf8(source, language))

    def test_new_names_times_and_equipment(self):
        source, _, out = self.make()
        objects = [pydicom.dcmread(f) for f in out.iterdir()]
        self.assertEqual(len({ds.SOPInstanceUID for ds in objects}), len(objects))
        self.assertEqual(sorted(ds.SeriesNumber for ds in objects), list(range(9001, 9001 + len(objects))))
        for ds in objects:
            self.assertEqual((ds.ContentDate, ds.ContentTime), ('20241125', '110000'))  # in the source's zone
            self.assertEqual((ds.Manufacturer, ds.DeviceSerialNumber), ('Hilum', 'test-0001'))
            self.assertIn('ct_perfusion 1.0.0', ds.SoftwareVersions)
            self.assertTrue(ds.SeriesDescription.startswith('CT perfusion '))
            self.assertEqual(ds.file_meta.MediaStorageSOPInstanceUID, ds.SOPInstanceUID)

    def test_another_reader_finds_every_element(self):
        _, _, out = self.make('decubitus')
        for file in out.iterdir():
            reader = gdcm.Reader()
            reader.SetFileName(str(file))
            self.assertTrue(reader.Read(), file.name)
            text = gdcm.StringFilter()
            text.SetFile(reader.GetFile())
            self.assertEqual(text.ToString(gdcm.Tag(0x0008, 0x0018)).rstrip('\0'), pydicom.dcmread(file).SOPInstanceUID)

    # ---- the segmentation ----

    def assert_bits(self, source, seg):
        """Every frame of seg lies on a slice of the source and holds what was marked there."""
        rows, columns = seg.Rows, seg.Columns
        shared = seg.SharedFunctionalGroupsSequence[0]
        orientation = shared.PlaneOrientationSequence[0].ImageOrientationPatient
        self.assertTrue(np.allclose(orientation, [float(v) for v in source[0].ImageOrientationPatient], atol=1e-9))
        self.assertEqual(shared.PixelMeasuresSequence[0].PixelSpacing, source[0].PixelSpacing)
        normal = normal_of(orientation)
        places = sorted({tuple(ds.ImagePositionPatient) for ds in source},
                        key=lambda p: float(np.dot(normal, [float(v) for v in p])))
        corners = np.array(places, float)
        frames = seg.pixel_array
        seen = set()
        for frame, groups in zip(frames, seg.PerFrameFunctionalGroupsSequence):
            corner = [float(v) for v in groups.PlanePositionSequence[0].ImagePositionPatient]
            z, = np.flatnonzero((np.abs(corners - corner) < 1e-6).all(axis=1))
            number = groups.SegmentIdentificationSequence[0].ReferencedSegmentNumber
            self.assertTrue((frame == marks(number - 1, rows, columns, z)).all(), f'segment {number}, slice {z}')
            self.assertEqual(list(groups.FrameContentSequence[0].DimensionIndexValues), [number, z + 1])
            image, = groups.DerivationImageSequence[0].SourceImageSequence
            there, = [ds for ds in source if ds.SOPInstanceUID == image.ReferencedSOPInstanceUID]
            self.assertEqual(tuple(there.ImagePositionPatient), places[z])
            seen.add((number, int(z)))
        full = {(s + 1, z) for s in (0, 1) for z in range(SLICES) if marks(s, rows, columns, z).any()}
        self.assertEqual(seen, full)

    def test_segments_lie_bit_for_bit_where_they_were_marked(self):
        remainders = set()
        for name in GEOMETRIES:
            with self.subTest(name):
                source, _, out = self.make(name)
                seg = pydicom.dcmread(out / 'seg.dcm')
                remainders.add(seg.Rows * seg.Columns % 8)
                self.assert_bits(source, seg)
                bits = np.unpackbits(np.frombuffer(seg.PixelData, np.uint8), bitorder='little')
                n = seg.NumberOfFrames * seg.Rows * seg.Columns
                self.assertTrue((bits[:n] == seg.pixel_array.ravel()).all())
                self.assertFalse(bits[n:].any())
        self.assertEqual(remainders, set(range(8)))
        source, _, out = self.make('axial', times=3)
        self.assert_bits(source, pydicom.dcmread(out / 'seg.dcm'))

    def test_gdcm_decodes_the_same_bits(self):
        for name in GEOMETRIES:
            seg = pydicom.dcmread(self.make(name)[2] / 'seg.dcm')
            reader = gdcm.ImageReader()
            reader.SetFileName(str(self.make(name)[2] / 'seg.dcm'))
            self.assertTrue(reader.Read(), name)
            image = reader.GetImage()
            self.assertEqual([image.GetDimension(i) for i in range(3)],
                             [seg.Columns, seg.Rows, seg.NumberOfFrames], name)
            raw = image.GetBuffer().encode('utf-8', 'surrogateescape')
            size = seg.NumberOfFrames * seg.Rows * seg.Columns // 8
            self.assertGreaterEqual(len(raw), size)
            self.assertEqual(raw[:size], seg.PixelData[:size], name)

    def test_segments_are_numbered_without_gaps_and_say_what_they_are(self):
        seg = pydicom.dcmread(self.make()[2] / 'seg.dcm')
        self.assertEqual([s.SegmentNumber for s in seg.SegmentSequence], [1, 2])  # the empty third is left out
        core = seg.SegmentSequence[0]
        self.assertEqual((core.SegmentLabel, core.SegmentAlgorithmType), ('Core (rCBF < 30 %)', 'AUTOMATIC'))
        self.assertEqual(core.SegmentedPropertyTypeCodeSequence[0].CodeValue, '6574001')
        self.assertEqual(core.AnatomicRegionSequence[0].AnatomicRegionModifierSequence[0].CodeMeaning, 'Left')
        self.assertEqual((seg.SegmentationType, seg.SegmentsOverlap), ('BINARY', 'NO'))
        lab = np.array(core.RecommendedDisplayCIELabValue) / 65535 * [100, 255, 255] - [0, 128, 128]
        self.assertLess(np.abs(lab - [47.1, 66.4, 45.3]).max(), 3)  # sRGB (220, 40, 40) by colour science

    def test_spacing_of_slices_is_said_only_when_they_are_even(self):
        def spacing(name):
            seg = pydicom.dcmread(self.make(name)[2] / 'seg.dcm')
            return seg.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0].get('SpacingBetweenSlices')
        self.assertAlmostEqual(spacing('axial'), 5)
        self.assertAlmostEqual(spacing('feet first'), 4)
        self.assertAlmostEqual(spacing('tilted gantry'), 6 * np.cos(TILT), places=4)
        self.assertIsNone(spacing('uneven'))

    def test_no_voxel_no_segmentation(self):
        for kind in ('empty', 'refused'):
            _, paths, out = self.make(kind=kind)
            self.assertEqual([f.name for f in out.iterdir()], ['sr.dcm'])
            self.assert_valid([out / 'sr.dcm'], paths)

    # ---- maps and pages ----

    def test_maps_hold_the_same_floats_and_say_what_they_measure(self):
        for name in GEOMETRIES:
            source, _, out = self.make(name)
            for m, (file, quantity) in enumerate((('map-cbf', '126390'), ('map-tmax', '113084'))):
                ds = pydicom.dcmread(out / f'{file}.dcm')
                rows, columns = ds.Rows, ds.Columns
                voxels = np.frombuffer(ds.FloatPixelData, '<f4').reshape(SLICES, rows, columns)
                for z in range(SLICES):
                    self.assertTrue(np.allclose(voxels[z], values(m, rows, columns, z), rtol=1e-6, atol=1e-4))
                shared = ds.SharedFunctionalGroupsSequence[0]
                mapping, = shared.RealWorldValueMappingSequence
                self.assertEqual((mapping.RealWorldValueSlope, mapping.RealWorldValueIntercept), (1, 0))
                self.assertEqual(mapping.DoubleFloatRealWorldValueFirstValueMapped, float(voxels.min()))
                self.assertEqual(mapping.DoubleFloatRealWorldValueLastValueMapped, float(voxels.max()))
                self.assertEqual(mapping.QuantityDefinitionSequence[0].ConceptCodeSequence[0].CodeValue, quantity)
                window = shared.FrameVOILUTSequence[0]
                self.assertEqual((window.WindowCenter, window.WindowWidth), ((30, 60), (6, 12))[m])
                for groups in ds.PerFrameFunctionalGroupsSequence:
                    image, = groups.DerivationImageSequence[0].SourceImageSequence
                    there, = [s for s in source if s.SOPInstanceUID == image.ReferencedSOPInstanceUID]
                    self.assertTrue(np.allclose([float(v) for v in there.ImagePositionPatient],
                                                [float(v) for v in
                                                 groups.PlanePositionSequence[0].ImagePositionPatient], atol=1e-6))

    def test_pages_hold_the_same_pixels_for_three_readers(self):
        _, _, out = self.make()
        for p, name in enumerate(('summary', 'maps')):
            ds = pydicom.dcmread(out / f'page-{name}.dcm')
            expect = ((np.arange(301 * 201 * 3) * 7 + p) % 256).astype(np.uint8).reshape(201, 301, 3)
            self.assertTrue((ds.pixel_array == expect).all())
            self.assertEqual((ds.BurnedInAnnotation, ds.ConversionType), ('YES', 'WSD'))
            self.assertEqual(ds.DerivationDescription, 'Hilum 0.1.0, ct_perfusion 1.0.0')
            picture = self.top / f'{name}.ppm'
            subprocess.run(['dcmj2pnm', '--write-raw-pnm', out / f'page-{name}.dcm', picture], check=True)
            self.assertEqual(picture.read_bytes()[-expect.size:], expect.tobytes())
            reader = gdcm.ImageReader()
            reader.SetFileName(str(out / f'page-{name}.dcm'))
            self.assertTrue(reader.Read())
            self.assertEqual(reader.GetImage().GetBuffer().encode('utf-8', 'surrogateescape')[:expect.size],
                             expect.tobytes())

    # ---- the report ----

    def test_reports_of_every_kind_follow_their_template(self):
        for kind in ('full', 'empty', 'refused', 'network'):
            with self.subTest(kind):
                _, paths, out = self.make(kind=kind)
                self.assertEqual(checks.pixelmed_sr(out / 'sr.dcm'), [])
                self.assert_valid([out / 'sr.dcm'], paths)
                said = subprocess.run(['dsrdump', out / 'sr.dcm'], capture_output=True, text=True, errors='replace')
                self.assertEqual(said.returncode, 0)
                self.assertIn('Comprehensive 3D SR Document', said.stdout)

    def content(self, kind, **options):
        """[(path of concept meanings, item)] of the report of that kind."""
        found = []

        def visit(item, path):
            name = item.ConceptNameCodeSequence[0].CodeMeaning if 'ConceptNameCodeSequence' in item else ''
            found.append((path + [name], item))
            for child in item.get('ContentSequence', []):
                visit(child, path + [name])
        visit(pydicom.dcmread(self.make(kind=kind, **options)[2] / 'sr.dcm'), [])
        return found

    def groups(self, kind):
        return {next(c.TextValue for c in item.ContentSequence
                     if c.ConceptNameCodeSequence[0].CodeMeaning == 'Tracking Identifier'): item
                for path, item in reversed(self.content(kind)) if path[-1] == 'Measurement Group'}

    def test_measurements_stand_in_the_group_of_their_segment_with_its_tracking_uid(self):
        _, _, out = self.make()
        seg = pydicom.dcmread(out / 'seg.dcm')
        groups = self.groups('full')
        for segment in seg.SegmentSequence:
            items = {c.ConceptNameCodeSequence[0].CodeMeaning: c for c in groups[segment.TrackingID].ContentSequence}
            self.assertEqual(items['Tracking Unique Identifier'].UID, segment.TrackingUID)
            reference, = items['Referenced Segment'].ReferencedSOPSequence
            self.assertEqual((reference.ReferencedSOPInstanceUID, reference.ReferencedSegmentNumber),
                             (seg.SOPInstanceUID, segment.SegmentNumber))
        volume, = [c for c in groups['core'].ContentSequence if c.ValueType == 'NUM']
        value, = volume.MeasuredValueSequence
        self.assertEqual((float(value.NumericValue), value.MeasurementUnitsCodeSequence[0].CodeValue), (12.3456, 'ml'))
        self.assertEqual({c.TextValue for c in volume.ContentSequence}, {'Hilum ct_perfusion', '1.0.0'})
        numbers = [float(c.MeasuredValueSequence[0].NumericValue) for c in groups['ct_perfusion'].ContentSequence
                   if c.ValueType == 'NUM']
        self.assertEqual(numbers, [2.5, 40, 0])  # no segment's, and the volume of the empty one

    def test_findings_have_a_place_in_the_patient(self):
        source, _, _ = self.make()
        for kind in ('full',):
            places = [item for path, item in self.content(kind) if item.get('ValueType') == 'SCOORD3D']
            self.assertEqual(len(places), 2)
            lowest = min(source, key=lambda ds: float(ds.ImagePositionPatient[2]))
            corner = np.array([float(v) for v in lowest.ImagePositionPatient])
            for item, (x, y) in zip(places, ((3, 4), (5, 6))):
                points = np.array(item.GraphicData).reshape(-1, 3)
                self.assertEqual(item.GraphicType, 'ELLIPSOID')
                self.assertTrue(np.allclose(points.mean(axis=0), corner + [0.7 * x, 0.7 * y, 0], atol=1e-3))
                self.assertEqual(item.ReferencedFrameOfReferenceUID, source[0].FrameOfReferenceUID)

    def test_a_refusal_nothing_found_and_the_checks_are_said_formally(self):
        def said(kind):
            return [(path[-1], item.ConceptCodeSequence[0].CodeMeaning if item.ValueType == 'CODE' else item.TextValue)
                    for path, item in self.content(kind)
                    if len(path) == 3 and path[1] == 'Qualitative Evaluations']
        summary = 'CAD Processing and Findings Summary'
        self.assertIn((summary, 'No algorithms succeeded; without findings'), said('refused'))
        self.assertIn(('Comment', 'CT perfusion could not be analysed: only 5 frames of at least 20'), said('refused'))
        self.assertIn((summary, 'All algorithms succeeded; without findings'), said('empty'))
        self.assertIn(('Necrosis', 'Absent'), said('empty'))
        self.assertIn((summary, 'All algorithms succeeded; with findings'), said('full'))
        self.assertIn(('Necrosis', 'Present'), said('full'))
        self.assertIn(('Quality Finding', 'Limited quality'), said('full'))
        self.assertIn(('Quality Finding', 'motion (warn): 2.5 mm'), said('full'))

    def test_the_document_names_its_evidence_request_flags_and_predecessor(self):
        source, _, out = self.make(kind='network')
        ds = pydicom.dcmread(out / 'sr.dcm')
        self.assertEqual((ds.CompletionFlag, ds.VerificationFlag, ds.PreliminaryFlag),
                         ('COMPLETE', 'UNVERIFIED', 'PRELIMINARY'))
        study, = ds.CurrentRequestedProcedureEvidenceSequence
        evidence = {r.ReferencedSOPInstanceUID for s in study.ReferencedSeriesSequence for r in s.ReferencedSOPSequence}
        named = {item.ReferencedSOPSequence[0].ReferencedSOPInstanceUID
                 for _, item in self.content('network') if item.get('ValueType') == 'IMAGE'}
        self.assertLessEqual(named, evidence)
        self.assertLessEqual({s.SOPInstanceUID for s in source}, evidence)
        before, = ds.PredecessorDocumentsSequence
        self.assertEqual(before.ReferencedSeriesSequence[0].ReferencedSOPSequence[0].ReferencedSOPInstanceUID,
                         '2.25.4711')
        parameters = {item.TextValue for path, item in self.content('network') if path[-1] == 'Algorithm Parameters'}
        self.assertEqual(parameters, {'model lung-nodule 2.1, precision int8'})
        request, = ds.ReferencedRequestSequence
        self.assertEqual((request.AccessionNumber, request.StudyInstanceUID), ('ACC9', source[0].StudyInstanceUID))


class Codes(unittest.TestCase):
    """Every coded concept in the tree is in the concept dictionary of pydicom."""

    # PS3.16 TID 1500 row 12: in PixelMed's tables, not in pydicom's, which leave row concepts of containers out.
    UNKNOWN_TO_PYDICOM = {('C0034375', 'UMLS')}
    UCUM = re.compile(r'[\[\]{}a-zA-Z0-9.%/()*^-]+')

    def known(self, value, scheme, meaning):
        """What is wrong with a code, or None."""
        if scheme in ('99HILUM', 'RFC5646') or (value, scheme) in self.UNKNOWN_TO_PYDICOM:
            return None
        if scheme == 'UCUM':
            return None if self.UCUM.fullmatch(value) else 'is no UCUM unit'
        meanings = {entry[value][0].lower() for entry in concepts.get(scheme, {}).values() if value in entry}
        if not meanings and scheme == 'LN':  # LOINC's check digit is Luhn's; pydicom knows few of its codes
            digits = [int(c) for c in value.replace('-', '')][::-1]
            total = sum(digits[0::2]) + sum(sum(divmod(2 * d, 10)) for d in digits[1::2])
            return None if total % 10 == 0 else 'fails its check digit'
        if not meanings:
            return 'is unknown'
        return None if meaning.lower() in meanings else f'means {meanings}'

    def test_codes_in_the_sources(self):
        triplet = re.compile(r'\{\s*"([^"]+)",\s*"(SCT|DCM|LN|UCUM|UMLS|NCIt|RADLEX|99HILUM|SRT|FMA|RFC5646)",'
                             r'\s*"((?:[^"]|"\s+")*)"\s*,?\s*\}')
        found, bad = 0, []
        for folder in ('base', 'kernels', 'pipeline', 'scp', 'src', 'tests'):
            for file in (ROOT / folder).rglob('*.[ch]*'):
                for value, scheme, meaning in triplet.findall(file.read_text()):
                    meaning = re.sub(r'"\s+"', '', meaning)
                    found += 1
                    wrong = self.known(value, scheme, meaning)
                    if wrong:
                        bad.append(f'{file.relative_to(ROOT)}: ({value}, {scheme}, "{meaning}") {wrong}')
        self.assertEqual(bad, [])
        self.assertGreater(found, 50)

    def test_a_wrong_code_is_noticed(self):
        self.assertIsNotNone(self.known('118565007', 'SCT', 'Volume'))
        self.assertIsNotNone(self.known('118565006', 'SCT', 'Value'))
        self.assertIsNotNone(self.known('8821-2', 'LN', 'EDV'))
        self.assertIsNone(self.known('8821-1', 'LN', 'Left Ventricular ED Volume'))


if __name__ == '__main__':
    unittest.main()
