"""`keraslight page`: a page that runs a .tflite file in a browser."""

import click

from keraslight.browser_page import write_page
from keraslight.browser_page.serve import server_of
from keraslight.commands import options
from keraslight.commands.program import Command, note
from keraslight.pictures.names import read_labels
from keraslight.tflite.labels import IMAGENET


@click.command(
    "page",
    cls=Command,
    examples=[
        "keraslight page model.tflite --output_dir=page",
        "keraslight page model.tflite --output_dir=page --serve",
    ],
)
@click.argument("model", type=options.FILE)
@click.option(
    "--output_dir",
    type=click.Path(file_okay=False),
    default="page",
    show_default=True,
    help="Folder of the page.",
)
@options.labels
@options.preprocessing
@click.option(
    "--runtime",
    type=options.FILE,
    help="npm's package of LiteRT.js, where npm is not installed.",
)
@click.option("--serve/--no-serve", help="Serve the page until Ctrl-C.")
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="Address; 0.0.0.0 for a phone nearby."
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8000,
    show_default=True,
    help="Port; 0 takes a free one.",
)
@click.pass_context
def command(context, model, output_dir, labels, preprocessing, runtime, serve, host, port):
    """Write a folder with a page that runs MODEL, a .tflite file, in any browser.

    The page classifies pictures and the camera's view, measures latency, and tests whether the
    browser computes what LiteRT computes here. Open index.html, or copy the folder to a web server
    and open it on a phone. It needs no network.
    """
    if not serve:
        options.refuse_ignored(context, ("host", "port"), "--serve")
    names = read_labels(labels) if labels and labels != IMAGENET else labels
    page = write_page(output_dir, model, names, preprocessing, runtime, _tell)
    note(f"written: {page}")
    if serve:
        with server_of(output_dir, host, port) as server:
            note(f"open http://{host}:{server.server_port}/ (Ctrl-C ends)")
            server.serve_forever()


def _tell(message):
    note(f"note: {message}")
