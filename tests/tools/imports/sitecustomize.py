"""Python runs this at its start where its folder is in PYTHONPATH: it lists, in the end, what the process imported.

The names of the modules go into a file of the process in the folder of the environment variable IMPORTS.
"""

import atexit
import os
import sys


def _list_modules():
    with open(os.path.join(os.environ["IMPORTS"], str(os.getpid())), "w") as stream:
        stream.write("\n".join(sys.modules))


atexit.register(_list_modules)
