"""Downloads through the real rules, from a loopback server: archives, hub repositories, and what can go wrong."""

import gzip
import hashlib
import io
import json
import tarfile
import zipfile

import pytest
from conftest import ROOT, lay_out, reviews, study
from loopback import Answer

pytestmark = pytest.mark.slow  # the environment for downloads is built once

ARCHIVE = "/index.php/s/abc/download/books.zip"
FETCHED = "results/t/downloads/datasets/books"
TRAIN = "results/t/data/books/train.review"
MODEL = {"config.json": b'{"model_type": "roberta"}', "tokenizer.json": b"{}", "README.md": b"# A model\n"}


def zipped(files):
    """The bytes of a zip of {path: text}."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, text in files.items():
            archive.writestr(path, text)
    return stream.getvalue()


def tarred(files):
    """The bytes of a tar.gz of {path: text}, with a link that leads out of it."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for path, text in files.items():
            member = tarfile.TarInfo(path)
            member.size = len(text.encode())
            archive.addfile(member, io.BytesIO(text.encode()))
        link = tarfile.TarInfo("books/link/train.review")
        link.type, link.linkname = tarfile.SYMTYPE, "../../../secret"
        archive.addfile(link)
    return stream.getvalue()


def in_folder(files, folder="books"):
    """The same files in a folder."""
    return {f"{folder}/{name}": text for name, text in files.items()}


def test_zip_with_macos_copies_and_a_path_that_leads_out(snakemake, server):
    evil = {f"../../{name}": "evil" for name in ("evil.txt", "config.yaml")}
    body = zipped(in_folder(reviews()) | in_folder(reviews(), "__MACOSX/books") | evil)
    source = {"url": server.serve(ARCHIVE, body), "sha256": hashlib.sha256(body).hexdigest()}
    done = snakemake(study(source), "prepare")
    assert done.returncode == 0, done.output
    assert (snakemake.folder / TRAIN).read_text() == "Un beau roman.\nUn livre ennuyeux.\n"
    assert snakemake.files("results/t/data/books/source") == sorted(reviews())
    assert snakemake.files(FETCHED) == ["books.zip"]
    assert not list(snakemake.folder.parent.rglob("evil*"))
    assert json.loads((snakemake.folder / "config.yaml").read_text()) == study(source)


def test_targz_behind_a_redirect(snakemake, server):
    server.serve("/elsewhere/1", tarred(in_folder(reviews())))
    url = server.serve("/books.tar.gz", Answer(status=302, headers={"Location": "/elsewhere/1"}))
    done = snakemake(study({"url": url}), TRAIN)
    assert done.returncode == 0, done.output
    assert (snakemake.folder / TRAIN).read_text() == "Un beau roman.\nUn livre ennuyeux.\n"


