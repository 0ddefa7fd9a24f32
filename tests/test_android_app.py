"""The Android app in tflite/android. It cannot be built here: what can be read is tested."""

import pathlib
import re

import pytest

ANDROID = pathlib.Path(__file__).parent.parent / "tflite" / "android"
SOURCES = sorted(ANDROID.rglob("*.kt"))
# where a class comes from that no dependency declares
PLATFORM = ("android.", "java.", "kotlin.", "org.json.")
ARTIFACTS = {
    "androidx.activity.": "androidx.activity:activity-ktx",
    "androidx.camera.core.": "androidx.camera:camera-core",
    "androidx.camera.lifecycle.": "androidx.camera:camera-lifecycle",
    "androidx.camera.view.": "androidx.camera:camera-view",
    "androidx.core.": "androidx.activity:activity-ktx",
    "com.google.ai.edge.litert.support.metadata.": "com.google.ai.edge.litert:litert-metadata",
    "com.google.ai.edge.litert.": "com.google.ai.edge.litert:litert:",
    "org.tensorflow.lite.Interpreter": "com.google.ai.edge.litert:litert:",
}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_every_import_has_its_dependency(path):
    gradle = (ANDROID / "app" / "build.gradle.kts").read_text()
    for name in re.findall(r"^import (\S+)$", path.read_text(), re.MULTILINE):
        if name.startswith(PLATFORM):
            continue
        (artifact, *_) = [ARTIFACTS[prefix] for prefix in ARTIFACTS if name.startswith(prefix)]
        assert f'implementation("{artifact}' in gradle, name


def test_a_gpu_has_its_library():
    assert "litert-gpu:" in (ANDROID / "app" / "build.gradle.kts").read_text()


def test_guide_names_the_versions_of_the_app():
    gradle = (ANDROID / "app" / "build.gradle.kts").read_text()
    version = re.search(r'val litert = "([\d.]+)"', gradle)[1]
    guide = (ANDROID / "README.md").read_text()
    assert set(re.findall(r"litert:[\w-]+:([\d.]+)", guide)) == {version}


def test_guide_names_every_source():
    guide = (ANDROID / "README.md").read_text()
    assert {path.name for path in SOURCES} == set(re.findall(r"^\| `(\w+\.kt)`", guide, re.M))


def test_no_activity_is_missing_in_the_manifest():
    manifest = (ANDROID / "app" / "src" / "main" / "AndroidManifest.xml").read_text()
    activities = {
        path.stem for path in SOURCES if re.search(r": ComponentActivity\(\)", path.read_text())
    }
    assert activities == set(re.findall(r'<activity android:name="\.(\w+)"', manifest))
