"""A page that runs a .tflite file in a browser. Without Keras."""

from keraslight.browser_page.write import write_page as write_page

__all__ = ["write_page"]
