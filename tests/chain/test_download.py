"""Downloads through the real rules, from a loopback server: archives, hub repositories and errors."""

import hashlib
import json
import os
import random
import shutil
import subprocess
import tarfile
from contextlib import contextmanager

import pytest
from conftest import ROOT, asked, in_environment, lay_out, reviews, study, tracer
from loopback import Answer, Loopback
from packing import special, tarred, zipped

pytestmark = pytest.mark.slow  # the environment for downloads is built once

ARCHIVE = "/index.php/s/abc/download/books.zip"
FETCHED = "results/t/downloads/datasets/books"
TRAIN = "results/t/data/books/train.review"
MODEL = {"config.json": b'{"model_type": "roberta"}', "tokenizer.json": b"{}", "README.md": b"# A model\n"}


def in_folder(files, folder="books"):
    """Return {path: contents} of the same files in a folder."""
    return {f"{folder}/{name}": text for name, text in files.items()}


def test_zip_with_macos_copies_and_a_path_that_leads_out(snakemake, server):
    evil = {f"../../{name}": "evil" for name in ("evil.txt", "config.yaml")}
    body = zipped(in_folder(reviews()) | in_folder(reviews(), "__MACOSX/books") | evil)
    source = {"url": server.serve(ARCHIVE, body), "sha256": hashlib.sha256(body).hexdigest()}
    done = snakemake(study(source), "prepare")
    assert done.returncode == 0, done.output
    assert snakemake.files("results/t/data/books") == sorted(reviews())
    assert (snakemake.folder / TRAIN).read_text() == "Un beau roman.\nUn livre ennuyeux.\n"
    assert snakemake.files(FETCHED) == ["books.zip"]
    assert not list(snakemake.folder.parent.rglob("evil*"))
    assert json.loads((snakemake.folder / "config.yaml").read_text()) == study(source)


def test_targz_behind_a_redirect(snakemake, server):
    link = special("books/link/train.review", tarfile.SYMTYPE, "../../../secret")
    server.serve("/elsewhere/1", tarred([*in_folder(reviews()).items(), (link, "")]))
    url = server.serve("/books.tar.gz", Answer(status=302, headers={"Location": "/elsewhere/1"}))
    done = snakemake(study({"url": url}), TRAIN)
    assert done.returncode == 0, done.output
    assert (snakemake.folder / TRAIN).read_text() == "Un beau roman.\nUn livre ennuyeux.\n"


def large(seed=0):
    """Return bytes that need several blocks."""
    return random.Random(seed).randbytes(300_000)


def test_a_connection_that_is_cut_is_taken_up_again_and_a_busy_server_asked_again(snakemake, server):
    body = large()
    answers = [Answer(body, cut=200_000, version="1"), Answer(status=503), Answer(body, version="1")]
    url = server.serve(ARCHIVE, *answers)
    done = snakemake(study({"url": url}), f"{FETCHED}/books.zip")
    assert done.returncode == 0, done.output
    assert (snakemake.folder / FETCHED / "books.zip").read_bytes() == body
    assert snakemake.files(FETCHED) == ["books.zip"]
    assert server.asked == [f"GET {ARCHIVE}"] * 3
    first, second, third = server.headers
    assert "Range" not in first and second["Range"] == third["Range"]
    assert 0 < int(third["Range"].removeprefix("bytes=").removesuffix("-")) <= 200_000
    assert "books.zip: 100%|" in done.output  # the bar, on the terminal


def fetched(sources):
    """Fetch each url's file, all at once; return [(the sentence or None, {file: SHA-256} of the written files)]."""
    import hashlib
    import io
    import tempfile
    from concurrent.futures import ThreadPoolExecutor
    from pathlib import Path

    from semis.harness.errors import UserError

    import fetch

    fetch.TIMEOUT = 1

    def one(source):
        with tempfile.TemporaryDirectory() as folder:
            sentence, folder = None, Path(folder)
            try:
                fetch.main(source, folder / "books.zip", folder / "lock", "datasets.books.source", io.StringIO())
            except UserError as error:
                sentence = str(error)
            files = sorted(path for path in folder.iterdir() if path.name != "lock")
            return sentence, {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}

    with ThreadPoolExecutor() as pool:
        return list(pool.map(one, sources))


