"""
A small DICOM peer in plain Python: it says exactly the bytes it is told to, also wrong ones.

DCMTK's tools parse and repair what they send; tests of a hostile or sloppy peer must not.
"""
import pathlib
import socket
import struct
import time

APPLICATION_CONTEXT = '1.2.840.10008.3.1.1.1'
VERIFICATION = '1.2.840.10008.1.1'
CT_IMAGE = '1.2.840.10008.5.1.4.1.1.2'
STORAGE_COMMITMENT, STORAGE_COMMITMENT_INSTANCE = '1.2.840.10008.1.20.1', '1.2.840.10008.1.20.1.1'
IMPLICIT, EXPLICIT = '1.2.840.10008.1.2', '1.2.840.10008.1.2.1'


class Refused(Exception):
    """Association rejected, aborted or closed; args[0] says which."""


def item(kind, data):
    return struct.pack('>BBH', kind, 0, len(data)) + data


def element(group, number, value):
    if isinstance(value, int):
        value = struct.pack('<H', value)
    elif isinstance(value, str):
        value = value.encode() + b'\0' * (len(value) % 2)
    return struct.pack('<HHI', group, number, len(value)) + value


def command(*elements):
    body = b''.join(element(0, number, value) for number, value in sorted(elements))
    return element(0, 0, struct.pack('<I', len(body))) + body


def explicit(group, number, vr, value):
    """An explicit VR element; value: bytes or text."""
    if isinstance(value, str):
        value = value.encode()
    if len(value) % 2:
        value += b'\0' if vr == 'UI' else b' '
    head = struct.pack('<HH2s', group, number, vr.encode())
    if vr in ('OB', 'OW', 'SQ', 'UN', 'UT', 'OF'):
        return head + struct.pack('<HI', 0, len(value)) + value
    return head + struct.pack('<H', len(value)) + value


def trickle(connection, data, pause_s, limit_s=60):
    """Send data byte by byte until the peer hangs up or is silent for limit_s: seconds, and what it said."""
    began = time.monotonic()
    connection.settimeout(pause_s)
    for i in range(len(data)):
        try:
            connection.sendall(data[i:i + 1])
            answer = connection.recv(64)
        except socket.timeout:
            answer = None  # the pause is over
        except OSError:
            answer = b''
        if answer is not None:
            return time.monotonic() - began, answer
        if time.monotonic() - began > limit_s:
            break
    return time.monotonic() - began, None


