"""Files are there whole or not at all, are as anyone's, and are written where they seem to be."""

import errno
import os
import stat
from pathlib import Path

import pytest

from termwise.errors import Refused
from termwise.files import append, refuse_link, remove, remove_parts, write_whole


def test_a_file_is_written_with_the_rights_of_any_other_and_nothing_is_left_beside(tmp_path):
    (tmp_path / "other").touch()
    write_whole(tmp_path / "file", b"old")
    write_whole(tmp_path / "file", b"new")
    assert (tmp_path / "file").read_bytes() == b"new"
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == stat.S_IMODE((tmp_path / "other").stat().st_mode)
    assert {path.name for path in tmp_path.iterdir()} == {"file", "other"}


def test_the_one_before_is_kept_where_it_is_asked_for(tmp_path):
    for content in (b"1", b"2", b"3"):
        write_whole(tmp_path / "last", content, before=tmp_path / "previous")
    assert [(tmp_path / name).read_bytes() for name in ("last", "previous")] == [b"3", b"2"]


@pytest.mark.parametrize("link", [os.symlink, os.link], ids=["symlink", "hard link"])
def test_a_link_is_replaced_and_what_it_leads_to_is_left_alone(tmp_path, link):
    (tmp_path / "precious").write_text("mine")
    link(tmp_path / "precious", tmp_path / "file")
    write_whole(tmp_path / "file", b"new")
    assert (tmp_path / "precious").read_text() == "mine"
    assert (tmp_path / "file").read_bytes() == b"new"
    assert not (tmp_path / "file").is_symlink()


def test_nothing_is_added_through_a_link_and_no_folder_that_is_one_is_written_in(tmp_path):
    (tmp_path / "precious").write_text("mine")
    (tmp_path / "file").symlink_to(tmp_path / "precious")
    with pytest.raises(OSError):
        append(tmp_path / "file", b"more")
    assert (tmp_path / "precious").read_text() == "mine"
    (tmp_path / "folder").symlink_to(tmp_path)
    with pytest.raises(Refused, match="folder is a link"):
        refuse_link(tmp_path / "folder")


def test_removing_follows_no_link(tmp_path):
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "precious").touch()
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "link").symlink_to(tmp_path / "outside")
    remove(tmp_path / "folder")
    remove(tmp_path / "folder")  # gone already
    assert (tmp_path / "outside" / "precious").exists()
    assert not (tmp_path / "folder").exists()


@pytest.mark.parametrize("operation", ["fsync", "replace"])
def test_a_full_disk_is_told_by_the_files_name_and_leaves_the_old_one_and_nothing_beside(
    tmp_path, monkeypatch, operation
):
    write_whole(tmp_path / "file", b"old")

    def full(*given):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, operation, full)
    with pytest.raises(OSError, match="No space left on device") as told:
        write_whole(tmp_path / "file", b"new")
    monkeypatch.undo()
    assert told.value.filename == str(tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device that is always full is Linux's")
def test_a_disk_that_is_full_when_a_line_is_added_is_told_by_the_files_name():
    with pytest.raises(OSError, match="No space left on device") as told:
        append(Path("/dev/full"), b"more")
    assert told.value.filename == "/dev/full"


def test_what_a_killed_writer_left_beside_is_removed_and_nothing_else(tmp_path):
    for name in (".last.pt.0011.part", "mine.part", ".hidden", "last.pt"):
        (tmp_path / name).touch()
    remove_parts([tmp_path, tmp_path / "none"])
    assert {path.name for path in tmp_path.iterdir()} == {"mine.part", ".hidden", "last.pt"}
