"""Certificates for tests, made by openssl: an authority and what it signs."""
import subprocess


def openssl(*words):
    subprocess.run(['openssl', *map(str, words)], check=True, capture_output=True)


class Authority:
    """certificate: its PEM file; issue() makes more in the same folder."""

    def __init__(self, folder, name):
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.certificate, self.key = folder / f'{name}.pem', folder / f'{name}.key'
        openssl('req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', 2, '-subj', f'/CN={name}',
                '-keyout', self.key, '-out', self.certificate)

    def issue(self, name):
        """(certificate, private key) for that common name."""
        request, certificate, key = (self.folder / f'{name}.{end}' for end in ('csr', 'pem', 'key'))
        openssl('req', '-newkey', 'rsa:2048', '-nodes', '-subj', f'/CN={name}', '-keyout', key, '-out', request)
        openssl('x509', '-req', '-in', request, '-CA', self.certificate, '-CAkey', self.key, '-CAcreateserial',
                '-days', 2, '-out', certificate)
        return certificate, key
