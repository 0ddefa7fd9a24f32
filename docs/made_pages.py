"""The pages that programs make. mkdocs runs this file as a hook.

The reference is made from the docstrings, the pages of models and results from results/, and the
page of the command line from the commands.
"""

import pathlib
import sys

ROOT = pathlib.Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))  # mkdocs restores it

from docs import command_pages, operations, reference, results_pages  # noqa: E402

OPERATIONS = "<!-- int8 operations -->"


def sections() -> dict[str, dict]:
    """Returns the sections of the site that are made.

    Returns:
        A dict from the title of a section to its pages: a dict from the title of a page to its
        path and its Markdown, or to the pages of a section within.
    """
    return {
        "Reference": {**command_pages.pages(), **reference.sections()},
        "Results": results_pages.pages(),
    }


def on_config(config):
    """Fills the sections that mkdocs.yml names without pages. Called by mkdocs first."""
    made = sections()
    config.nav = [
        {title: _nav(made[title])} if (title := _title(entry)) in made else entry
        for entry in config.nav
    ]
    return config


def on_files(files, config):
    """Adds the pages to the site. Called by mkdocs after it has found the other files."""
    from mkdocs.structure.files import File

    for section in sections().values():
        for path, text in _flat(section):
            files.append(File.generated(config, path, content=text))
    return files


def on_page_markdown(markdown, **_):
    """Writes the table of int8 operations where a page asks for it. Called for every page."""
    return markdown.replace(OPERATIONS, operations.table())


def _title(entry):
    return entry if isinstance(entry, str) else next(iter(entry))


def _nav(pages):
    return [
        {title: _nav(value) if isinstance(value, dict) else value[0]}
        for title, value in pages.items()
    ]


def _flat(pages):
    for value in pages.values():
        yield from _flat(value) if isinstance(value, dict) else (value,)
