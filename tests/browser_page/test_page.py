"""The page that runs a file in a browser: what is written, and what Chromium makes of it."""

import base64
import hashlib
import json
import pathlib
import shutil
import subprocess
import tarfile
import threading
import urllib.request

import numpy as np
import pytest

from keraslight.browser_page import runtime, write_page
from keraslight.browser_page.serve import server_of
from keraslight.browser_page.write import _settings
from keraslight.pictures.preprocessing import INTERPOLATIONS, Preprocessing, open_picture
from keraslight.result_page import read_result, write_report
from keraslight.tflite import Classifier
from tests.colours import CLASSES, MEAN, STD

NODE = shutil.which("node")
CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
ATTACK = "<img src=x onerror=alert(1)>"


@pytest.fixture
def made_package(tmp_path, monkeypatch):
    """A package of the form of LiteRT.js, of a few bytes."""
    folder = tmp_path / "made" / "package"
    (folder / "wasm").mkdir(parents=True)
    (folder / "package.json").write_text("{}")
    for build in runtime.RUNTIMES:
        (folder / "wasm" / f"{build.file}.js").write_text("var ModuleFactory;")
        (folder / "wasm" / f"{build.file}.wasm").write_bytes(b"\0asm")
    path = tmp_path / "made.tgz"
    with tarfile.open(path, "w:gz") as archive:
        archive.add(folder, "package")
    digest = hashlib.sha512(path.read_bytes()).digest()
    monkeypatch.setattr(runtime, "SHA512", base64.b64encode(digest).decode())
    return path


def content_of(page):
    text = (page.parent / "model.js").read_text()
    return json.loads(text.removeprefix("self.keraslightModel = ").removesuffix(";\n"))


def test_the_page_holds_the_file_and_what_it_needs(int8_file, made_package, tmp_path):
    page = write_page(tmp_path / "page", int8_file, runtime=made_package)
    content = content_of(page)
    assert content["names"] == list(CLASSES)
    assert content["input"]["type"] == "int8" and content["softmax"] is True
    assert content["facts"]["sha256"] == hashlib.sha256(int8_file.read_bytes()).hexdigest()
    assert len(content["tests"]) == 8
    assert len({test["input"] for test in content["tests"]}) == 8
    # nothing from elsewhere: no address, no script in the page
    html = page.read_text()
    assert "default-src 'none'" in html and "connect-src 'none'" in html
    assert "'unsafe" not in html
    assets = [path for path in page.parent.iterdir() if path.suffix in (".js", ".css", ".html")]
    for path in assets:
        assert "://" not in path.read_text() or path.name == "model.js"
    # a page is replaced by a new one
    write_page(tmp_path / "page", int8_file, ["b", "g", "r"], runtime=made_package)
    assert content_of(page)["names"] == ["b", "g", "r"]


def test_what_cannot_become_a_page(int8_file, made_package, tmp_path, monkeypatch):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "mine.txt").write_text("mine")
    with pytest.raises(ValueError, match=r"must be empty, or hold a page.*other"):
        write_page(tmp_path / "other", int8_file, runtime=made_package)
    made_package.write_bytes(b"other")
    with pytest.raises(ValueError, match=r"The file is not @litertjs/core .*made\.tgz"):
        write_page(tmp_path / "page", int8_file, runtime=made_package)
    with pytest.raises(ValueError, match="There is no such file"):
        write_page(tmp_path / "page", int8_file, runtime=tmp_path / "none.tgz")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("KERASLIGHT_OFFLINE", "1")
    with pytest.raises(OSError, match=r"KERASLIGHT_OFFLINE is set.*npm pack.*--runtime=FILE"):
        write_page(tmp_path / "page", int8_file)
    monkeypatch.delenv("KERASLIGHT_OFFLINE")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(OSError, match="npm, which is not installed: install Node"):
        write_page(tmp_path / "page", int8_file)
    assert not (tmp_path / "page").exists()


def test_the_command(command, int8_file, made_package, tmp_path):
    result = command("page", int8_file, "--output_dir=out", f"--runtime={made_package}")
    assert result.exit_code == 0, result.output
    assert "written: out/index.html" in result.output
    assert content_of(tmp_path / "out" / "index.html")["facts"]["file"] == int8_file.name
    result = command("page", int8_file, "--port=80")
    assert result.exit_code == 2 and "These need --serve" in result.output


def test_the_server_lets_pages_use_threads(tmp_path):
    (tmp_path / "index.html").write_text("page")
    with server_of(tmp_path) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with urllib.request.urlopen(f"http://127.0.0.1:{server.server_port}/") as answer:
            assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"
            assert answer.headers["Cross-Origin-Embedder-Policy"] == "require-corp"
            assert answer.read() == b"page"
        server.shutdown()


