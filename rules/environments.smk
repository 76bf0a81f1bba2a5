"""Without conda, or with SEMIS_ENVS=pip, a stand-in for conda makes the environments with venv and pip."""

import shutil

if SNAKEMAKE.is_main:  # a job uses what made its environments, whatever conda its node has
    without = os.environ.get("SEMIS_ENVS") == "pip" or not shutil.which("conda")
    os.environ["SEMIS_ENVS"] = "pip" if without else "conda"
if os.environ.get("SEMIS_ENVS") == "pip":
    stand_in = os.path.abspath(ROOT / "envs" / "stand_in" / "bin")
    found = os.environ.get("PATH", os.defpath)  # a scheduler may start a job without a PATH
    os.environ.update(PATH=f"{stand_in}{os.pathsep}{found}", SEMIS_PYTHON=sys.executable)
    if SNAKEMAKE.is_main:
        print("Semis: no conda in use; environments are made with venv and pip (envs/stand_in).", file=sys.stderr)


# Snakemake hands these to its jobs, whatever environment a scheduler starts them in.
envvars:
    "SEMIS_ENVS",
    "SEMIS_GPUS",
