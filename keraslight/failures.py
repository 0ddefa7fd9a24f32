"""How a program ends: its exit codes, and the error that carries one."""

DONE = 0
WRONG = 1  # something that was given is wrong
USAGE = 2  # the command line cannot be read
NO_PHONE = 3
PHONE_FAILED = 4
REFUSED = 5  # a converted file differs too much
DIFFERS = 6  # a device differs
INTERRUPTED = 130

EXIT_CODES = {
    DONE: "done",
    WRONG: "something that was given is wrong",
    USAGE: "the command line cannot be read",
    NO_PHONE: "there is no phone to use",
    PHONE_FAILED: "something failed on the phone",
    REFUSED: "a converted file differs too much from the Keras model and was not kept",
    DIFFERS: "a device computes other numbers than the runtimes, or fell back",
    INTERRUPTED: "interrupted",
}


class Failure(Exception):
    """An error that ends a program: its message is shown, without a traceback.

    Args:
        message: str, what went wrong and what to do.
        exit_code: int, of the process.
    """

    def __init__(self, message: str, exit_code: int = WRONG):
        super().__init__(message)
        self.exit_code = exit_code