@pytest.mark.skipif(NODE is None, reason="needs Node.js")
def test_pictures_are_resized_in_javascript_as_by_preprocessing(tmp_path):
    rng = np.random.default_rng(0)
    cases = []
    for index in range(40):
        height, width = (int(side) for side in rng.integers(3, 70, 2))
        pixels = rng.integers(0, 256, (*rng.integers(5, 90, 2), 3)).astype("uint8")
        settings = [
            {},
            {"resize": int(rng.integers(5, 80))},
            {"resize": tuple(int(side) for side in rng.integers(5, 80, 2))},
            {"crop": float(rng.uniform(0.2, 1)) if index % 8 == 3 else int(rng.integers(3, 60))},
        ][index % 4]
        preprocessing = Preprocessing(
            height,
            width,
            channels=1 if index % 7 == 0 else 3,
            interpolation=INTERPOLATIONS[index % 5],
            mean=MEAN[: 1 if index % 7 == 0 else 3],
            std=STD[: 1 if index % 7 == 0 else 3],
            **settings,
        )
        image = preprocessing.fitted(open_picture(pixels, preprocessing.channels))
        rgba = np.concatenate([pixels, np.full((*pixels.shape[:2], 1), 255)], -1)
        cases.append(
            {
                "height": pixels.shape[0],
                "width": pixels.shape[1],
                "rgba": rgba.ravel().tolist(),
                "settings": _settings(preprocessing),
                "expected": np.asarray(image).ravel().tolist(),
                "floats": preprocessing(pixels).ravel().tolist(),
            }
        )
    (tmp_path / "cases.json").write_text(json.dumps(cases))
    script = f"""
    const {{fromPixels, fitted, quantized}} = require({json.dumps(str(asset("picture.js")))});
    const cases = JSON.parse(require("fs").readFileSync("cases.json"));
    const same = (a, b) => a.length === b.length && a.every((value, i) => value === b[i]);
    for (const {{height, width, rgba, settings, expected, floats}} of cases) {{
      const found = fitted(fromPixels(rgba, height, width, settings.channels), settings);
      const bytes = quantized(found, settings, {{type: "float32"}});
      const values = [...new Float32Array(bytes.buffer)];
      console.log(same(expected, [...found.bytes]) && same(floats, values));
    }}"""
    done = subprocess.run(
        [NODE, "-e", script], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == len(cases) * ["true"]


def asset(name):
    return pathlib.Path(runtime.__file__).parent / "assets" / name


@pytest.fixture
def browser(tmp_path):
    webdriver = pytest.importorskip("selenium.webdriver")
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu"):
        options.add_argument(argument)
    options.add_experimental_option("prefs", {"download.default_directory": str(tmp_path)})
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    driver.set_script_timeout(120)
    yield driver
    driver.quit()


def wait_for(browser, condition):
    from selenium.webdriver.support.ui import WebDriverWait

    return WebDriverWait(browser, 120, 0.1).until(lambda driver: driver.execute_script(condition))


def text_of(browser, element):
    return browser.execute_script(f"return document.getElementById('{element}').innerText")


@pytest.fixture
def package():
    """The real package, which npm fetches once."""
    try:
        return runtime.runtime_archive()
    except OSError as error:
        pytest.skip(f"needs npm and its registry: {error}")


@pytest.mark.slow
@pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="needs chromium and chromedriver")
def test_chromium_runs_the_file(browser, package, int8_file, picture_folder, tmp_path):
    """Opened as a file: the self-test passes, a picture is classified, figures are saved."""
    labels = [ATTACK, "green", "red"]
    page = write_page(tmp_path / "page", int8_file, labels, {"resize": 36}, tell=lambda _: None)
    browser.get(page.as_uri())
    assert wait_for(browser, "return document.documentElement.dataset.ready") == "passed"
    assert text_of(browser, "tests").count("24 of 24 equal") == 2  # eight pictures, three classes
    assert "threads need a page that" in text_of(browser, "tests")

    picture = picture_folder / "blue" / "1.png"
    browser.find_element("id", "file").send_keys(str(picture))
    wait_for(browser, "return document.querySelectorAll('#classes li').length")
    classifier = Classifier(int8_file, labels, {"resize": 36}, lambda _: None)
    scores = classifier.runner.predict(classifier.preprocessing(picture)[None])[0]
    first, *others = text_of(browser, "classes").splitlines()
    # markup in a label is shown, not obeyed
    assert first == ATTACK and len(browser.find_elements("tag name", "img")) == 1
    assert others[0] == f"{100 * np.exp(scores).max() / np.exp(scores).sum():.1f} %"

    browser.execute_script("document.getElementById('measure').click()")
    wait_for(browser, "return !document.getElementById('save').disabled")
    browser.execute_script("document.getElementById('save').click()")
    saved = tmp_path / "colours_int8_browser.json"
    wait_for_file(browser, saved)
    figures = read_result(saved)
    titles = {result["delegate"] for result in figures["runs"][0]["results"]}
    assert titles == {"SIMD", "relaxed SIMD"}
    assert all(result["latency_ms"] > 0 for result in figures["runs"][0]["results"])
    assert all(test["passed"] for test in figures["self_test"])
    write_report(tmp_path / "report", [figures])
    errors = [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]
    assert not errors


@pytest.mark.slow
@pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="needs chromium and chromedriver")
def test_the_self_test_finds_other_outputs_and_another_preprocessing(
    browser, package, float_file, tmp_path
):
    page = write_page(tmp_path / "page", float_file, tell=lambda _: None)
    content = content_of(page)
    assert content["output"]["type"] == "float32"
    content["tests"][3]["output"] = content["tests"][4]["output"]
    content["preprocessing"]["interpolation"] = "nearest"
    (page.parent / "model.js").write_text(f"self.keraslightModel = {json.dumps(content)};\n")
    with server_of(page.parent) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        browser.get(f"http://127.0.0.1:{server.server_port}/index.html")
        assert wait_for(browser, "return document.documentElement.dataset.ready") == "failed"
        server.shutdown()
    # served, it also runs with threads
    assert text_of(browser, "tests").count("largest difference") == 3
    assert text_of(browser, "tests").count("differs") == 3
    assert "computes something else" in text_of(browser, "state")


def wait_for_file(browser, path):
    from selenium.webdriver.support.ui import WebDriverWait

    WebDriverWait(browser, 30, 0.1).until(lambda _: path.is_file())
