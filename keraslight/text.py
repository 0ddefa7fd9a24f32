"""Text from files and servers, such that it is safe to print."""

# characters of a text from a file, and how many of them a message lists
LONGEST = 300
LONGEST_MESSAGE = 10_000
MOST = 20


def printable(text: object, longest: int = LONGEST) -> str:
    """Returns text from a file or a server such that it is safe to print.

    A terminal obeys control characters, so they are escaped. Long text is cut.

    Args:
        text: the text, or an object such as an exception whose `str` is meant.
        longest: the largest number of characters.
    """
    text = str(text)
    cut = text[:longest]
    safe = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in cut)
    return safe if len(text) <= longest else f"{safe}... ({len(text)} characters)"


def printable_lines(text: object, longest: int = LONGEST_MESSAGE) -> str:
    """Returns text of several lines, each of which is safe to print.

    Args:
        text: the text, or an object such as an exception whose `str` is meant.
        longest: the largest number of characters of a line.
    """
    return "\n".join(printable(line, longest) for line in str(text).split("\n"))


def listed(names: list[str]) -> str:
    """Returns names from a file as one text: safe to print, and of bounded length."""
    text = ", ".join(printable(name) for name in names[:MOST])
    return text if len(names) <= MOST else f"{text} and {len(names) - MOST} more"
