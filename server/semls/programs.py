"""Other programs of the user."""

import os
import shutil


def find_program(name: str) -> str | None:
    """Return the absolute path of a program, or None.

    The current folder is not searched, even if it is on the PATH: it may be an untrusted workspace.
    """
    folders = os.environ.get("PATH", os.defpath).split(os.pathsep)
    found = shutil.which(name, path=os.pathsep.join(filter(os.path.isabs, folders)))
    return found if found and os.path.isabs(found) else None
