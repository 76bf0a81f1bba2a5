#!/usr/bin/env bash
# Submits one job: THREADS MEM_MB RUNTIME GPUS JOBSCRIPT. Put your scheduler's command into the last lines, for instance
#   qsub -l ncpus="$1",mem="$2"mb,walltime="$3":00,ngpus="$4" "$5"
# It must print the job's id and return at once. Unchanged, it starts the job on this machine, detached.
set -eu
script=$5
nohup bash "$script" > "$script.out" 2>&1 &
echo $!
