"""Download one file over http(s) and check it; what lands is whole or not there."""

from pathlib import Path

from semis.errors import UserError
from semis.job import job

import pooch
import requests


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
            f"file in another way and give it as {key}.path instead of url."
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
        fetch(snakemake.params.url, snakemake.params.sha256, snakemake.output[0], snakemake.params.key)
