"""The reader's page, from tables as a study leaves them."""

import pandas as pd
import pytest
import summary
from conftest import ROOT

PUBLISHED = pd.read_csv(ROOT / "report" / "published.csv", dtype=str, keep_default_na=False)
ROW = {"dataset": "cls-books", "method": "fairseq-scratch", "split": "valid", "mean": 63.456, "std_population": 0.8165}
PARAMETERS = pd.DataFrame([{"model": "roberta-small-fr", "module": "total", "parameters": 22829056}])
COUNTS = {
    "unquantized": 559214592,
    "before_lora": {"trainable": 257003520, "all": 408219648, "percent": 62.957166},
    "after_lora": {"trainable": 1572864, "all": 409792512, "percent": 0.38382},
}


def test_the_published_figures_stand_beside_ours():
    found = summary.ours(pd.DataFrame([ROW]), PARAMETERS, {"parameters": COUNTS})
    head, table, remarks = summary.published_section(PUBLISHED, found)
    cells = [[cell.strip() for cell in line.split("|")] for line in table.splitlines()[2:]]
    ours = {row[1]: (row[2], row[3]) for row in cells}
    assert ours["accuracy, cls-books, fairseq-scratch, valid"] == ("63.5 ± 0.81", "63.5 ± 0.82")
    assert ours["accuracy, cls-books, fairseq-pretrained, valid"][1] == "–"  # not in this study
    for key in ("parameters, roberta-small-fr", *(name for name in ours if name.endswith(("trainable", "all")))):
        assert ours[key][0] == ours[key][1]
    assert ours["bloom, parameters, unquantized"][1] == "559,214,592"
    assert remarks.count("\n- ") + 1 == (PUBLISHED["key"] == "").sum() > 3


@pytest.mark.parametrize(("p_holm", "said"), [(0.01, "a is better than b"), (0.2, "no difference shown")])
def test_a_method_is_called_better_only_where_it_is_shown(p_holm, said):
    row = {"dataset": "d", "method_a": "a", "method_b": "b", "difference": 3.0, "ci_low": 1.0, "ci_high": 5.0}
    page = "\n".join(summary.comparisons_section(pd.DataFrame([{**row, "p_holm": p_holm, "test": "t test"}])))
    assert said in page
