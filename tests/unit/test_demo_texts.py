"""The demo's texts are the output of their generator and have the properties on which the demo relies."""

import json
import re
import subprocess
import sys

import pytest
from conftest import ROOT

DEMO = ROOT / "demo"
SIZES = {"train": 800, "valid": 200, "test": 400}
GENERATED = [f"reviews/{split}.{kind}" for split in SIZES for kind in ("review", "label")] + ["text.txt"]


def generate(out, *options):
    """Run the generator as a user would."""
    subprocess.run([sys.executable, DEMO / "generate_reviews.py", "--out", out, *options], check=True)


def read_lines(name):
    """Return the lines of a demo file; check that it is UTF-8 with LF at the end of every line."""
    data = (DEMO / name).read_bytes()
    assert data.endswith(b"\n") and b"\r" not in data
    return data.decode("utf-8").split("\n")[:-1]


def words(lines):
    """Return the set of words of some lines."""
    return {word for line in lines for word in re.findall(r"\w+", line.lower())}


def test_default_seed_gives_the_committed_files(tmp_path):
    generate(tmp_path)
    written = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    assert written == set(GENERATED)
    assert [name for name in GENERATED if (tmp_path / name).read_bytes() != (DEMO / name).read_bytes()] == []


def test_another_seed_gives_other_texts(tmp_path):
    generate(tmp_path, "--seed", "7")
    same = [name for name in GENERATED if (tmp_path / name).read_bytes() == (DEMO / name).read_bytes()]
    assert same == []
    for split in SIZES:
        other = set((tmp_path / f"reviews/{split}.review").read_text(encoding="utf-8").splitlines())
        assert len(other & set(read_lines(f"reviews/{split}.review"))) < SIZES[split] / 10


@pytest.mark.parametrize("split", SIZES)
def test_counts_and_balance(split):
    reviews, labels = read_lines(f"reviews/{split}.review"), read_lines(f"reviews/{split}.label")
    assert len(reviews) == len(labels) == SIZES[split]
    assert labels.count("0") == labels.count("1") == SIZES[split] // 2
    assert all(8 <= len(re.findall(r"\w+", review)) <= 60 for review in reviews)
    # The reviews are shuffled, so the label changes after about every second line.
    changes = sum(one != other for one, other in zip(labels, labels[1:]))
    assert SIZES[split] / 3 < changes < SIZES[split] * 2 / 3


@pytest.mark.parametrize("name", [name for name in GENERATED if not name.endswith(".label")])
def test_lines_are_clean(name):
    lines = read_lines(name)
    assert [line for line in lines if not line or line != line.strip() or "  " in line] == []
    # No placeholder and no mark of a word list remains in the text; sentences begin and end correctly.
    assert [line for line in lines if re.search(r"[{}|*+<>_]", line)] == []
    assert [line for line in lines if not re.match(r"[A-ZÀÉ«]", line) or line[-1] not in ".!?"] == []


@pytest.mark.parametrize("name", [name for name in GENERATED if not name.endswith(".label")])
def test_articles_and_prepositions_lose_their_vowel(name):
    vowel = "[aâàeéèêiîoôœuh]"
    wrong = rf"\b(?:le|la|de|que|je|ne|me) (?={vowel})(?!haletant|héros)\w+|\b[ldjnm]'(?![aàâeéêèiîoôœuyh])"
    # Only words with an aspirated h, and those before which an article keeps its vowel, are exceptions.
    assert [line for line in read_lines(name) if re.search(wrong, line, re.IGNORECASE)] == []


def test_no_review_is_repeated():
    reviews = [line for split in SIZES for line in read_lines(f"reviews/{split}.review")]
    assert len(reviews) == len(set(reviews)) == 1400


def test_unlabelled_text_is_new_and_small():
    text = read_lines("text.txt")
    assert len(text) == len(set(text)) == 6400
    reviews = {line for split in SIZES for line in read_lines(f"reviews/{split}.review")}
    assert reviews.isdisjoint(text)
    sizes = [path.stat().st_size for path in DEMO.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    assert max(sizes) <= 1_000_000
    assert sum(sizes) <= 1_500_000


def test_vocabularies_overlap_but_differ_and_the_text_has_them_all():
    train, valid, test = (words(read_lines(f"reviews/{split}.review")) for split in SIZES)
    only_test, only_train = test - train, train - test - valid
    assert 0.10 <= len(only_test) / len(test) <= 0.25
    assert 0.10 <= len(only_train) / len(train) <= 0.25
    text = words(read_lines("text.txt"))
    assert sorted((train | valid | test) - text) == []
    # Words of opinion and of titles are among those that differ.
    assert {"soporifiques", "chatoyante", "cartographe"} <= only_test
    assert {"palpitante", "monotone", "moulin"} <= only_train


def test_counting_words_helps_but_does_not_decide_every_label():
    pairs = {s: list(zip(read_lines(f"reviews/{s}.review"), read_lines(f"reviews/{s}.label"))) for s in SIZES}
    seen = {label: [words([text]) for text, its_label in pairs["train"] if its_label == label] for label in "01"}

    def share(word, label):
        """Return the smoothed share of a label's train reviews that contain the word."""
        return (sum(word in text for text in seen[label]) + 1) / (len(seen[label]) + 2)

    known = set().union(*seen["0"], *seen["1"])
    ratio = {word: share(word, "1") / share(word, "0") for word in known}
    right = 0
    for text, label in pairs["test"]:
        odds = 1.0
        for word in words([text]) & known:
            odds *= ratio[word]
        right += (odds > 1) == (label == "1")
    assert 0.80 <= right / len(pairs["test"]) <= 0.95


def test_questions_and_answers():
    pairs = json.loads((DEMO / "faq.json").read_text(encoding="utf-8"))
    assert len(pairs) == 84
    assert [pair for pair in pairs if set(pair) != {"question", "answer"}] == []
    questions, answers = [pair["question"] for pair in pairs], [pair["answer"] for pair in pairs]
    assert len(set(questions)) == len(set(answers)) == len(pairs)
    assert [q for q in questions if not re.fullmatch(r"[A-ZÀÉ].*[^ ] \?", q) or q.count("?") != 1] == []
    assert [a for a in answers if not re.fullmatch(r"[A-ZÀÉ].*[^ ]\.", a)] == []
    assert [a for a in answers if not 8 <= len(re.findall(r"\w+(?:['-]\w+)*", a)) <= 35] == []
    assert [t for t in questions + answers if t != t.strip() or "  " in t or "’" in t] == []
    subjects = (
        "compte commande paie livr retour rembours cadeau stock facture fidélité déstockage précommand vente données"
    )
    assert [word for word in subjects.split() if word not in " ".join(questions).lower()] == []
