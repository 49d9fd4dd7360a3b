"""The node under test: `hilum serve` with a configuration made from conf/hilum.conf, in a folder of its own."""
import json
import os
import pathlib
import signal
import socket
import subprocess
import time

import dimse
import settings_file
from orthanc import free_port

ROOT = pathlib.Path(__file__).resolve().parents[2]
ENDED = ('done', 'failed', 'refused')


class Node:
    """settings: {'study.quiet_s': 2, ...} over those that tests need; orthanc: where results go, or None."""

    ae_title = 'HILUM'

    def __init__(self, hilum, folder, orthanc=None, settings=None, env=None):
        self.hilum = str(pathlib.Path(hilum).resolve())
        self.folder = pathlib.Path(folder).resolve()
        self.folder.mkdir(parents=True, exist_ok=True)
        self.state = self.folder / 'state'
        self.config = self.folder / 'hilum.conf'
        self.log = self.folder / 'hilum.log'
        self.port = free_port()
        self.env = dict(os.environ, **(env or {}))
        self.process = None
        wanted = {'node.port': self.port, 'node.address': '127.0.0.1', 'node.state_dir': str(self.state)}
        if orthanc:
            wanted |= {'destinations.0.host': '127.0.0.1', 'destinations.0.port': orthanc.dicom_port,
                       'destinations.0.ae_title': orthanc.ae_title,
                       'destinations.0.backoff_first_s': 1, 'destinations.0.backoff_max_s': 2,
                       'destinations.0.attempts_max': 60}
        text = (ROOT / 'conf/hilum.conf').read_text()
        self.config.write_text(settings_file.change(text, wanted | (settings or {})))

    def start(self, timeout_s=30):
        with open(self.log, 'ab') as log:
            self.process = subprocess.Popen([self.hilum, 'serve', '--config', str(self.config)],
                                            stdout=log, stderr=log, env=self.env, cwd=self.folder)
        until = time.monotonic() + timeout_s
        while time.monotonic() < until and self.process.poll() is None:
            if self.is_answering():
                return self
            time.sleep(0.05)
        code = self.process.poll()
        self.kill()
        raise RuntimeError(f'the node does not start (exit {code}):\n{self.log.read_text()[-3000:]}')

    def is_answering(self):
        try:
            return self.echo() == 0 and self.status() is not None
        except (OSError, dimse.Refused, subprocess.CalledProcessError):
            return False

    def echo(self):
        peer = dimse.Association(self.port, [(dimse.VERIFICATION, [dimse.IMPLICIT])], called=self.ae_title)
        try:
            return peer.echo()
        finally:
            peer.release()

    def command(self, *words, timeout_s=60):
        """Run a subcommand against this node's configuration."""
        return subprocess.run([self.hilum, words[0], '--config', str(self.config), *map(str, words[1:])],
                              capture_output=True, text=True, timeout=timeout_s, env=self.env)

    def status(self):
        done = self.command('status', '--json')
        done.check_returncode()
        return json.loads(done.stdout)

    def instances(self):
        return self.status()['counts'].get('instances', 0)

    def wait(self, is_so, timeout_s, what):
        """The first status for which is_so(status), polled; fails with the state and the log."""
        until = time.monotonic() + timeout_s
        status = {}
        while time.monotonic() < until:
            try:
                status = self.status()
                if is_so(status):
                    return status
            except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
                pass  # it is being restarted
            time.sleep(0.2)
        short = {k: status.get(k) for k in ('studies', 'jobs', 'counts')}
        raise AssertionError(f'{what}: not within {timeout_s} s; status {json.dumps(short)[:1500]}\n'
                             f'log:\n{self.log.read_text()[-2000:]}')

    def wait_for_jobs(self, count, timeout_s=90):
        """Until count jobs exist and all have ended."""
        return self.wait(lambda s: len(s['jobs']) >= count and all(j['state'] in ENDED for j in s['jobs']),
                         timeout_s, f'{count} jobs ended')

    def wait_closed(self, timeout_s=60):
        return self.wait(lambda s: s['studies'] and all(t['state'] == 'closed' for t in s['studies']),
                         timeout_s, 'every study closed')

    def storage_files(self):
        return [f for f in (self.state / 'storage').rglob('*') if f.is_file()]

    def children(self):
        """{pid: command line} of the processes that the node has started."""
        found = {}
        for entry in pathlib.Path('/proc').iterdir():
            if not entry.name.isdigit():
                continue
            try:
                stat = (entry / 'stat').read_text()
                if int(stat.rpartition(')')[2].split()[1]) == self.process.pid:
                    words = (entry / 'cmdline').read_bytes().split(b'\0')
                    found[int(entry.name)] = ' '.join(w.decode() for w in words)
            except (OSError, ValueError):
                continue
        return found

    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def stop(self, timeout_s=30):
        """SIGTERM, as systemd does; returns the exit status."""
        if self.is_running():
            self.process.send_signal(signal.SIGTERM)
            try:
                return self.process.wait(timeout_s)
            except subprocess.TimeoutExpired:
                self.kill()
                raise AssertionError(f'no exit within {timeout_s} s of SIGTERM') from None
        return self.process.poll() if self.process else None

    def kill(self):
        if self.is_running():
            self.process.kill()
            self.process.wait()


def is_listening(port):
    with socket.socket() as s:
        return s.connect_ex(('127.0.0.1', port)) == 0
