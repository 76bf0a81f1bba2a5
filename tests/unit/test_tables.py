"""Tables keep names and labels as text, and count what they say."""

from semis.predictions import accuracies
from semis.tables import read_json_lines, read_table

import check_dataset
import check_tokens
import pandas as pd
import parameters_page
import table_confusion


def test_names_and_labels_stay_text(tmp_path):
    file = tmp_path / "t.csv"
    file.write_text("dataset,method,label,prediction,split,std_sample\n2024,NA,None,None,test,\n")
    [row] = read_table(file).to_dict("records")
    assert (row["dataset"], row["method"], row["label"]) == ("2024", "NA", "None")
    assert row["std_sample"] != row["std_sample"]  # an empty cell is missing


def test_each_split_has_its_accuracy():
    rows = [("valid", 0, 1, 1, 0.9), ("valid", 1, 0, 1, 0.6), ("test", 0, 0, 0, 0.8)]
    assert accuracies(rows) == ({"valid": 50.0, "test": 100.0}, {"valid": 2, "test": 1})


def test_an_answer_may_hold_other_line_breaks(tmp_path):
    file = tmp_path / "t.jsonl"
    file.write_text('{"answer": "un\u2028deux\u0085trois"}\n{"answer": "b"}\n', encoding="utf-8")
    assert [row["answer"] for row in read_json_lines(file)] == ["un\u2028deux\u0085trois", "b"]


def test_every_copy_of_a_shared_review_is_counted():
    reviews = {"train": ["a", "b", "b"], "valid": ["c"], "test": ["b", "b", "d", ""]}
    labels = {split: ["1"] * len(lines) for split, lines in reviews.items()}
    table = check_dataset.check_dataset(reviews, labels)
    found = {(row.split, row.check): row.value for row in table.itertuples(index=False)}
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
    page = parameters_page.page(table, {"small": {"D": 512, "F": 512, "L": 4, "A": 8, "T": 256}})
    assert "With both heads they are 23,388,418." in page  # what fairseq printed in the report
    assert "16,516,096 of them, 72.3%" in page and "V = 32,000" in page
    assert "<td>D<sup>2</sup></td>" in page and "<td>4 D<sup>2</sup> L + 2 D F L</td>" in page


def test_tokens_are_counted_as_the_model_reads_them():
    lengths = check_tokens.review_lengths(["▁un ▁beau ▁roman", "", "▁☂ ▁un ▁☂ ☂"], {"▁un", "▁beau", "▁roman"})
    assert lengths["tokens"].tolist() == [5, 2, 6] and lengths["unknown"].tolist() == [0, 0, 3]
    found = check_tokens.token_checks(lengths, positions=5)
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
