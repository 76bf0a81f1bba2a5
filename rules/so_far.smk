"""Tables, figures and summary of the runs that are finished, while others still run or have failed."""


rule so_far:
    input:
        lambda wildcards: finished_part().targets(),
    localrule: True