REFUSED = {
    "cut, and always from the start": (Answer(large(), cut=100_000), "ChunkedEncodingError"),
    "cut before the first byte": (Answer(large(), cut=0, version="1"), "ChunkedEncodingError"),
    "longer than it is": (Answer(b"short", headers={"Content-Length": 500}), "ChunkedEncodingError"),
    "stalled": (Answer(large(), cut=100_000, stall=True), "ConnectionError"),
    "401": (Answer(status=401), "HTTP 401"),
    "404": (Answer(status=404), "HTTP 404"),
    "500": (Answer(status=500), "HTTP 500"),
    "round and round": (Answer(status=302, headers={"Location": "/round and round"}), "TooManyRedirects"),
    "to ftp": (
        Answer(status=302, headers={"Location": "ftp://localhost/x"}),
        "it redirects to an address of another kind, ftp:",
    ),
    "to a file": (
        Answer(status=301, headers={"Location": "file:///etc/passwd"}),
        "it redirects to an address of another kind, file:",
    ),
    "a page": (
        Answer(b"Log in", headers={"Content-Type": "text/html; charset=utf-8"}),
        "the server sent a web page instead; does it need a login?",
    ),
    "a page that says that it is a zip": (
        Answer(b"\n <!DOCTYPE HTML><title>Log in</title>", headers={"Content-Type": "application/zip"}),
        "the server sent a web page instead; does it need a login?",
    ),
    "another part": (
        Answer(large(), 206, headers={"Content-Range": "bytes 9-300008/300009"}),
        "the server sent another part of the file than requested",
    ),
}


def test_a_server_that_misbehaves(server):
    """A file is either complete, or there is one sentence and no file."""
    body, other = large(), large(1)
    taken = {
        "cut often": (body, [Answer(body, cut=70_000, version="1")]),
        "changed meanwhile": (other, [Answer(body, cut=200_000, version="1"), Answer(other, version="2")]),
        "changed, without a name for its versions": (other, [Answer(body, cut=200_000), Answer(other)]),
        "stalled once": (body, [Answer(body, cut=200_000, version="1", stall=True), Answer(body, version="1")]),
    }
    urls = {name: server.serve(f"/{name}", answer) for name, (answer, _) in REFUSED.items()}
    urls |= {name: server.serve(f"/{name}", *answers) for name, (_, answers) in taken.items()}
    found = dict(zip(urls, in_environment("download", fetched, [{"url": url} for url in urls.values()])))
    for name, (_, reason) in REFUSED.items():
        sentence, files = found.pop(name)
        assert sentence == (
            f"datasets.books.source: {urls[name]} could not be downloaded ({reason}); check the network and the "
            "address, or get the file in another way and put it into the folder downloads/, as books.zip."
        )
        assert files == {}, name
    assert found == {
        name: [None, {"books.zip": hashlib.sha256(content).hexdigest()}] for name, (content, _) in taken.items()
    }
    assert server.asked.count("GET /404") == 1  # a second request would not help


@pytest.mark.skipif(not shutil.which("openssl"), reason="openssl is needed for a certificate")
def test_a_redirect_from_https_stays_there(server, tmp_path, monkeypatch):
    key, certificate = tmp_path / "server.pem", tmp_path / "certificate.pem"
    make = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=127.0.0.1"
    make += f" -addext subjectAltName=IP:127.0.0.1 -keyout {key} -out {certificate}"
    subprocess.run(make.split(), check=True, capture_output=True)
    key.write_text(key.read_text() + certificate.read_text())
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    with Loopback(key) as safe:
        safe.serve("/file", b"whole")
        places = [server.serve("/file", b"whole"), f"{safe.url}/file"]
        urls = [safe.serve(f"/to/{i}", Answer(status=302, headers={"Location": url})) for i, url in enumerate(places)]
        (refused, nothing), (sentence, files) = in_environment("download", fetched, [{"url": url} for url in urls])
    assert "(it redirects to an address of another kind, http:)" in refused and nothing == {}
    assert sentence is None and list(files) == ["books.zip"]
    assert server.asked == []


def test_what_came_at_first_is_remembered(snakemake, server):
    """A file that has changed under its name is refused, until the user removes the lock file."""
    versions = [zipped({"version": str(number)}) for number in range(2)]
    url = server.serve(ARCHIVE, *versions)
    config, archive = study({"url": url}), snakemake.folder / FETCHED / "books.zip"
    done = snakemake(config, "data")
    assert done.returncode == 0, done.output
    lock = snakemake.folder / "results/t/checksums/datasets/books/books.zip.json"
    first = hashlib.sha256(versions[0]).hexdigest()
    assert json.loads(lock.read_text()) == {"source": {"url": url}, "sha256": {"books.zip": first}}

    shutil.rmtree(snakemake.folder / "results/t/downloads")
    assert snakemake.sentence(config, "data") == (
        f"Semis: datasets.books.source: the file from {url} has changed since it was first fetched: books.zip differs "
        f"from the checksum in {lock.relative_to(snakemake.folder)}; move that file away if you want the new version, "
        "or restore the old one."
    )
    assert snakemake.files(FETCHED) == [] and json.loads(lock.read_text())["sha256"] == {"books.zip": first}
    lock.unlink()
    done = snakemake(config, "data")
    assert done.returncode == 0, done.output
    assert archive.read_bytes() == versions[1]


