#!/usr/bin/env python3
"""
Write the seeds of the fuzzers to tests/fuzz/corpus/<target>/; what they find is added by hand.

Those of j2k are of other encoders (ht-*: OpenJPH; j2k-*, jp2-*: OpenJPEG by Pillow), of the image of
tests/unit/test_j2k.c.
"""
import pathlib
import struct
import zlib

CORPUS = pathlib.Path(__file__).parent / 'corpus'
EXPLICIT, IMPLICIT, BIG = '1.2.840.10008.1.2.1', '1.2.840.10008.1.2', '1.2.840.10008.1.2.2'
DEFLATED, JPEG = '1.2.840.10008.1.2.1.99', '1.2.840.10008.1.2.4.50'
LONG = ('OB', 'OW', 'SQ', 'UN', 'UT')
UNDEFINED = 0xFFFFFFFF


def keep(target, name, data):
    folder = CORPUS / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data)


class Encoder:
    def __init__(self, syntax):
        self.order, self.implicit = '>' if syntax == BIG else '<', syntax == IMPLICIT

    def element(self, group, number, vr, value, length=None):
        if isinstance(value, str):
            value = value.encode('latin-1')
        if isinstance(value, int):
            value = struct.pack(self.order + 'H', value)
        value += (b'\0' if vr == 'UI' else b' ') * (len(value) % 2)
        length = len(value) if length is None else length
        head = struct.pack(self.order + 'HH', group, number)
        if self.implicit or not vr:
            return head + struct.pack(self.order + 'I', length) + value
        if vr in LONG:
            return head + vr.encode() + struct.pack(self.order + 'HI', 0, length) + value
        return head + vr.encode() + struct.pack(self.order + 'H', length) + value

    def sequence(self, group, number, *items, defined=True):
        inside = b''
        for item in items:
            inside += self.element(0xFFFE, 0xE000, '', item, None if defined else UNDEFINED)
            inside += b'' if defined else self.element(0xFFFE, 0xE00D, '', b'')
        inside += b'' if defined else self.element(0xFFFE, 0xE0DD, '', b'')
        return self.element(group, number, 'SQ', inside, None if defined else UNDEFINED)


def image(syntax, pixels=None):
    e = Encoder(syntax)
    code = e.element(0x0008, 0x0100, 'SH', 'T-D1100')
    pixels = pixels or e.element(0x7FE0, 0x0010, 'OW', bytes(range(24)))
    return b''.join([
        e.element(0x0008, 0x0005, 'CS', 'ISO 2022 IR 13\\ISO 2022 IR 87'),
        e.element(0x0008, 0x0008, 'CS', 'ORIGINAL\\PRIMARY\\AXIAL'),
        e.element(0x0008, 0x0016, 'UI', '1.2.840.10008.5.1.4.1.1.2'),
        e.element(0x0008, 0x0018, 'UI', '1.2.3.4.5'),
        e.element(0x0008, 0x0022, 'DA', '20250102'), e.element(0x0008, 0x0032, 'TM', '101112.123456'),
        e.element(0x0008, 0x002A, 'DT', '20250102101112.5+0100'),
        e.element(0x0008, 0x0060, 'CS', 'CT'),
        e.sequence(0x0008, 0x2218, code, defined=False), e.sequence(0x0008, 0x1032, code),
        e.element(0x0010, 0x0010, 'PN', '\xd4\xcf\xc0\xde=\x1b$B;3ED\x1b(J^\x1b$BB@O:\x1b(J'),
        e.element(0x0010, 0x0020, 'LO', 'ID'), e.element(0x0018, 0x0050, 'DS', '5.0'),
        e.element(0x0020, 0x000D, 'UI', '1.2.3'), e.element(0x0020, 0x000E, 'UI', '1.2.3.4'),
        e.element(0x0020, 0x0013, 'IS', '7'), e.element(0x0020, 0x0032, 'DS', '-10.5\\2e1\\3'),
        e.element(0x0020, 0x0037, 'DS', '1\\0\\0\\0\\1\\0'),
        e.element(0x0028, 0x0002, 'US', 1), e.element(0x0028, 0x0004, 'CS', 'MONOCHROME2'),
        e.element(0x0028, 0x0008, 'IS', '2'),
        e.element(0x0028, 0x0010, 'US', 2), e.element(0x0028, 0x0011, 'US', 3),
        e.element(0x0028, 0x0030, 'DS', '0.5\\0.5'),
        e.element(0x0028, 0x0100, 'US', 16), e.element(0x0028, 0x0101, 'US', 12),
        e.element(0x0028, 0x0102, 'US', 11), e.element(0x0028, 0x0103, 'US', 1),
        e.element(0x0028, 0x1052, 'DS', '-1024'), e.element(0x0028, 0x1053, 'DS', '1'), pixels,
    ])


