"""Archives from strangers: whatever they claim, nothing is unpacked beyond the limits."""

import io
import struct
import zipfile

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from core.archive import ArchiveError, ArchiveLimits, open_archive, read_array, read_array_header, read_member

LIMITS = ArchiveLimits(members=10, total_bytes=2**20)


def zipped(members: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return file.getvalue()


def with_claimed_size(data: bytes, size: int) -> bytes:
    """The archive, with another unpacked size of its first member in the table of contents."""
    at = data.index(b"PK\1\2") + 24
    return data[:at] + struct.pack("<L", size) + data[at + 4 :]


def refused(data: bytes, says: str, limits: ArchiveLimits = LIMITS) -> None:
    with pytest.raises(ArchiveError, match=says), open_archive(data, limits):
        pytest.fail("it was opened")


@pytest.mark.parametrize("compression", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_only_deflate_and_no_compression_are_opened(compression):
    refused(with_claimed_size(zipped({"a": bytes(10**6)}, compression), 100), "compressed in an unusual way")
    for usual in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        with open_archive(zipped({"a": b"hello"}, usual), LIMITS) as archive:
            assert read_member(archive, "a", 100) == b"hello"


def test_too_many_members_and_too_many_bytes_are_refused():
    refused(zipped({str(i): b"" for i in range(11)}), "11 files")
    refused(zipped({"a": bytes(2**20 + 1)}), "The limits are 10 files and 1 MB")


def test_a_size_that_deflate_cannot_reach_is_refused():
    refused(with_claimed_size(zipped({"a": b"x"}), 2**19), "larger than its data can be")


def test_an_encrypted_member_is_refused():
    data = bytearray(zipped({"a": b"hello"}))
    data[data.index(b"PK\1\2") + 8] |= 1
    refused(bytes(data), "encrypted")


def test_a_member_that_is_larger_than_it_claims_is_damaged():
    data = with_claimed_size(zipped({"a": bytes(10**6)}), 100)
    with open_archive(data, LIMITS) as archive, pytest.raises(zipfile.BadZipFile, match="CRC"):
        read_member(archive, "a", 10**6)


def test_a_member_is_read_to_one_byte_more_than_the_limit():
    with open_archive(zipped({"a": bytes(1000)}), LIMITS) as archive:
        assert len(read_member(archive, "a", 10)) == 11


def test_a_table_of_contents_that_is_too_long_is_refused_before_zipfile_reads_it():
    refused(zipped({str(i): b"" for i in range(1000)}), "table of contents")


def test_a_zip64_end_record_counts_as_well():
    file = io.BytesIO()
    torch.save({"a": torch.zeros(3)}, file)  # written with ZIP64 records
    data = bytearray(file.getvalue())
    with open_archive(bytes(data), LIMITS) as archive:
        assert any(name.endswith("data.pkl") for name in archive.namelist())
    at = data.rindex(b"PK\6\6") + 40
    data[at : at + 8] = struct.pack("<Q", 10**9)
    refused(bytes(data), "table of contents")


@given(st.binary(max_size=200))
def test_anything_else_is_not_a_zip(data):
    with pytest.raises((zipfile.BadZipFile, ArchiveError)), open_archive(data, LIMITS):
        pytest.fail("it was opened")


# Arrays


def saved(**arrays) -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    return file.getvalue()


def npy_header(shape: tuple[int, ...], dtype: str = "<f4") -> bytes:
    text = repr({"descr": dtype, "fortran_order": False, "shape": shape}).encode().ljust(117) + b"\n"
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(text)) + text


def test_an_array_comes_back_as_it_was_written():
    array = np.arange(12, dtype=np.float32).reshape(3, 4)
    with open_archive(saved(a=array), LIMITS) as archive:
        assert read_array_header(archive, "a") == ((3, 4), np.float32)
        assert (read_array(archive, "a") == array).all()


def test_an_array_that_claims_more_than_it_holds_is_not_allocated():
    data = zipped({"a.npy": npy_header((10**6, 10**6)) + b"abcd"})
    with open_archive(data, LIMITS) as archive, pytest.raises(ValueError, match="shorter than its header says"):
        read_array(archive, "a")


def test_an_array_with_more_behind_it_is_refused():
    data = zipped({"a.npy": npy_header((1,)) + b"abcdefgh"})
    with open_archive(data, LIMITS) as archive, pytest.raises(ValueError, match="longer than its header says"):
        read_array(archive, "a")


def test_pickled_objects_are_refused():
    data = saved(a=np.array([{}], dtype=object))
    with open_archive(data, LIMITS) as archive, pytest.raises(ValueError, match="pickled objects"):
        read_array(archive, "a")
