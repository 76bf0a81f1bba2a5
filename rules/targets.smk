"""The targets of the whole study, and rules by which parts of it can be requested."""

from semis.study.figures import figure_targets
from semis.study.pages import page_targets
from semis.study.tables import table_targets

TARGETS = [*table_targets(STUDY), *figure_targets(STUDY), *page_targets(STUDY), *QLORA.targets()]


rule prepare:
    input:
        expand("<results>/data/{dataset}/{split}.review", dataset=DATASETS, split=STUDY.splits),
    localrule: True


rule data:
    input:
        [STUDY.located(key) for key, _ in (URLS | HUBS).values()],
    localrule: True


rule so_far:
    input:
        lambda wildcards: finished_part().targets(),
    localrule: True