def part10(syntax, data_set):
    meta = Encoder(EXPLICIT)
    return bytes(128) + b'DICM' + meta.element(0x0002, 0x0010, 'UI', syntax) + data_set


def enhanced(syntax):
    """An Enhanced CT object of two frames, as bytes of a data set."""
    e = Encoder(syntax)

    def group(number, element, *inside):
        return e.sequence(number, element, b''.join(inside), defined=False)
    region = e.sequence(0x0008, 0x2218, e.element(0x0008, 0x0104, 'LO', 'Head'))
    shared = b''.join([
        group(0x0020, 0x9071, region), group(0x0020, 0x9116, e.element(0x0020, 0x0037, 'DS', '1\\0\\0\\0\\1\\0')),
        group(0x0028, 0x9110, e.element(0x0018, 0x0050, 'DS', '5'), e.element(0x0028, 0x0030, 'DS', '0.5\\0.5')),
        group(0x0028, 0x9145, e.element(0x0028, 0x1052, 'DS', '-1024'), e.element(0x0028, 0x1053, 'DS', '1'))])
    frames = [b''.join([
        group(0x0020, 0x9111, e.element(0x0018, 0x9074, 'DT', f'2024021410070{k}.5'),
              e.element(0x0020, 0x9128, 'UL', struct.pack('<I', k + 1))),
        group(0x0020, 0x9113, e.element(0x0020, 0x0032, 'DS', f'-10\\-20\\{5 * k}')),
        group(0x0020, 0x9310, e.element(0x0020, 0x930D, 'FD', struct.pack('<d', 1.5 * k))),
        group(0x0018, 0x9118, e.element(0x0020, 0x9153, 'FD', struct.pack('<d', 40.0 * k)))]) for k in range(2)]
    return b''.join([
        e.element(0x0008, 0x0016, 'UI', '1.2.840.10008.5.1.4.1.1.2.1'), e.element(0x0008, 0x0018, 'UI', '1.2.3.4.5'),
        e.element(0x0018, 0x9073, 'FD', struct.pack('<d', 3.0)),
        e.element(0x0020, 0x000D, 'UI', '1.2.3'), e.element(0x0020, 0x000E, 'UI', '1.2.3.4'),
        e.element(0x0028, 0x0008, 'IS', '2'), e.element(0x0028, 0x0010, 'US', 2), e.element(0x0028, 0x0011, 'US', 3),
        e.element(0x0028, 0x0100, 'US', 16), e.element(0x0028, 0x0101, 'US', 12), e.element(0x0028, 0x0102, 'US', 11),
        e.sequence(0x5200, 0x9229, shared), e.sequence(0x5200, 0x9230, *frames, defined=False),
        e.element(0x7FE0, 0x0010, 'OW', bytes(range(24)))])


