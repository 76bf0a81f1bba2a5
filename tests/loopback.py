"""A real HTTP server on 127.0.0.1 for tests: files by path, and as much of the Hugging Face hub as a download needs."""

import hashlib
import json
import re
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import unquote, urlsplit

HUB_API = re.compile(r"/api/(model|dataset)s/(.+?)/(revision|tree)/([^/]+)")
HUB_FILE = re.compile(r"/(datasets/)?(.+?)/resolve/([^/]+)/(.+)")


@dataclass
class Answer:
    """What the server sends once; with `cut`, the connection ends after that many bytes of the body."""

    body: bytes = b""
    status: int = 200
    headers: dict = field(default_factory=dict)
    cut: int | None = None


class Loopback(ThreadingHTTPServer):
    """Serves what tests give it; `asked` lists the requests as 'GET /path'."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.asked = []
        self._answers = {}
        self._repositories = {}

    def __enter__(self):
        Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *error):
        self.shutdown()
        self.server_close()

    def serve(self, path, *answers):
        """Serve these answers (Answer, or bytes) at `path`, one a request, the last from then on; return the url."""
        self._answers[path] = [a if isinstance(a, Answer) else Answer(a) for a in answers]
        return self.url + path

    def serve_repository(self, kind, name, files, revision="main"):
        """Serve {path: bytes or text} as a hub's repository of this kind (model, dataset); return its commit."""
        files = {path: body.encode() if isinstance(body, str) else body for path, body in files.items()}
        commit = hashlib.sha1(repr((kind, name, revision, files)).encode()).hexdigest()
        revisions = self._repositories.setdefault((kind, name), {})
        revisions[revision] = revisions[commit] = (commit, files)
        return commit

    def answer(self, method, path):
        """The answer to a request."""
        self.asked.append(f"{method} {path}")
        if path in self._answers:
            waiting = self._answers[path]
            return waiting.pop(0) if len(waiting) > 1 else waiting[0]
        if found := HUB_API.fullmatch(path):
            kind, name, what, revision = found.groups()
            return self._hub(kind, name, revision, what)
        if found := HUB_FILE.fullmatch(path):
            dataset, name, revision, file = found.groups()
            return self._hub("dataset" if dataset else "model", name, revision, "file", file)
        return Answer(status=404)

    def _hub(self, kind, name, revision, what, file=None):
        if (kind, name) not in self._repositories:
            # Without a token the hub says 401 for what is not there, as for what is private.
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
        answer = self.server.answer(self.command, unquote(urlsplit(self.path).path))
        self.send_response(answer.status)
        for name, value in {"Content-Length": len(answer.body), **answer.headers}.items():
            self.send_header(name, str(value))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(answer.body[: answer.cut])

    do_HEAD = do_GET

    def log_message(self, *args):
        """Keep the test's output quiet."""
