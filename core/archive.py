"""Reading zip and npz files from strangers: every bound is checked before anything is unpacked."""

from __future__ import annotations

import io
import lzma
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
from numpy.lib import format as npy

# Of zipfile's decompressors, only DEFLATE stops at the size that was asked for; bz2 and LZMA unpack whatever is inside.
COMPRESSION_TYPES = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
MAX_RATIO = 1_032  # DEFLATE cannot do more: a member that claims a higher one is not what it says
READ_ERRORS = (  # what damaged, wrong or hostile files raise
    *(OSError, EOFError, LookupError, MemoryError, RuntimeError, SyntaxError, TypeError, ValueError),
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError),  # the decompressors
    tokenize.TokenError,  # NumPy's parser of headers
)
DIRECTORY_BYTES_PER_MEMBER = 400  # of the table of contents: 46 bytes, the name and extra fields


class ArchiveError(ValueError):
    """An archive breaks a bound. The text says which."""


@dataclass(frozen=True)
class ArchiveLimits:
    """Bounds on an archive.

    Attributes:
        members: the largest number of files in it.
        total_bytes: the largest size of all files together, unpacked.
    """

    members: int
    total_bytes: int


@contextmanager
def open_archive(file: bytes | BinaryIO, limits: ArchiveLimits) -> Iterator[zipfile.ZipFile]:
    """Open a zip or npz file after checking its table of contents.

    Raises ArchiveError for too many or too large members, encryption, or another compression than DEFLATE, and
    zipfile.BadZipFile for a file that is not a zip.
    """
    stream = io.BytesIO(file) if isinstance(file, bytes) else file
    _check_directory_size(stream, limits)
    with zipfile.ZipFile(stream) as archive:
        members = archive.infolist()
        total = sum(member.file_size for member in members)
        if len(members) > limits.members or total > limits.total_bytes:
            raise ArchiveError(
                f"It would unpack to {len(members):,} files of {total / 2**20:,.0f} MB together. The limits are "
                f"{limits.members:,} files and {limits.total_bytes / 2**20:,.0f} MB"
            )
        for member in members:
            name = f"{member.filename!r:.80}"
            if member.compress_type not in COMPRESSION_TYPES:
                raise ArchiveError(f"{name} is compressed in an unusual way. Expected no compression or DEFLATE")
            if member.flag_bits & 0x1:
                raise ArchiveError(f"{name} is encrypted")
            if member.file_size > MAX_RATIO * member.compress_size:
                raise ArchiveError(f"{name} claims to be larger than its data can be")
        yield archive


def read_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo | str, limit: int) -> bytes:
    """Read one file of the archive, at most `limit` + 1 bytes of it: one more than `limit` tells that it is larger."""
    with archive.open(member) as file:
        return file.read(limit + 1)


def read_array_header(archive: zipfile.ZipFile, name: str) -> tuple[tuple[int, ...], np.dtype]:
    """Return the shape and type of an array in an npz file, without reading its values.

    Raises KeyError if there is no such array, ValueError if its header is not one of a plain array.
    """
    with archive.open(f"{name}.npy") as file:
        if npy.read_magic(file) != (1, 0):  # later versions allow headers of gigabytes
            raise ValueError(f"{name} is not in version 1.0 of NumPy's format")
        shape, _, dtype = npy.read_array_header_1_0(file)
    if dtype.hasobject:
        raise ValueError(f"{name} holds pickled objects, which are not opened because they could run any program")
    return shape, dtype


def read_array(archive: zipfile.ZipFile, name: str) -> np.ndarray:
    """Read an array of an npz file. Its size must be the one that its header and the table of contents say.

    Raises KeyError if there is no such array, ValueError if it is damaged or longer than its header says.
    """
    shape, dtype = read_array_header(archive, name)
    size = int(np.prod(shape, dtype=object)) * dtype.itemsize
    if size > archive.getinfo(f"{name}.npy").file_size:
        raise ValueError(f"{name} is shorter than its header says")
    with archive.open(f"{name}.npy") as file:
        array = npy.read_array(file, allow_pickle=False)
        if file.read(1):
            raise ValueError(f"{name} is longer than its header says")
    return array


def _check_directory_size(stream: BinaryIO, limits: ArchiveLimits) -> None:
    """Raise ArchiveError if the table of contents is too large: zipfile makes an object of each of its entries.

    Its size stands in the end record (PKWARE, "APPNOTE.TXT", 4.3.16), or in the ZIP64 end record before it (4.3.14).
    """
    size = stream.seek(0, io.SEEK_END)
    stream.seek(max(0, size - 2**16 - 22 - 76))  # the longest comment, the end record, and the ZIP64 records before it
    tail = stream.read()
    stream.seek(0)
    end = tail.rfind(b"PK\5\6")
    if end < 0 or len(tail) < end + 22:
        raise zipfile.BadZipFile("the file is not a zip file")
    (directory,) = struct.unpack_from("<L", tail, end + 12)
    if end >= 76 and tail.startswith(b"PK\6\7", end - 20) and tail.startswith(b"PK\6\6", end - 76):
        (directory,) = struct.unpack_from("<Q", tail, end - 76 + 40)
    if directory > DIRECTORY_BYTES_PER_MEMBER * limits.members:
        raise ArchiveError(f"Its table of contents is larger than that of {limits.members:,} files. This is the limit")