def scan():
    e = Encoder(EXPLICIT)
    keep('scan', 'enhanced', part10(EXPLICIT, enhanced(EXPLICIT)))
    keep('scan', 'enhanced-implicit', part10(IMPLICIT, enhanced(IMPLICIT)))
    fragments = (e.element(0x7FE0, 0x0010, 'OB', b'', UNDEFINED) + e.element(0xFFFE, 0xE000, '', b'')
                 + e.element(0xFFFE, 0xE000, '', b'\xff\xd8\xff\xd9') + e.element(0xFFFE, 0xE0DD, '', b''))
    for name, syntax in (('explicit', EXPLICIT), ('implicit', IMPLICIT), ('big', BIG)):
        keep('scan', name, part10(syntax, image(syntax)))
    keep('scan', 'encapsulated', part10(JPEG, image(JPEG, fragments)))
    packer = zlib.compressobj(9, wbits=-15)
    keep('scan', 'deflated', part10(DEFLATED, packer.compress(image(EXPLICIT)) + packer.flush()))
    for syntax in (EXPLICIT, IMPLICIT):
        inner = b''
        for _ in range(20):
            inner = Encoder(syntax).sequence(0x0040, 0x0555, inner)
        keep('scan', f'nested-{len(inner)}', part10(syntax, inner + image(syntax)))
    for name, raw in {
        'length-4gb': e.element(0x0009, 0x1001, 'OB', b'', 0xFFFFFFF0),
        'length-odd': e.element(0x0009, 0x1001, 'LO', b'x', 1),
        'un-sequence': e.element(0x0009, 0x1001, 'UN', b'', UNDEFINED) + e.element(0xFFFE, 0xE0DD, '', b''),
        'item-alone': e.element(0xFFFE, 0xE000, '', b''),
        'two-uids': e.element(0x0008, 0x0018, 'UI', '9.9'),
    }.items():
        keep('scan', name, part10(EXPLICIT, raw + image(EXPLICIT)))


def settings():
    for name, text in {
        'whole': 'node = { ae_title = "NODE"; port = 104; check_called_ae = false }\n'
                 'peers = ( { ae_title = "CT" } )\n'
                 'destinations = ( { name = "pacs"; ae_title = "P"; host = "h"; port = 104 } )\n'
                 'rules = ( { name = "r"; analyses = ["ct_perfusion"]; destinations = ["pacs"] } )\n'
                 'work = { job_memory_max_bytes = 6442450944L }\n',
        'comments': '# one\n// two\n/* three */ study: { quiet_s: 0x10, }\n',
        'types': 'node = { port = "1"; ae_title = 1.5 }\nreceive = ( )\n',
        'nested': 'analysis = { ct_perfusion = { a = { b = ( { c = [1, 2] } ) } } }',
        'strings': 'node = { ae_title = "a" "b\\x41\\n\\"" }',
        'broken': 'node = { port = ; }',
    }.items():
        keep('settings', name, text.encode())


def text():
    for name, (charset, value) in {
        'latin': ('ISO_IR 100', b'Buc^J\xe9r\xf4me'), 'utf8': ('ISO_IR 192', 'Wang^王=\u00e9'.encode()),
        'japanese': ('ISO 2022 IR 13\\ISO 2022 IR 87', b'\xd4\xcf=\x1b$B;3ED\x1b(J^\x1b$(D0!\x1b(B'),
        'korean': ('\\ISO 2022 IR 149', b'Hong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce'),
        'chinese': ('GB18030', b'\xcd\xf5^\xd0\xa1\x81\x30\x81\x30'), 'gb2312': ('\\ISO 2022 IR 58', b'\x1b$)A\xd5\xc5'),
        'greek': ('\\ISO 2022 IR 126', b'\x1b-F\xc4\xe9\x1b-L\xbb\xee\x1b-G\xe2\x1b-T\xa1'),
        'escapes': ('', b'\x1b[31m\x1b\x1b$\x9b31m'),
    }.items():
        keep('text', name, bytes([len(charset), 40]) + charset.encode() + value)
    keep('text', 'little-room', bytes([10, 5]) + b'ISO_IR 192' + '東東東'.encode())


def messages():
    def message(kind, payload):
        return struct.pack('=II', len(payload), kind) + payload

    def field(what, raw):
        return struct.pack('=I', what) + raw
    some_text = field(0, struct.pack('=I', 5) + b'text\0')
    keep('msg', 'fields', message(1, some_text + field(1, struct.pack('=q', -1)) + field(2, struct.pack('=d', .5))))
    keep('msg', 'several', message(1, b'') + message(2, some_text) + message(3, field(3, bytes(100))))
    keep('msg', 'too-large', struct.pack('=II', 17 << 20, 1) + bytes(20))
    keep('msg', 'text-without-end', message(1, field(0, struct.pack('=I', 4) + b'text')))
    keep('msg', 'text-too-long', message(1, field(0, struct.pack('=I', 0xFFFFFFFF) + b'text\0')))


if __name__ == '__main__':
    scan()
    settings()
    text()
    messages()
