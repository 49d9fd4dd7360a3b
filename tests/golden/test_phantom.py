"""tools/phantom: its objects are valid, its bytes repeat, and its images hold what its truth says."""
import hashlib
import json
import pathlib
import subprocess
import tempfile
import unittest

import numpy as np
import pydicom

ROOT = pathlib.Path(__file__).resolve().parents[2]


def make_kind(kind, folder, *options):
    subprocess.run([ROOT / 'tools/phantom', kind, '--out', folder, *map(str, options)],
                   check=True, capture_output=True)
    return sorted((pathlib.Path(folder) / 'dicom').iterdir())


def make(folder, *options):
    return make_kind('ct-perfusion', folder, *options)


def make_cine(folder, *options):
    """The files, and truth.json."""
    files = make_kind('cardiac-cine', folder, *options)
    return files, json.loads((pathlib.Path(folder) / 'truth/truth.json').read_text())


class Phantom(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.out = pathlib.Path(self.folder.name)

    def test_every_layout_is_valid_and_consistent(self):
        for layout in ('one-series', 'series-per-time', 'series-per-slice', 'shuttle'):
            files = make(self.out / layout, '--size', 64, '--slices', 2, '--frames', 3, '--layout', layout)
            self.assertEqual(len(files), 6)
            for file in files:
                said = subprocess.run(['dciodvfy', file], capture_output=True, text=True)
                self.assertNotRegex(said.stdout + said.stderr, '(?m)^(Error|Warning)')
            said = subprocess.run(['dcentvfy', *files], capture_output=True, text=True)
            self.assertNotIn('Error', said.stdout + said.stderr)

    def test_enhanced_objects_are_valid_and_hold_the_same_pixels_at_the_same_times(self):
        def frames(ds):
            if 'PerFrameFunctionalGroupsSequence' not in ds:
                time = ds.AcquisitionDate + ds.AcquisitionTime
                return {(time, tuple(ds.ImagePositionPatient)): ds.PixelData}
            found, size = {}, ds.Rows * ds.Columns * 2
            for i, group in enumerate(ds.PerFrameFunctionalGroupsSequence):
                key = (group.FrameContentSequence[0].FrameAcquisitionDateTime,
                       tuple(group.PlanePositionSequence[0].ImagePositionPatient))
                found[key] = ds.PixelData[i * size:(i + 1) * size]
            return found

        for layout, objects in (('one-series', 1), ('series-per-time', 3), ('series-per-slice', 2), ('shuttle', 1)):
            options = ['--size', 64, '--slices', 2, '--frames', 3, '--layout', layout]
            plain, enhanced = {}, {}
            for file in make(self.out / f'{layout}-plain', *options):
                plain.update(frames(pydicom.dcmread(file)))
            files = make(self.out / layout, *options, '--enhanced')
            self.assertEqual(len(files), objects)
            for file in files:
                said = subprocess.run(['dciodvfy', file], capture_output=True, text=True)
                self.assertNotRegex(said.stdout + said.stderr, '(?m)^(Error|Warning)')
                enhanced.update(frames(pydicom.dcmread(file)))
            self.assertEqual(plain, enhanced)
            said = subprocess.run(['dcentvfy', *files], capture_output=True, text=True)
            self.assertNotIn('Error', said.stdout + said.stderr)

    def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(self):
        def digest(name, seed):
            files = make(self.out / name, '--size', 64, '--slices', 2, '--frames', 2, '--seed', seed, '--motion', 2)
            return [hashlib.sha256(f.read_bytes()).hexdigest() for f in files]
        first = digest('a', 3)
        self.assertEqual(first, digest('b', 3))
        self.assertFalse(set(first) & set(digest('c', 4)))

    def test_area_and_peak_of_the_curves_give_the_true_blood_volume(self):
        files = make(self.out / 'p', '--size', 128, '--slices', 3, '--frames', 60, '--noise', 0)
        truth = json.loads((self.out / 'p/truth/truth.json').read_text())
        times = truth['aif']['time_s']
        frames = {}
        for f in files:
            ds = pydicom.dcmread(f)
            frames.setdefault(ds.AcquisitionNumber, {})[float(ds.SliceLocation)] = ds.pixel_array
        volume = np.array([[plane for _, plane in sorted(frames[t].items())] for t in sorted(frames)], float)
        self.assertEqual(volume.shape, (60, 3, 128, 128))

        # Far from any edge, where blur mixes nothing: white matter with white matter around it.
        label = np.load(self.out / 'p/truth/label.npy')
        white = label == 6
        for axis in (1, 2):
            for step in (-3, -2, -1, 1, 2, 3):
                white &= np.roll(label == 6, step, axis)
        self.assertGreater(white.sum(), 200)
        rise = volume - volume[:6].mean(axis=0)
        area = rise[:, white].sum(axis=0).mean() / np.sum(truth['aif']['hu']) * 100 * 0.705
        expect = np.load(self.out / 'p/truth/cbv.npy')[white].mean()
        # The scan ends before the last contrast has passed: a few per cent are missing.
        self.assertAlmostEqual(area / expect, 1.0, delta=0.05)
        artery = np.load(self.out / 'p/truth/artery.npy') == 1
        self.assertLess(abs(times[int(rise[:, artery].mean(axis=1).argmax())] - (8 + 3 * 1.9)), 1.1)

    def test_a_healthy_head_has_no_lesion_and_sides_are_the_patients(self):
        for side, sign in (('left', 1), ('right', -1), ('none', 0)):
            make(self.out / side, '--size', 64, '--slices', 8, '--frames', 1, '--side', side)
            hypo = np.load(self.out / side / 'truth/hypo.npy')
            if sign == 0:
                self.assertEqual(hypo.sum(), 0)
            else:  # columns run to the patient's left
                self.assertGreater(sign * (np.argwhere(hypo)[:, 2].mean() - 31.5), 5)


class Cine(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.out = pathlib.Path(self.folder.name)

    def test_every_layout_is_valid_and_holds_its_slices_and_phases(self):
        for layout, count, series in (('ge', 12, 1), ('siemens', 12, 3), ('enhanced', 1, 1)):
            files, _ = make_cine(self.out / layout, '--size', 64, '--slices', 3, '--phases', 4, '--layout', layout)
            self.assertEqual(len(files), count)
            self.assertEqual(len({pydicom.dcmread(f).SeriesInstanceUID for f in files}), series)
            for file in files:
                said = subprocess.run(['dciodvfy', file], capture_output=True, text=True)
                self.assertNotRegex(said.stdout + said.stderr, '(?m)^(Error|Warning)')
            said = subprocess.run(['dcentvfy', *files], capture_output=True, text=True)
            self.assertNotIn('Error', said.stdout + said.stderr)
        ds = pydicom.dcmread(self.out / 'enhanced/dicom/007-00001.dcm')
        self.assertEqual(ds.NumberOfFrames, 12)
        places = {tuple(g.PlanePositionSequence[0].ImagePositionPatient) for g in ds.PerFrameFunctionalGroupsSequence}
        self.assertEqual(len(places), 3)

    def test_the_same_seed_gives_the_same_bytes(self):
        def digest(name, seed):
            files, _ = make_cine(self.out / name, '--size', 64, '--slices', 2, '--phases', 2, '--seed', seed)
            return [hashlib.sha256(f.read_bytes()).hexdigest() for f in files]
        first = digest('a', 3)
        self.assertEqual(first, digest('b', 3))
        self.assertFalse(set(first) & set(digest('c', 4)))

    def test_images_and_areas_add_up_to_the_volumes(self):
        files, truth = make_cine(self.out / 'p', '--size', 192, '--phases', 20, '--edv', 150, '--esv', 60, '--noise', 0)
        self.assertAlmostEqual(truth['ef_percent'], 60, delta=0.5)
        pixel_mm2 = truth['spacing_mm'][1] ** 2
        stacks = {}
        for f in files:
            ds = pydicom.dcmread(f)
            stacks.setdefault(tuple(ds.ImagePositionPatient), []).append((float(ds.TriggerTime), ds.pixel_array))
        self.assertEqual(len(stacks), 14)
        for name, volume in (('ed', 150), ('es', 60)):
            phase = truth[f'{name}_phase']
            self.assertAlmostEqual(truth['lv_ml'][phase] / volume, 1, delta=0.01)
            self.assertAlmostEqual(truth['simpson_ml'][phase] / volume, 1, delta=0.015)
            label = np.load(self.out / f'p/truth/label_{name}.npy')
            counted = (label == 1).sum() * pixel_mm2 * truth['spacing_mm'][0] / 1000
            self.assertAlmostEqual(counted / volume, 1, delta=0.02)
            planes = [sorted(of, key=lambda p: p[0])[phase][1] for of in stacks.values()]
            middle = [k for k, area in enumerate(truth['area_mm2']) if area[phase] > 700]
            for k in middle:  # blood is brighter than its wall
                wall, cavity = planes[k][label[k] == 2].mean(), planes[k][label[k] == 1].mean()
                self.assertGreater(cavity, 1.5 * wall)

    def test_the_stack_is_regular_and_stands_on_the_long_axis(self):
        files, truth = make_cine(self.out / 's', '--size', 64, '--slices', 5, '--phases', 3, '--spacing', 10,
                                 '--thickness', 6, '--long-axis')
        normals, along = set(), {}
        for ds in map(pydicom.dcmread, files):
            row, column = np.array(ds.ImageOrientationPatient[:3]), np.array(ds.ImageOrientationPatient[3:])
            normal = np.cross(row.astype(float), column.astype(float))
            self.assertAlmostEqual(float(np.linalg.norm(normal)), 1, places=4)
            normals.add(tuple(np.round(normal, 3)))
            if ds.SeriesNumber == 7:
                along.setdefault(round(float(normal @ np.array(ds.ImagePositionPatient, float)), 2), []).append(ds)
        self.assertEqual(len(normals), 3)  # the stack and two long-axis planes
        self.assertEqual(np.round(np.diff(sorted(along)), 2).tolist(), [10.0] * 4)
        self.assertTrue(all(len({float(d.TriggerTime) for d in of}) == 3 for of in along.values()))
        self.assertEqual(truth['written_slices'], [0, 1, 2, 3, 4])

    def test_defects_are_what_they_say(self):
        small = ('--size', 64, '--slices', 5, '--phases', 4)
        files, truth = make_cine(self.out / 'gap', *small, '--defect', 'missing-slice')
        self.assertEqual((len(files), truth['written_slices']), (16, [0, 1, 3, 4]))
        files, _ = make_cine(self.out / 'one', *small, '--defect', 'one-phase')
        self.assertEqual(len(files), 5)
        _, truth = make_cine(self.out / 'none', *small, '--defect', 'no-heart')
        self.assertEqual(np.load(self.out / 'none/truth/label_ed.npy').max(), 0)
        self.assertEqual(truth['volumes_ml'], {})
        files, truth = make_cine(self.out / 'rr', *small, '--defect', 'arrhythmia')
        said = {int(pydicom.dcmread(f).NominalInterval) for f in files}
        self.assertEqual(said, {int(rr) for rr in truth['rr_ms']})
        self.assertGreater(max(said) - min(said), 0.1 * 880)


if __name__ == '__main__':
    unittest.main()
