"""Makes docs/page.png: the page of `keraslight page` in Chromium, with a digit classified.

    python -m training.quickstart --output_dir=runs/digits
    python -m docs.page_picture runs/digits/digits_int8.tflite

It needs chromium, chromedriver, selenium and npm.
"""

import pathlib
import shutil
import sys
import tempfile

from PIL import Image
from selenium import webdriver
from selenium.webdriver.support.ui import WebDriverWait
from sklearn.datasets import load_digits

from keraslight.browser_page import write_page

PICTURE = pathlib.Path(__file__).parent / "page.png"


def main(path: str) -> None:
    """Writes the picture.

    Args:
        path: path of a .tflite file that classifies digits.
    """
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    for argument in ("--headless=new", "--no-sandbox", "--window-size=620,1480"):
        options.add_argument(argument)
    service = webdriver.ChromeService(shutil.which("chromedriver"))
    browser = webdriver.Chrome(options=options, service=service)

    def wait_for(condition):
        WebDriverWait(browser, 300, 0.2).until(lambda _: browser.execute_script(condition))

    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        page = write_page(folder / "page", path, preprocessing={"resize": (16, 16)})
        pixels = (load_digits().images[0] * (255 / 16)).astype("uint8")
        digit = Image.fromarray(pixels).resize((160, 160), Image.Resampling.BICUBIC)
        digit.save(folder / "digit.png")
        browser.get(page.resolve().as_uri())
        wait_for("return document.documentElement.dataset.ready")
        browser.find_element("id", "file").send_keys(str(folder / "digit.png"))
        wait_for("return document.querySelectorAll('#classes li').length")
        browser.find_element("id", "measure").click()
        wait_for("return !document.getElementById('save').disabled")
        browser.execute_script("scrollTo(0, 0)")
        browser.save_screenshot(str(PICTURE))
    browser.quit()


if __name__ == "__main__":
    main(sys.argv[1])
