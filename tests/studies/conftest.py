import pytest

from tflite.studies.shared.peaks import ARITHMETIC, SHAPES, Peaks


@pytest.fixture
def fixed_peaks(monkeypatch):
    """Lets a study measure this many multiply-adds a second for every kernel."""

    def fix(study, macs):
        peaks = Peaks({name: dict.fromkeys(SHAPES, macs) for name in ARITHMETIC}, 1e15)
        monkeypatch.setattr(study, "measure_peaks", lambda folder: peaks)

    return fix