@contextmanager
def small_disk(folder, size):
    """Mount a disk of `size` bytes at `folder`; skip the test if that is impossible."""
    folder.mkdir(parents=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"only root can make a small disk: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", folder], check=True)


def test_a_full_disk(snakemake, server):
    server.serve_repository("dataset", "lab/books", {"books.bin": large()})
    sources = {
        f"{FETCHED}/books.zip": {"url": server.serve(ARCHIVE, large())},
        f"{FETCHED}/hub": {"hub": "lab/books", "type": "dataset"},
    }
    with small_disk(snakemake.folder / "results/t/downloads", 100_000):
        for target, source in sources.items():
            sentence = snakemake.sentence(study(source), target, HF_ENDPOINT=server.url)
            full = f"nothing can be written into {os.path.dirname(target)} (No space left on device)"
            assert sentence == f"Semis: {full}; correct that, then run again."
            assert snakemake.files(FETCHED) == []
    done = snakemake(study(source), target, HF_ENDPOINT=server.url)
    assert done.returncode == 0, done.output


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
        "Semis: datasets.books.source: the checksum of downloads/books.zip is not datasets.books.source.sha256; "
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
    """Not even after a change that copies them again; the server would send other files."""
    source = {"url": server.serve(ARCHIVE, b"another file")}
    lay_out(snakemake.folder / "downloads", {"books.zip": zipped(reviews())})
    checked = source | {"sha256": hashlib.sha256(zipped(reviews())).hexdigest()}
    for given in (source, source, checked):
        done = snakemake(study(given), "data")
        assert done.returncode == 0, done.output
    assert "rule fetch" in done.output
    assert server.asked == []


def test_with_all_data_there_the_rest_needs_no_network(snakemake, server):
    """`data` fetches a text and a repository; then the server stops, and a whole study runs to its end."""
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
        f"Semis: datasets.books.source: the checksum of the file from {url} is not datasets.books.source.sha256; "
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


def fetched_from_hub(sources, root):
    """Fetch each repository in turn, with lock files; return [(the sentence or None, the written files)]."""
    import io
    import tempfile
    from pathlib import Path

    from semis.harness.errors import UserError

    import fetch_hub

    found = []
    for source in sources:
        sentence, folder = None, Path(tempfile.mkdtemp(dir=root), "deep", "down")
        try:
            lock = Path(root, f"{source['hub'].replace('/', '-')}.json")
            fetch_hub.main(source, folder, lock, "datasets.books.source", io.StringIO())
        except UserError as error:
            sentence = str(error)
        files = sorted(str(path.relative_to(folder)) for path in folder.parents[1].rglob("*") if path.is_file())
        found.append((sentence, [name for name in files if ".cache" not in name]))
    return found


