"""Take one file from downloads/, or download it over http(s), and check it; what lands is whole or not there."""

import hashlib
import shutil
from pathlib import Path

from semis.errors import UserError
from semis.job import job

import pooch
import requests


def take(by_hand, sha256, target, key):
    """Copy the file `by_hand` to the path `target` if its SHA-256 is `sha256` (hex; None: any). Raises UserError."""
    with open(by_hand, "rb") as stream:
        found = hashlib.file_digest(stream, "sha256").hexdigest()
    if sha256 not in (None, found):
        raise UserError(f"{key}: {by_hand} has another checksum than {key}.sha256; correct one of them.")
    shutil.copyfile(by_hand, target)


def fetch(url, sha256, target, key):
    """Download `url` to the path `target`, trying up to three times.

    `sha256` (hex, or None for unknown) is compared before the file appears. `key` is the place in the config that a
    sentence names. Raises UserError where the server does not answer or the file is another one.
    """
    target = Path(target)
    # A Pooch rather than pooch.retrieve, which cannot try again.
    downloads = pooch.create(
        path=target.parent,
        base_url="",
        registry={target.name: f"sha256:{sha256}" if sha256 else None},
        urls={target.name: url},
        retry_if_failed=2,
    )
    try:
        downloads.fetch(target.name, downloader=pooch.HTTPDownloader(progressbar=True, chunk_size=2**20, timeout=60))
    except requests.RequestException as error:
        raise UserError(
            f"{key}: {url} could not be downloaded ({_reason(error)}); check the network and the address, or get the "
            f"file in another way and put it into the folder downloads/, as {target.name}."
        ) from error
    except ValueError as error:
        raise UserError(
            f"{key}: what {url} sent has another checksum than {key}.sha256; correct one of them."
        ) from error


def _reason(error):
    if error.response is not None:
        return f"HTTP {error.response.status_code}"
    return type(error).__name__


if __name__ == "__main__":
    with job(snakemake):
        target = Path(snakemake.output[0])
        by_hand = Path("downloads", target.name)
        if by_hand.exists():
            take(by_hand, snakemake.params.sha256, target, snakemake.params.key)
        else:
            fetch(snakemake.params.url, snakemake.params.sha256, target, snakemake.params.key)
