"""A real Slurm with one node on this machine and a pretended GPU, which runs as long as a test needs it."""

import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

# srun reads its configuration from here: the plugin does not pass SLURM_CONF on.
ETC = Path("/etc/slurm/slurm.conf")
PROGRAMS = ["slurmctld", "slurmd", "munged", "sbatch", "scontrol"]
MUNGE_FILES = ["socket", "pid-file", "log-file", "seed-file"]
# After /usr/share/doc/slurmctld: no accounting database, fast scheduling, finished jobs are kept for an hour.
CONFIG = """\
ClusterName=lab
SlurmctldHost=localhost(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
SlurmctldPort={port}
SlurmdPort={port_of_node}
StateSaveLocation={folder}/slurmctld
SlurmdSpoolDir={folder}/slurmd
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
ReturnToService=2
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0,sched_interval=2,bf_interval=2
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
JobAcctGatherType=jobacct_gather/linux
AccountingStorageType=accounting_storage/none
MinJobAge=3600
GresTypes=gpu
NodeName=localhost NodeAddr=127.0.0.1 CPUs=2 RealMemory={memory} Gres=gpu:1 State=UNKNOWN
PartitionName=cpu Nodes=localhost Default=YES MaxTime=1440 State=UP
PartitionName=gpu Nodes=localhost Default=NO MaxTime=1440 State=UP
"""


def missing():
    """Return the reason why Slurm cannot start here, or an empty text."""
    lacking = [name for name in PROGRAMS if not shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin")]
    if lacking:
        return f"needs {', '.join(lacking)}: apt install slurmctld slurmd slurm-client munge"
    if os.geteuid() != 0:
        return "needs root, to start Slurm's daemons"
    return "a Slurm is set up on this machine already" if os.path.lexists(ETC) else ""


class Slurm:
    """The daemons of Slurm, and Slurm's own record of its jobs."""

    def __init__(self, folder, port):
        self.folder, self.port = Path(folder), port

    def __enter__(self):
        folder = self.folder
        (folder / "slurmctld").mkdir(parents=True)
        (folder / "slurmd").mkdir()
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20
        settings = {"folder": folder, "port": self.port, "port_of_node": self.port + 1, "memory": memory}
        (folder / "slurm.conf").write_text(CONFIG.format(**settings))
        ETC.parent.mkdir(exist_ok=True)
        ETC.symlink_to(folder / "slurm.conf")
        (folder / "gres.conf").write_text("NodeName=localhost Name=gpu Count=1 File=/dev/null\n")
        key = folder / "munge.key"
        key.write_bytes(os.urandom(128))
        key.chmod(0o400)
        files = [
            f"--{name}={folder}/munge.{name.split('-')[0]}" for name in ("socket", "pid-file", "log-file", "seed-file")
        ]
        self.run("/usr/sbin/munged", "--force", "--syslog", f"--key-file={key}", *files)
        self.run("/usr/sbin/slurmctld", "-c", "-f", str(folder / "slurm.conf"))
        self.run("/usr/sbin/slurmd", "-N", "localhost", "-f", str(folder / "slurm.conf"))
        for _ in range(300):
            state = subprocess.run(["sinfo", "-h", "-p", "cpu", "-o", "%T"], capture_output=True, text=True)
            if state.stdout.strip() == "idle":
                return self
            time.sleep(0.1)
        self.__exit__()
        raise RuntimeError(f"Slurm does not come up: {state.stderr}{(folder / 'slurmctld.log').read_text()[-2000:]}")

    def __exit__(self, *error):
        self.cancel_all()
        for name in ("slurmd", "slurmctld", "munge"):
            pid = self.folder / f"{name}.pid"
            if pid.exists():
                os.kill(int(pid.read_text()), signal.SIGTERM)
        ETC.unlink()

    def run(self, *command):
        """Run a command of Slurm and return its output."""
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    def cancel_all(self):
        """Cancel all waiting and running jobs, and wait for their end."""
        self.run("scancel", "--user=root")
        while self.run("squeue", "-h"):
            time.sleep(0.2)

    def jobs(self):
        """Return Slurm's own record of every job, as {key: value}, oldest first."""
        lines = self.run("scontrol", "show", "job", "--oneliner").splitlines()
        return [dict(re.findall(r"(\w+(?::\w+)*)=(\S*)", line)) for line in lines if "JobId=" in line]
