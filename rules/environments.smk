"""Without conda, or with SEMIS_ENVS=pip, a stand-in for conda makes the environments with venv and pip."""

import shutil

if os.environ.get("SEMIS_ENVS") == "pip" or not shutil.which("conda"):
    stand_in = os.path.abspath(ROOT / "envs" / "stand_in" / "bin")
    os.environ.update(PATH=f"{stand_in}{os.pathsep}{os.getenv('PATH')}", SEMIS_PYTHON=sys.executable)
    if SNAKEMAKE.is_main:
        print("Semis: no conda in use; environments are made with venv and pip (envs/stand_in).", file=sys.stderr)
