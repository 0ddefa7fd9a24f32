"""Runs training.train several times at once, in processes that share their imports.

    python -m tests.training.side_by_side '[[{"TF_CONFIG": "..."}, ["--recipe=...", ...]], ...]'

With WITHOUT_TENSORFLOW=1 in the environment it is as if TensorFlow were not installed.
"""

import json
import os
import sys

import click

if os.environ.get("WITHOUT_TENSORFLOW"):
    sys.modules["tensorflow"] = None

from training import train


def start(environment, arguments):
    """Starts one run, in a process of its own."""
    pid = os.fork()
    if pid == 0:
        os.environ.update(environment)
        try:
            train.command.main(arguments, "train", standalone_mode=False)
        except click.ClickException as error:
            error.show()
            os._exit(1)
        sys.stdout.flush()
        os._exit(0)
    return pid


pids = [start(*run) for run in json.loads(sys.argv[1])]
statuses = [os.waitpid(pid, 0)[1] for pid in pids]
sys.exit(any(statuses))