class Association:
    """contexts: [(abstract syntax, [transfer syntaxes])], ids 1, 3, 5... in that order."""

    def __init__(self, port, contexts, called='HILUM', calling='TESTER', timeout_s=30, pdu=65536):
        self.contexts, self.accepted, self.message_id = contexts, {}, 0
        self.socket = socket.create_connection(('127.0.0.1', port), timeout_s)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.settimeout(timeout_s)
        self.socket.sendall(self.request(called, calling, pdu))
        kind, body = self.read_pdu()
        if kind != 2:
            self.close()
            raise Refused({3: 'rejected', 7: 'aborted'}.get(kind, f'PDU {kind}'), body)
        self.peer_pdu = 16384
        self._parse_accept(body)

    def request(self, called, calling, pdu):
        items = item(0x10, APPLICATION_CONTEXT.encode())
        for i, (abstract, syntaxes) in enumerate(self.contexts):
            inner = item(0x30, abstract.encode()) + b''.join(item(0x40, s.encode()) for s in syntaxes)
            items += item(0x20, struct.pack('>BBBB', 2 * i + 1, 0, 0, 0) + inner)
        user = item(0x51, struct.pack('>I', pdu)) + item(0x52, b'1.2.826.0.1.3680043.2.1143.9')
        items += item(0x50, user)
        fixed = struct.pack('>HH16s16s32x', 1, 0, called.ljust(16).encode(), calling.ljust(16).encode())
        return struct.pack('>BBI', 1, 0, len(fixed) + len(items)) + fixed + items

    def _parse_accept(self, body):
        at = 68
        while at + 4 <= len(body):
            kind, _, size = struct.unpack_from('>BBH', body, at)
            data = body[at + 4:at + 4 + size]
            if kind == 0x21 and data[2] == 0:
                syntax = data[8:].rstrip(b'\0').decode()
                self.accepted[data[0]] = syntax
            if kind == 0x50 and data[:1] == b'\x51':
                self.peer_pdu = struct.unpack('>I', data[4:8])[0] or 65536
            at += 4 + size

    def context(self, abstract, syntax):
        """Id of the accepted context for this pair, or None."""
        for i, (name, _) in enumerate(self.contexts):
            if name == abstract and self.accepted.get(2 * i + 1) == syntax:
                return 2 * i + 1
        return None

    def _read(self, n):
        out = b''
        while len(out) < n:
            try:
                part = self.socket.recv(n - len(out))
            except socket.timeout:
                raise
            except OSError as error:
                raise Refused('closed', error) from error
            if not part:
                raise Refused('closed')
            out += part
        return out

    def read_pdu(self):
        kind, _, size = struct.unpack('>BBI', self._read(6))
        return kind, self._read(size)

    def send(self, context, data, is_command):
        room = min(self.peer_pdu, 131072) - 12
        for at in range(0, max(len(data), 1), room):
            part = data[at:at + room]
            flags = (1 if is_command else 0) | (2 if at + room >= len(data) else 0)
            pdv = struct.pack('>IBB', len(part) + 2, context, flags) + part
            try:
                self.socket.sendall(struct.pack('>BBI', 4, 0, len(pdv)) + pdv)
            except OSError as error:
                raise Refused('closed', error) from error

    def message(self, is_command=True):
        """Bytes of the next command, or data set."""
        data, done = b'', False
        while not done:
            kind, body = self.read_pdu()
            if kind != 4:
                raise Refused({5: 'released', 7: 'aborted'}.get(kind, f'PDU {kind}'))
            at = 0
            while at < len(body):
                size, _, flags = struct.unpack_from('>IBB', body, at)
                if (flags & 1 == 1) != is_command:
                    raise Refused('a data set for a command, or a command for a data set')
                data += body[at + 6:at + 4 + size]
                done |= flags & 2 == 2
                at += 4 + size
        return data

    def command(self):
        """The next command: {element number: value bytes}."""
        data, found, at = self.message(), {}, 0
        while at + 8 <= len(data):
            _, number, size = struct.unpack_from('<HHI', data, at)
            found[number] = data[at + 8:at + 8 + size]
            at += 8 + size
        return found

    def response(self):
        """Status of the next response."""
        found = self.command()
        if 0x0900 not in found:
            raise Refused('response without status')
        return struct.unpack('<H', found[0x0900])[0]

    def echo(self):
        self.message_id += 1
        self.send(self.context(VERIFICATION, IMPLICIT),
                  command((0x0002, VERIFICATION), (0x0100, 0x0030), (0x0110, self.message_id),
                          (0x0800, 0x0101)), True)
        return self.response()

    def start_store(self, context, sop_class, sop_uid):
        self.message_id += 1
        self.send(context, command((0x0002, sop_class), (0x0100, 0x0001), (0x0110, self.message_id),
                                   (0x0700, 0), (0x0800, 0x0001), (0x1000, sop_uid)), True)

    def store(self, context, sop_class, sop_uid, data):
        """C-STORE of these data set bytes; the status answered."""
        self.start_store(context, sop_class, sop_uid)
        self.send(context, data, False)
        return self.response()

    def action(self, context, data, action_type=1, sop_class=STORAGE_COMMITMENT):
        """N-ACTION of storage commitment with these data set bytes; the status answered."""
        self.message_id += 1
        self.send(context, command((0x0003, sop_class), (0x0100, 0x0130), (0x0110, self.message_id), (0x0800, 0x0001),
                                   (0x1001, STORAGE_COMMITMENT_INSTANCE), (0x1008, action_type)), True)
        self.send(context, data, False)
        return self.response()

    def event(self, context):
        """The N-EVENT-REPORT that comes next, answered with Success: (event type, data set bytes)."""
        asked = self.command()
        if struct.unpack('<H', asked[0x0100])[0] != 0x0100:
            raise Refused('no N-EVENT-REPORT-RQ')
        data = self.message(is_command=False)
        self.send(context, command((0x0002, STORAGE_COMMITMENT), (0x0100, 0x8100), (0x0120, struct.unpack('<H', asked[0x0110])[0]),
                                   (0x0800, 0x0101), (0x0900, 0), (0x1000, STORAGE_COMMITMENT_INSTANCE)), True)
        return struct.unpack('<H', asked[0x1002])[0], data

    def release(self):
        try:
            self.socket.sendall(struct.pack('>BBI4x', 5, 0, 4))
            self.read_pdu()
        except (OSError, Refused):
            pass
        self.close()

    def abort(self):
        try:
            self.socket.sendall(struct.pack('>BBI4x', 7, 0, 4))
        except OSError:
            pass
        self.close()

    def close(self):
        self.socket.close()


class Part10:
    """What a file says of itself, read with as little trust as possible."""

    def __init__(self, path):
        raw = pathlib.Path(path).read_bytes()
        self.sop_class = self.sop_uid = self.syntax = ''
        if raw[128:132] != b'DICM':
            raise ValueError('no Part 10 file')
        at = 132
        while at + 8 <= len(raw) and raw[at:at + 2] == b'\x02\x00':
            number, vr = struct.unpack_from('<H2s', raw, at + 2)
            if vr in (b'OB', b'UN', b'OW', b'UT', b'SQ'):
                size, start = struct.unpack_from('<I', raw, at + 8)[0], at + 12
            elif vr.isalpha() and vr.isupper():
                size, start = struct.unpack_from('<H', raw, at + 6)[0], at + 8
            else:
                size, start = struct.unpack_from('<I', raw, at + 4)[0], at + 8
            value = raw[start:start + size].rstrip(b'\0 ').decode('latin1')
            if number == 0x0002:
                self.sop_class = value
            elif number == 0x0003:
                self.sop_uid = value
            elif number == 0x0010:
                self.syntax = value
            at = start + size
        self.data = raw[at:]
        if not (self.sop_class and self.sop_uid and self.syntax):
            raise ValueError('meta information incomplete')
