"""One page of everything that was measured."""

from keraslight.result_page.data import read_result
from keraslight.result_page.write import write_report

__all__ = ["read_result", "write_report"]
