"""The Gradle project of the Android app, as far as it can be read: it cannot be built here."""

import pathlib
import re
import sys

import pytest

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ANDROID = pathlib.Path(__file__).parents[2] / "tflite" / "android"
SOURCES = sorted(ANDROID.rglob("*.kt"))
GRADLE = (ANDROID / "app" / "build.gradle.kts").read_text()
CATALOGUE = tomllib.loads((ANDROID / "gradle" / "libs.versions.toml").read_text())
GUIDE = (ANDROID / "README.md").read_text()
# where a class comes from that no dependency declares
PLATFORM = ("android.", "java.", "kotlin.", "org.json.")
# the library of the catalogue that has the classes of a package; the longest prefix counts
LIBRARIES = {
    "androidx.activity.": "activity-compose",
    "androidx.camera.core.": "camera-core",
    "androidx.camera.lifecycle.": "camera-lifecycle",
    "androidx.camera.view.": "camera-view",
    "androidx.compose.foundation.": "compose-foundation",
    "androidx.compose.material3.": "compose-material3",
    "androidx.compose.runtime.": "compose-runtime",
    "androidx.compose.ui.": "compose-ui",
    "androidx.core.": "activity-compose",
    "androidx.lifecycle.": "activity-compose",
    "com.google.ai.edge.litert.": "litert",
    "com.google.ai.edge.litert.support.metadata.": "litert-metadata",
    "org.tensorflow.lite.Interpreter": "litert",
}


def accessor(name):
    return f"libs.{name.replace('-', '.')}"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_every_import_has_its_dependency(path):
    for name in re.findall(r"^import (\S+)$", path.read_text(), re.MULTILINE):
        if not name.startswith(PLATFORM):
            prefix = max((p for p in LIBRARIES if name.startswith(p)), key=len)
            assert f"implementation({accessor(LIBRARIES[prefix])})" in GRADLE, name


def test_what_gradle_uses_is_in_the_catalogue_and_the_reverse():
    root = (ANDROID / "build.gradle.kts").read_text()
    used = set(re.findall(r"libs\.[\w.]+", GRADLE + root)) - {"libs.versions.toml"}
    libraries = {accessor(name) for name in CATALOGUE["libraries"]}
    plugins = {f"libs.plugins.{name.replace('-', '.')}" for name in CATALOGUE["plugins"]}
    assert used == libraries | plugins
    entries = [*CATALOGUE["libraries"].values(), *CATALOGUE["plugins"].values()]
    versions = {entry["version"]["ref"] for entry in entries if "version" in entry}
    assert versions == set(CATALOGUE["versions"])


def test_a_gpu_has_its_library():
    assert "implementation(libs.litert.gpu)" in GRADLE


def test_guide_names_the_versions_of_the_app():
    litert = CATALOGUE["versions"]["litert"]
    assert set(re.findall(r"litert:[\w-]+:([\d.]+)", GUIDE)) == {litert}


def test_guide_names_every_source():
    assert {path.name for path in SOURCES} == set(re.findall(r"^\| `(\w+\.kt)`", GUIDE, re.M))


def test_no_activity_is_missing_in_the_manifest():
    manifest = (ANDROID / "app" / "src" / "main" / "AndroidManifest.xml").read_text()
    activities = {
        path.stem for path in SOURCES if re.search(r": ComponentActivity\(\)", path.read_text())
    }
    assert activities == set(re.findall(r'<activity android:name="\.(\w+)"', manifest))
