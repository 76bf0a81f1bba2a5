"""Copy one file from downloads/, or download it over http(s), and verify it; an incomplete file is never left."""

import shutil
import time
from pathlib import Path
from typing import Any, BinaryIO, TextIO
from urllib.parse import urljoin, urlsplit

from semis import checksums
from semis.harness.errors import UserError
from semis.harness.job import job

import requests
from tqdm import tqdm

TIMEOUT = 60  # seconds without a byte
TRIES = 3  # in a row without a new byte
TEMPORARY = (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError, requests.HTTPError)


class Refused(requests.RequestException):
    """An answer that is refused; its text says why."""


def fetch(url: str, part: Path, target: Path, key: str, terminal: TextIO) -> None:
    """Download `url` to the path `part`, with a progress bar on the stream `terminal`; `target` will be the final path.

    `key` is the config key that a message names. Raises UserError if the server does not deliver the file.
    """
    bar = tqdm(desc=target.name, file=terminal, unit="B", unit_scale=True, mininterval=1)
    try:
        with bar, open(part, "wb") as stream:
            download(url, stream, bar)
    except requests.RequestException as error:
        raise UserError(
            f"{key}: {url} could not be downloaded ({_reason(error)}); check the network and the address, or get the "
            f"file in another way and put it into the folder downloads/, as {target.name}."
        ) from error


def download(url: str, stream: BinaryIO, bar: tqdm) -> None:
    """Write the contents of `url` to the new file `stream` and update the tqdm `bar`.

    After a temporary error it tries again, up to `TRIES` times in a row without a new byte. If the server has named the
    version of the file, an interrupted download resumes (Range); if the file has changed since, it starts over. Raises
    requests.RequestException.
    """
    version: str | None = None
    longest, tries = 0, 0
    while True:
        try:
            with _ask(url, stream.tell(), version) as answer:
                if answer.status_code != requests.codes.partial_content:
                    version = _version(answer)
                    stream.seek(0)
                    stream.truncate()
                left = int(answer.headers.get("Content-Length", 0))
                bar.n, bar.total = stream.tell(), stream.tell() + left if left else None
                for block in answer.iter_content(2**16):
                    if not stream.tell() and _is_page(answer, block):
                        raise Refused("the server sent a web page instead; does it need a login?")
                    stream.write(block)
                    bar.update(len(block))
            return
        except TEMPORARY as error:
            if 0 < _status(error) < 500:
                raise
            tries = 1 if stream.tell() > longest else tries + 1
            longest = max(longest, stream.tell())
            if tries == TRIES:
                raise
            print(f"{_reason(error)} after {stream.tell()} bytes; trying again", flush=True)
            time.sleep(tries)


def _ask(url: str, have: int, version: str | None) -> requests.Response:
    """Request `url` from byte `have` on if its version is still `version`, else from the start; return the answer."""
    headers = {"Accept-Encoding": "identity"}  # with compression the bytes could not be counted
    if version and have:
        headers |= {"Range": f"bytes={have}-", "If-Range": version}
    answer = requests.get(url, headers=headers, stream=True, timeout=TIMEOUT, hooks={"response": _check_redirect})
    answer.raise_for_status()
    given = answer.headers.get("Content-Range", "")
    if answer.status_code == requests.codes.partial_content and not given.startswith(f"bytes {have}-"):
        raise Refused("the server sent another part of the file than requested")
    return answer


def _check_redirect(answer: requests.Response, **_: Any) -> None:
    """Raise Refused if a redirect changes the scheme to anything but https."""
    if answer.is_redirect:
        scheme = urlsplit(urljoin(answer.url, answer.headers["Location"])).scheme
        if scheme not in ("https", urlsplit(answer.url).scheme):
            raise Refused(f"it redirects to an address of another kind, {scheme}:")


def _version(answer: requests.Response) -> str | None:
    """Return the identifier of this version of the file (RFC 9110, 13.1.5): a strong ETag, or a date, or None."""
    etag = answer.headers.get("ETag", "")
    return etag if etag.startswith('"') else answer.headers.get("Last-Modified")


def _is_page(answer: requests.Response, start: bytes) -> bool:
    """Say whether the answer, whose first bytes are `start`, is a web page."""
    return "html" in answer.headers.get("Content-Type", "") or start.lstrip().lower().startswith(
        (b"<!doctype html", b"<html")
    )


def _status(error: requests.RequestException) -> int:
    """Return the status with which the server refused a request, or 0 for another error."""
    answer = error.response if isinstance(error, requests.HTTPError) else None
    return 0 if answer is None else answer.status_code


def _reason(error: requests.RequestException) -> str:
    """Return the cause of an error in a few words."""
    if status := _status(error):
        return f"HTTP {status}"
    return str(error) if isinstance(error, Refused) else type(error).__name__


def main(source: dict[str, str], target: Path, lock: str, key: str, terminal: TextIO) -> None:
    """Fetch the file of `source` ({url, sha256}) to `target`, and record its checksum in the file `lock`.

    Raises UserError if the server does not deliver it, or if its checksum is not the expected one.
    """
    by_hand, part = Path("downloads", target.name), target.with_name(f"{target.name}.part")
    try:
        if by_hand.exists():
            shutil.copyfile(by_hand, part)
        else:
            fetch(source["url"], part, target, key, terminal)
        found = {target.name: checksums.sha256(part)}
        origin = str(by_hand) if by_hand.exists() else f"the file from {source['url']}"
        if source.get("sha256") not in (None, *found.values()):
            raise UserError(f"{key}: the checksum of {origin} is not {key}.sha256; correct one of them.")
        checksums.keep(lock, source, found, f"{key}: {origin}")
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


if __name__ == "__main__":
    with job(snakemake) as terminal:
        output, settings = snakemake.output, snakemake.params.recipe["settings"]
        main(settings["source"], Path(output.file), output.checksums, settings["key"], terminal)
