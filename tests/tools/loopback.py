"""A real HTTP server on 127.0.0.1: it serves files, and as much of the Hugging Face hub as a download needs."""

import hashlib
import json
import re
import ssl
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from urllib.parse import unquote, urlsplit

HUB_API = re.compile(r"/api/(model|dataset)s/(.+?)/(revision|tree)/([^/]+)")
HUB_FILE = re.compile(r"/(datasets/)?(.+?)/resolve/([^/]+)/(.+)")


@dataclass
class Answer:
    """One answer of the server.

    With `cut`, a connection delivers at most that many bytes of the body and then ends, or with `stall` stays open.
    `version` is the ETag; a request for the rest of the same version (Range, If-Range) gets the rest.
    """

    body: bytes = b""
    status: int = 200
    headers: dict = field(default_factory=dict)
    cut: int | None = None
    stall: bool = False
    version: str | None = None


class Loopback(ThreadingHTTPServer):
    """Serves the answers that tests define; `asked` lists the requests as 'GET /path', `headers` their headers.

    With `certificate`, a file that also contains the key, it speaks https.
    """

    def __init__(self, certificate=None):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"{'https' if certificate else 'http'}://127.0.0.1:{self.server_port}"
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self.socket = context.wrap_socket(self.socket, server_side=True)
        self.asked, self.headers = [], []
        self.ended = Event()
        self._answers = {}
        self._repositories, self._tokens = {}, {}

    def __enter__(self):
        Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *error):
        self.ended.set()
        self.shutdown()
        self.server_close()

    def serve(self, path, *answers):
        """Serve these answers (Answer or bytes) at `path`, one per request, then repeat the last; return the url."""
        self._answers[path] = [a if isinstance(a, Answer) else Answer(a) for a in answers]
        return self.url + path

    def serve_repository(self, kind, name, files, revision="main", token=None):
        """Serve {path: bytes or text} as a repository of the hub of this kind (model, dataset); return its commit.

        With `token` the repository is private.
        """
        files = {path: body.encode() if isinstance(body, str) else body for path, body in files.items()}
        commit = hashlib.sha1(repr((kind, name, revision, files)).encode()).hexdigest()
        revisions = self._repositories.setdefault((kind, name), {})
        revisions[revision] = revisions[commit] = (commit, files)
        self._tokens[kind, name] = token
        return commit

    def answer(self, method, path, headers):
        """Return the answer to a request."""
        self.asked.append(f"{method} {path}")
        self.headers.append(headers)
        if path in self._answers:
            waiting = self._answers[path]
            return waiting.pop(0) if len(waiting) > 1 else waiting[0]
        if found := HUB_API.fullmatch(path):
            kind, name, what, revision = found.groups()
            return self._hub(headers, kind, name, revision, what)
        if found := HUB_FILE.fullmatch(path):
            dataset, name, revision, file = found.groups()
            return self._hub(headers, "dataset" if dataset else "model", name, revision, "file", file)
        return Answer(status=404)

    def _hub(self, headers, kind, name, revision, what, file=None):
        token = self._tokens.get((kind, name))
        if (kind, name) not in self._repositories or token and headers.get("Authorization") != f"Bearer {token}":
            # Without a token the hub answers 401 for a missing repository too, not only for a private one.
            return Answer(status=401, headers={"X-Error-Code": "RepoNotFound"})
        if revision not in self._repositories[kind, name]:
            return Answer(status=404, headers={"X-Error-Code": "RevisionNotFound"})
        commit, files = self._repositories[kind, name][revision]
        if what == "revision":
            return _json({"id": name, "sha": commit, "siblings": [{"rfilename": path} for path in files]})
        if what == "tree":
            return _json([{"type": "file", "path": p, "size": len(b), "oid": _oid(b)} for p, b in files.items()])
        if file not in files:
            return Answer(status=404, headers={"X-Error-Code": "EntryNotFound"})
        return Answer(files[file], headers={"ETag": f'"{_oid(files[file])}"', "X-Repo-Commit": commit})


def _oid(body):
    return hashlib.sha1(b"blob %d\0" % len(body) + body).hexdigest()


def _json(value):
    return Answer(json.dumps(value).encode(), headers={"Content-Type": "application/json"})


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        answer = self.server.answer(self.command, unquote(urlsplit(self.path).path), self.headers)
        status, body, headers = answer.status, answer.body, {}
        if answer.version:
            headers["ETag"] = f'"{answer.version}"'
            asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
            if asked and self.headers.get("If-Range") == headers["ETag"]:
                status, body = 206, body[int(asked[1]) :]
                headers["Content-Range"] = f"bytes {asked[1]}-{len(answer.body) - 1}/{len(answer.body)}"
        self.send_response(status)
        for name, value in {"Content-Length": len(body), **headers, **answer.headers}.items():
            self.send_header(name, str(value))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body[: answer.cut])
        if answer.stall:
            self.wfile.flush()
            self.server.ended.wait()

    do_HEAD = do_GET

    def log_message(self, *args):
        """Print nothing."""
