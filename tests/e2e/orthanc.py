"""A real PACS for the tests: Orthanc with a configuration of its own, on free ports, in a temporary folder."""
import json
import os
import pathlib
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request


def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


def find_program():
    path = shutil.which('Orthanc') or shutil.which('Orthanc', path='/usr/sbin')
    if not path:
        raise FileNotFoundError('Orthanc is not installed (tools/setup)')
    return path


class Orthanc:
    """REST from loopback only, no authentication; the AE title is PACS."""

    ae_title = 'PACS'

    def __init__(self, folder, **settings):
        self.folder = pathlib.Path(folder).resolve()
        self.folder.mkdir(parents=True, exist_ok=True)
        self.dicom_port, self.http_port = free_port(), free_port()
        self.url = f'http://127.0.0.1:{self.http_port}'
        self.log = self.folder / 'orthanc.log'
        self.process = None
        store = str(self.folder / 'storage')
        config = {
            'Name': 'PACS', 'DicomAet': self.ae_title,
            'StorageDirectory': store, 'IndexDirectory': store,
            'DicomPort': self.dicom_port, 'HttpPort': self.http_port,
            'RemoteAccessAllowed': False, 'AuthenticationEnabled': False,
            'DicomAlwaysAllowEcho': True, 'DicomAlwaysAllowStore': True,
            'DicomCheckCalledAet': False, 'UnknownSopClassAccepted': True,
            'OverwriteInstances': False, 'StableAge': 2, 'Plugins': [],
        } | settings
        (self.folder / 'orthanc.json').write_text(json.dumps(config, indent=1))

    def start(self, nodelay=True):
        env = dict(os.environ, TCP_NODELAY='1') if nodelay else dict(os.environ)
        with open(self.log, 'ab') as log:
            self.process = subprocess.Popen([find_program(), str(self.folder / 'orthanc.json')],
                                            stdout=log, stderr=log, env=env)
        until = time.monotonic() + 30
        while time.monotonic() < until:
            if self.process.poll() is not None:
                break
            try:
                self.get('/system')
                return self
            except (OSError, urllib.error.URLError):
                time.sleep(0.1)
        self.kill()
        raise RuntimeError('Orthanc does not start:\n' + self.log.read_text()[-2000:])

    def get_bytes(self, path):
        with urllib.request.urlopen(self.url + path, timeout=60) as answer:
            return answer.read()

    def get(self, path):
        return json.loads(self.get_bytes(path))

    def instances(self, study_uid=None):
        """[{SOPInstanceUID, SOPClassUID, SeriesDescription, Modality, id}] of what is held."""
        out = []
        for series in self.get('/series?expand'):
            study = self.get(f'/studies/{series["ParentStudy"]}')
            if study_uid and study['MainDicomTags']['StudyInstanceUID'] != study_uid:
                continue
            for i in series['Instances']:
                instance = self.get(f'/instances/{i}')
                out.append({'id': i, 'SOPInstanceUID': instance['MainDicomTags']['SOPInstanceUID'],
                            'Modality': series['MainDicomTags'].get('Modality', ''),
                            'SeriesDescription': series['MainDicomTags'].get('SeriesDescription', ''),
                            'SOPClassUID': self._sop_class(i)})
        return out

    def _sop_class(self, instance_id):
        return self.get_bytes(f'/instances/{instance_id}/metadata/SopClassUid').decode().strip()

    def count(self):
        return self.get('/statistics')['CountInstances']

    def download(self, instance_id, path):
        pathlib.Path(path).write_bytes(self.get_bytes(f'/instances/{instance_id}/file'))

    def preview(self, instance_id):
        return self.get_bytes(f'/instances/{instance_id}/preview')

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.kill()

    def kill(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
