"""The wheel holds all that an installed termwise needs."""

import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_the_wheel_builds_and_holds_every_module_the_page_and_the_command(tmp_path):
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("termwise-*-py3-none-any.whl")
    with zipfile.ZipFile(wheel) as packed:
        names = set(packed.namelist())
        (entry_points,) = (name for name in names if name.endswith("entry_points.txt"))
        assert "termwise = termwise.cli:main" in packed.read(entry_points).decode()
    source = ROOT / "src"
    wanted = {
        str(p.relative_to(source)) for p in (source / "termwise").rglob("*") if p.suffix in (".py", ".css", ".js")
    }
    assert wanted | {"termwise/py.typed", "termwise/report/page.html"} <= names
    assert not any(name.startswith("tests") for name in names)