def test_a_connection_that_was_cut_and_a_busy_server_are_tried_again(snakemake, server):
    body = zipped(reviews())
    url = server.serve(ARCHIVE, Answer(body, cut=len(body) // 2), Answer(status=503), Answer(body))
    done = snakemake(study({"url": url}), f"{FETCHED}/books.zip")
    assert done.returncode == 0, done.output
    assert (snakemake.folder / FETCHED / "books.zip").read_bytes() == body
    assert snakemake.files(FETCHED) == ["books.zip"]
    assert server.asked == [f"GET {ARCHIVE}"] * 3


@pytest.mark.parametrize(
    "answer, reason",
    [
        (Answer(zipped(reviews()), cut=100), "(ChunkedEncodingError)"),
        (Answer(status=404), "(HTTP 404)"),
        (Answer(status=500), "(HTTP 500)"),
    ],
    ids=["cut", "404", "500"],
)
def test_a_server_that_never_gives_the_file(snakemake, server, answer, reason):
    url = server.serve(ARCHIVE, answer)
    sentence = snakemake.sentence(study({"url": url}), f"{FETCHED}/books.zip")
    assert sentence.startswith(
        f"Semis: datasets.books.source: {url} could not be downloaded {reason}; check the network"
    )
    assert snakemake.files(FETCHED) == []


def test_unreachable_server_then_the_file_got_by_hand(snakemake, closed_url):
    sentence = snakemake.sentence(study({"url": f"{closed_url}/books.zip"}), TRAIN)
    assert sentence.startswith(f"Semis: datasets.books.source: {closed_url}/books.zip could not be downloaded (Conn")
    assert sentence.endswith("put it into the folder downloads/, as books.zip.")
    assert snakemake.files("results/t/downloads") == []

    body = zipped(reviews())
    lay_out(snakemake.folder / "downloads", {"books.zip": body})
    source = {"url": f"{closed_url}/books.zip", "sha256": hashlib.sha256(body).hexdigest()}
    done = snakemake(study(source), TRAIN)
    assert done.returncode == 0, done.output
    assert (snakemake.folder / FETCHED / "books.zip").read_bytes() == body


def test_files_got_by_hand_are_checked(snakemake, closed_url):
    lay_out(snakemake.folder / "downloads", {"books.zip": zipped(reviews()), "lab/faq/en.json": "[]"})
    source = {"url": f"{closed_url}/books.zip", "sha256": "0" * 64}
    sentence = snakemake.sentence(study(source), f"{FETCHED}/books.zip")
    assert sentence == (
        "Semis: datasets.books.source: downloads/books.zip has another checksum than datasets.books.source.sha256; "
        "correct one of them."
    )
    source = {"hub": "lab/faq", "type": "dataset", "file": "fr.json"}
    sentence = snakemake.sentence(study(source), f"{FETCHED}/hub", HF_ENDPOINT=closed_url)
    assert sentence == "Semis: datasets.books.source.file: downloads/lab/faq holds no fr.json; it holds en.json."
    assert snakemake.files("results/t/downloads") == []


def test_a_repository_got_by_hand(snakemake, closed_url):
    files = {**MODEL, "model.safetensors": b"safe", "pytorch_model.bin": b"pickle", "onnx/model.onnx": b"onnx"}
    lay_out(snakemake.folder / "downloads/lab/small", files)
    done = snakemake(study({"hub": "lab/small"}), f"{FETCHED}/hub", HF_ENDPOINT=closed_url)
    assert done.returncode == 0, done.output
    assert snakemake.files(f"{FETCHED}/hub") == sorted([*MODEL, "model.safetensors"])


def test_files_got_by_hand_are_never_asked_for(snakemake, server):
    """Nor after a change that makes them be taken again; the server would have given others."""
    source = {"url": server.serve(ARCHIVE, b"another file")}
    lay_out(snakemake.folder / "downloads", {"books.zip": zipped(reviews())})
    checked = source | {"sha256": hashlib.sha256(zipped(reviews())).hexdigest()}
    for given in (source, source, checked):
        done = snakemake(study(given), "data")
        assert done.returncode == 0, done.output
    assert "rule fetch" in done.output
    assert server.asked == []


def test_with_all_data_there_the_rest_needs_no_network(snakemake, server):
    """`data` fetches a text and a repository; then the server is gone, and a whole study runs to its end."""
    small = {
        f"{split}.{kind}": "".join((ROOT / f"demo/reviews/{split}.{kind}").read_text().splitlines(True)[:32])
        for split in ("train", "valid", "test")
        for kind in ("review", "label")
    }
    server.serve_repository("dataset", "lab/books", small)
    config = study({"hub": "lab/books", "type": "dataset"})
    text = {"url": server.serve("/text.txt", (ROOT / "demo" / "text.txt").read_bytes())}
    sizes = {"layers": 1, "dimension": 16, "feed_forward": 16, "heads": 2}
    config["models"]["tiny"] |= {
        "tokenizer": {"text": [text], "vocabulary": 500},
        "architecture": sizes,
        "positions": 32,
    }
    config |= {"seeds": [0], "training": {"epochs": 1, "log_every": 1}}
    done = snakemake(config, "data", HF_ENDPOINT=server.url)
    assert done.returncode == 0, done.output
    server.shutdown()
    server.server_close()
    done = snakemake(config, HF_ENDPOINT=server.url)
    assert done.returncode == 0, done.output
    assert "rule fetch" not in done.output
    assert (snakemake.folder / "results/t/summary.md").is_file()


def test_another_file_than_the_checksum_says(snakemake, server):
    url = server.serve(ARCHIVE, zipped(reviews()))
    sentence = snakemake.sentence(study({"url": url, "sha256": "0" * 64}), f"{FETCHED}/books.zip")
    assert sentence == (
        f"Semis: datasets.books.source: what {url} sent has another checksum than datasets.books.source.sha256; "
        "correct one of them."
    )
    assert snakemake.files(FETCHED) == []


def test_hub_model(snakemake, server):
    weights = {"model.safetensors": b"safe" * 9, "pytorch_model.bin": b"pickle", "tf_model.h5": b"tf", "code.py": b"1"}
    server.serve_repository("model", "lab/small", {**MODEL, **weights, "onnx/model.onnx": b"onnx"})
    model = {"library": "huggingface", "source": {"hub": "lab/small"}}
    config = study({"path": str(snakemake.folder)}, small=model) | {"datasets": {}, "methods": {}}
    config["methods"] = {"small": {"model": "small", "start": "pretrained"}}
    config["datasets"] = {"books": {"source": {"hub": "lab/books", "type": "dataset"}}}
    done = snakemake(config, "results/t/models/small", HF_ENDPOINT=server.url)
    assert done.returncode == 0, done.output
    assert snakemake.files("results/t/models/small") == sorted([*MODEL, "model.safetensors"])
    assert (snakemake.folder / "results/t/models/small/model.safetensors").read_bytes() == b"safe" * 9
    assert not (snakemake.folder / "results/t/downloads/models/small/hub/.cache").exists()


def test_hub_dataset_at_a_commit(snakemake, server):
    commit = server.serve_repository("dataset", "lab/books", {**in_folder(reviews(), "data"), "README.md": "# Books"})
    source = {"hub": "lab/books", "type": "dataset", "revision": commit}
    done = snakemake(study(source), "prepare", HF_ENDPOINT=server.url)
    assert done.returncode == 0, done.output
    assert (snakemake.folder / TRAIN).read_text() == "Un beau roman.\nUn livre ennuyeux.\n"


def test_one_file_of_a_hub_dataset(snakemake, server):
    server.serve_repository("dataset", "lab/faq", {"faq/fr.json": b"[]", "faq/en.json": b"[1]", "big.bin": b"0" * 999})
    source = {"hub": "lab/faq", "type": "dataset", "file": "faq/fr.json"}
    done = snakemake(study(source), f"{FETCHED}/hub", HF_ENDPOINT=server.url)
    assert done.returncode == 0, done.output
    assert snakemake.files(f"{FETCHED}/hub") == ["faq/fr.json"]
    assert (snakemake.folder / f"{FETCHED}/hub/faq/fr.json").read_bytes() == b"[]"

    sentence = snakemake.sentence(study(source | {"file": "fr.json"}), f"{FETCHED}/hub", HF_ENDPOINT=server.url)
    assert sentence.startswith(
        "Semis: datasets.books.source.file: lab/faq at main holds no fr.json; it holds faq/fr.js"
    )


@pytest.mark.parametrize(
    "change, reason",
    [
        ({"hub": "lab/boks"}, "(RepositoryNotFoundError)"),
        ({"revision": "v2"}, "(RevisionNotFoundError)"),
        ({"type": "model"}, "(RepositoryNotFoundError)"),
    ],
    ids=["repository", "revision", "type"],
)
def test_hub_lacks_the_repository_or_revision(snakemake, server, change, reason):
    server.serve_repository("dataset", "lab/books", reviews())
    source = {"hub": "lab/books", "type": "dataset", "revision": "main", **change}
    sentence = snakemake.sentence(study(source), f"{FETCHED}/hub", HF_ENDPOINT=server.url)
    named = f"{source['type']} {source['hub']} at {source['revision']}"
    assert sentence.startswith(
        f"Semis: datasets.books.source: the hub ({server.url}) did not give {named} {reason}; check"
    )
    assert snakemake.files(FETCHED) == []


def test_hub_whose_files_cannot_be_had(snakemake, server):
    commit = server.serve_repository("dataset", "lab/books", {"a.review": b"1" * 1000})
    server.serve(f"/datasets/lab/books/resolve/{commit}/a.review", Answer(status=403))
    source = {"hub": "lab/books", "type": "dataset"}
    sentence = snakemake.sentence(study(source), f"{FETCHED}/hub", HF_ENDPOINT=server.url)
    assert "did not give dataset lab/books at main" in sentence
    assert snakemake.files(FETCHED) == []


def test_hub_that_cannot_be_reached(snakemake, closed_url):
    sentence = snakemake.sentence(study({"hub": "lab/books"}), f"{FETCHED}/hub", HF_ENDPOINT=closed_url)
    assert f"the hub ({closed_url}) did not give model lab/books at main (ConnectError)" in sentence
    assert snakemake.files(FETCHED) == []


def test_hub_that_is_no_hub(snakemake, server):
    server.serve("/api/models/lab/books/tree/main", b"<html>Please log in</html>")
    server.serve("/api/models/lab/books/revision/main", b"<html>Please log in</html>")
    sentence = snakemake.sentence(study({"hub": "lab/books"}), f"{FETCHED}/hub", HF_ENDPOINT=server.url)
    assert "did not give model lab/books at main (JSONDecodeError)" in sentence


@pytest.mark.parametrize(
    "body, problem",
    [
        (b"<html>This share is gone</html>", "is neither a zip nor a tar archive; remove it and check its source"),
        (zipped({"books/train.review": "Oui.\n"}), "holds no train.label (it holds train.review); one is needed."),
        (zipped(in_folder(reviews()) | in_folder(reviews(), "copy")), "holds 2 files named train.review"),
        (tarred(reviews())[:-30], "is a damaged archive"),
        (gzip.compress(b"not a tar"), "is neither a zip nor a tar archive"),
    ],
    ids=["a page", "a file missing", "a file twice", "cut", "no tar"],
)
def test_an_archive_that_is_not_what_it_should_be(snakemake, server, body, problem):
    url = server.serve(ARCHIVE, body)
    sentence = snakemake.sentence(study({"url": url}), TRAIN)
    assert sentence.startswith(f"Semis: {FETCHED}/books.zip {problem}")
    assert snakemake.files("results/t/data") == []