def test_a_hub_that_lacks_something_or_misbehaves(server, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", server.url)
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    monkeypatch.setenv("HF_HUB_DOWNLOAD_TIMEOUT", "1")
    body = large()
    answers = {  # for a file of a repository, to HEAD and then to GET
        "cut": [Answer(body), Answer(body, cut=200_000), Answer(body)],
        "stalled": [Answer(body), Answer(body, cut=200_000, stall=True), Answer(body)],
        "longer": [Answer(body), Answer(body + b"more")],
        "broken": [Answer(body), Answer(status=500)],
        "secret": [Answer(status=403)],
        "out": [Answer(b"evil")],
    }
    for name in answers:
        file = "../../evil.txt" if name == "out" else "books.bin"
        commit = server.serve_repository("dataset", f"lab/{name}", {file: body})
        for answer in answers[name]:
            answer.headers |= {"ETag": '"1"', "X-Repo-Commit": commit}
        server.serve(f"/datasets/lab/{name}/resolve/{commit}/{file}", *answers[name])
    server.serve("/api/datasets/lab/page/revision/main", b"<html>Please log in</html>")
    reasons = {name: ({}, None) for name in ("cut", "stalled")} | {
        "longer": ({}, "OSError"),
        "broken": ({}, "HfHubHTTPError"),
        "secret": ({}, "LocalEntryNotFoundError"),
        "out": ({}, "ValueError"),
        "page": ({}, "JSONDecodeError"),
        "misspelled": ({}, "RepositoryNotFoundError"),
        "no such revision": ({"hub": "lab/cut", "revision": "v2"}, "RevisionNotFoundError"),
        "no such type": ({"hub": "lab/cut", "type": "model"}, "RepositoryNotFoundError"),
    }
    sources = [
        {"hub": f"lab/{name}", "revision": "main", "type": "dataset"} | more for name, (more, _) in reasons.items()
    ]
    found = in_environment("download", fetched_from_hub, sources, str(tmp_path))
    for source, (_, reason), (sentence, files) in zip(sources, reasons.values(), found, strict=True):
        named = f"{source['type']} {source['hub']} at {source['revision']}"
        if reason is None:
            assert (sentence, files) == (None, ["books.bin"]), named
        else:
            assert sentence.startswith(
                f"datasets.books.source: the hub ({server.url}) did not deliver {named} ({reason}); check id, type, re"
            )
            assert files == []


def test_a_branch_that_moved_on_is_refused(server, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", server.url)
    source = {"hub": "lab/books", "revision": "main", "type": "dataset"}
    lock = tmp_path / "lab-books.json"

    def sentence(source):
        return in_environment("download", fetched_from_hub, [source], str(tmp_path))[0][0]

    first = server.serve_repository("dataset", "lab/books", {"a.review": "1", "b.review": "2"})
    assert sentence(source) is None
    known = json.loads(lock.read_text())
    assert (known["source"], known["commit"]) == (source, first)
    assert known["sha256"] == {
        f"{name}.review": hashlib.sha256(text).hexdigest() for name, text in [("a", b"1"), ("b", b"2")]
    }
    second = server.serve_repository("dataset", "lab/books", {"a.review": "1", "b.review": "3"})
    assert sentence(source) == (
        "datasets.books.source: the repository lab/books of the hub has changed since it was first fetched: b.review "
        f"differs from the checksum in {lock}; move that file away if you want the new version, or restore the old one."
    )
    assert json.loads(lock.read_text()) == known
    assert sentence(source | {"revision": second}) is None


def test_a_token_is_read_from_the_environment_and_sent_to_the_hub_alone(snakemake, server):
    token, signature = "hf_ThisIsSecret", "ThisIsSecretToo"
    weights = large()
    config = study({"hub": "lab/books", "type": "dataset"})
    commit = server.serve_repository("dataset", "lab/books", {"a.review": weights, "b.review": "1"}, token=token)
    lay_out(snakemake.folder, {"hf_home/token": token})  # as `hf auth login` writes it; Semis must not read it
    sentence = snakemake.sentence(config, "data", HF_ENDPOINT=server.url)
    assert (
        "did not deliver dataset lab/books at main (RepositoryNotFoundError); check id, type, revision and network"
        in sentence
    )
    assert "(a private repository needs a token in the environment variable HF_TOKEN)" in sentence
    with Loopback() as elsewhere:
        there = {"Location": f"{elsewhere.url}/a?X-Amz-Signature={signature}", "X-Linked-ETag": '"1"'}
        there |= {"X-Linked-Size": len(weights), "X-Repo-Commit": commit}
        server.serve(f"/datasets/lab/books/resolve/{commit}/a.review", Answer(status=302, headers=there))
        elsewhere.serve("/a", Answer(weights, cut=200_000), Answer(weights))
        snakemake.behind = tracer(snakemake.folder / "network")
        done = snakemake(config, "data", HF_ENDPOINT=server.url, HF_TOKEN=token)
    assert done.returncode == 0, done.output
    assert (snakemake.folder / FETCHED / "hub" / "a.review").read_bytes() == weights
    assert f"Bearer {token}" in [headers.get("Authorization") for headers in server.headers]
    assert elsewhere.asked and not [headers for headers in elsewhere.headers if "Authorization" in headers]
    log = (snakemake.folder / "results/t/logs/fetch_hub/datasets/books.log").read_text()
    assert f"Error while downloading from {elsewhere.url}/a" in log  # without the signature
    (snakemake.folder / "hf_home/token").unlink()
    kept = [path for path in snakemake.folder.rglob("*") if path.is_file()]
    written = "".join(path.read_bytes().decode(errors="replace") for path in kept) + done.output + sentence
    assert token not in written and signature not in written
    connected = [line for line in asked(snakemake.folder / "network") if "htons(0)" not in line]
    assert connected and all("127.0.0.1" in line for line in connected)  # nobody else learns of the download
    assert not [path for path in server.asked if "telemetry" in path]


def test_hub_that_cannot_be_reached(snakemake, closed_url):
    sentence = snakemake.sentence(study({"hub": "lab/books"}), f"{FETCHED}/hub", HF_ENDPOINT=closed_url)
    assert f"the hub ({closed_url}) did not deliver model lab/books at main (ConnectError)" in sentence
    assert snakemake.files(FETCHED) == []


def test_an_archive_that_is_not_whole_leaves_nothing(snakemake, server):
    url = server.serve(ARCHIVE, tarred(in_folder(reviews()))[:-30])
    sentence = snakemake.sentence(study({"url": url}), TRAIN)
    assert sentence.startswith(f"Semis: {FETCHED}/books.zip is a damaged archive (Compressed file ended")
    assert snakemake.files("results/t/data") == []
