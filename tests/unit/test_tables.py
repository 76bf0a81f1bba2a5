"""Tables keep names and labels as text, and their counts are right."""

import subprocess
import sys

from semis.results.markdown_tables import records, table
from semis.results.metrics import measured
from semis.results.tables import read_table
from semis.study.tables import TABLES
from semis.text.files import read_json_lines

import count_tokens
import describe_dataset
import page_parameters
import pandas as pd
import table_confusion
import table_stack
from conftest import ROOT


def test_names_and_labels_stay_text(tmp_path):
    file = tmp_path / "t.csv"
    file.write_text("dataset,method,label,prediction,split,std_sample\n2024,NA,None,None,test,\n")
    [row] = read_table(file).to_dict("records")
    assert (row["dataset"], row["method"], row["label"]) == ("2024", "NA", "None")
    assert row["std_sample"] != row["std_sample"]  # an empty cell is missing


def test_each_split_has_its_metrics():
    rows = [("valid", 0, 1, 1, 0.9), ("valid", 1, 0, 1, 0.6), ("valid", 2, 0, 1, 0.7), ("test", 0, 0, 0, 0.8)]
    found, n = measured(rows)
    assert found["accuracy"] == {"valid": 33.333333, "test": 100.0} and n == {"valid": 3, "test": 1}


def test_each_table_but_the_stacked_ones_has_a_script_and_each_script_a_table():
    scripts = {path.stem.removeprefix("table_") for path in (ROOT / "scripts").glob("table_*.py")}
    assert scripts == {name for name, found in TABLES.items() if not found.stacked} | {"stack"}


def test_the_registries_need_no_library_for_tables_and_figures():
    code = "import sys, semis.study.pages; print({'numpy', 'pandas', 'matplotlib'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT / "scripts", capture_output=True, text=True)
    assert done.stdout == "set()\n", done.stderr


def test_stacked_tables_begin_with_the_columns_of_their_rows():
    tables = [pd.DataFrame({"step": ["1", "2"]}), pd.DataFrame({"step": ["3"]})]
    found = table_stack.stack(tables, [{"method": "b", "seed": 1}, {"method": "a", "seed": 0}])
    assert found.to_csv(index=False) == "method,seed,step\nb,1,1\nb,1,2\na,0,3\n"


def test_a_markdown_table_aligns_numbers_right_and_has_dashes_for_missing_values():
    rows = [
        {"name": "a", "n": 3, "share": 2.25, "text": "1"},
        {"name": "bcde", "n": 12, "share": float("nan"), "text": None},
    ]
    rule, *lines = [line.strip("|").split("|") for line in records(rows).splitlines()[1:]]
    assert [cell.endswith(":") for cell in rule] == [False, True, True, False]
    assert [[cell.strip() for cell in line] for line in lines] == [["a", "3", "2.2", "1"], ["bcde", "12", "–", "–"]]
    assert len(table(["x"], []).splitlines()) == 2


def test_an_answer_may_contain_other_line_breaks(tmp_path):
    file = tmp_path / "t.jsonl"
    file.write_text('{"answer": "un\u2028deux\u0085trois"}\n{"answer": "b"}\n', encoding="utf-8")
    assert [row["answer"] for row in read_json_lines(file)] == ["un\u2028deux\u0085trois", "b"]


def test_every_copy_of_a_shared_review_is_counted():
    reviews = {"train": ["a", "b", "b"], "valid": ["c"], "test": ["b", "b", "d", ""]}
    labels = {split: ["1"] * len(lines) for split, lines in reviews.items()}
    table = describe_dataset.describe(reviews, labels)
    found = {(row.split, row.quantity): row.value for row in table.itertuples(index=False)}
    assert found["test", "also_in_train"] == 2 and found["train", "also_in_test"] == 2
    assert found["valid", "also_in_train"] == 0
    assert found["train", "repeats"] == 1 and found["test", "empty"] == 1 and found["test", "words"] == 3


def test_the_page_of_the_reports_model_has_its_published_counts():
    rows = [
        ("embed_tokens.weight", "32000x512", 32000 * 512, "D*V"),
        ("embed_positions.weight", "258x512", 258 * 512, "T"),
    ]
    rows += [("layers.0.fc1.weight", "512x512", 512**2, "D**2"), ("total", None, 22_829_056, "4*D**2*L + 2*D*F*L")]
    table = pd.DataFrame(rows, columns=["module", "shape", "parameters", "formula"])
    table = table.assign(model="small", analytic=table["parameters"])
    page = page_parameters.page(table, {"small": {"D": 512, "F": 512, "L": 4, "A": 8, "T": 256}})
    assert "With both heads they are 23,388,418." in page  # as fairseq printed in the report
    assert "16,516,096 of them, 72.3%" in page and "D = 512, F = 512, L = 4, A = 8, T = 256, V = 32,000" in page
    assert "<td>D<sup>2</sup></td>" in page and "<td>4 D<sup>2</sup> L + 2 D F L</td>" in page


def test_tokens_are_counted_as_the_model_reads_them():
    lengths = count_tokens.review_lengths(["▁un ▁beau ▁roman", "", "▁☂ ▁un ▁☂ ☂"], {"▁un", "▁beau", "▁roman"})
    assert lengths["tokens"].tolist() == [5, 2, 6] and lengths["unknown"].tolist() == [0, 0, 3]
    found = count_tokens.token_counts(lengths, positions=5)
    assert (found["tokens"], found["shortest"], found["median"], found["longest"]) == (13, 2, 5, 6)
    assert found["unknown_percent"] == 100 * 3 / 13
    assert (found["cut"], found["cut_percent"]) == (1, 100 / 3)  # five tokens fit into five positions


def test_confusions_are_counted_for_each_run_with_labels_in_their_order():
    said = [("bon", "bon"), ("bon", "nul"), ("bon", "nul"), ("nul", "nul")]
    rows = [{"split": "test", "label": label, "prediction": prediction} for label, prediction in said]
    run = {"dataset": "d", "method": "m", "seed": 3}
    table = table_confusion.confusion_table(pd.DataFrame(rows).assign(**run), {"d": ["nul", "bon"]})
    assert table[["label", "prediction", "n"]].to_numpy().tolist() == [
        ["nul", "nul", 1],
        ["nul", "bon", 0],
        ["bon", "nul", 2],
        ["bon", "bon", 1],
    ]
    assert (table[["dataset", "method", "seed", "split"]] == ["d", "m", 3, "test"]).all(axis=None)
