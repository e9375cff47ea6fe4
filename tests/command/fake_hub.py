"""A fake Hugging Face hub: enough of it for huggingface_hub and for clipseg. Large files lie on another host."""
import hashlib
import json
import re
import urllib.parse

from fake_server import FakeServer


def git_sha1(data):
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


def sha256(data):
    return hashlib.sha256(data).hexdigest()


class Store(FakeServer):
    """The other host: serves contents by digest, with ranges; addresses carry a signature that can expire."""

    def __init__(self, secure=False):
        super().__init__("localhost", secure)
        self.contents, self.signature, self.etag = {}, "s1", None

    def answer(self, handler, body):
        url = urllib.parse.urlsplit(handler.path)
        name = url.path.strip("/")
        if "Authorization" in handler.headers:
            return 400, {}, b"no secrets here"
        if urllib.parse.parse_qs(url.query).get("signature") != [self.signature]:
            return 403, {}, b"<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>"
        if name not in self.contents:
            return 404, {}, b""
        return ranged(handler, self.contents[name], self.etag or f'"{name}"')


def ranged(handler, data, etag):
    asked = re.fullmatch(r"bytes=(\d+)-", handler.headers.get("Range", ""))
    headers = {"ETag": etag, "Accept-Ranges": "bytes"}
    if asked and handler.headers.get("If-Range", etag) == etag:
        first = int(asked[1])
        if first >= len(data):
            return 416, {"Content-Range": f"bytes */{len(data)}"}, b""
        return 206, {**headers, "Content-Range": f"bytes {first}-{len(data) - 1}/{len(data)}"}, data[first:]
    return 200, headers, data


class FakeHub(FakeServer):
    """repositories: {"org/name": {"main": {file: bytes}}}. Files above `large` bytes go to the store. secure, secure_store:
    https."""

    def __init__(self, large=100_000, secure=False, secure_store=False):
        super().__init__(secure=secure)
        self.repositories, self.large, self.token, self.gated = {}, large, None, set()
        self.store = Store(secure_store)

    def close(self):
        self.store.close()
        super().close()

    def commit(self, files):
        return hashlib.sha1("".join(f"{n}{git_sha1(d)}" for n, d in sorted(files.items())).encode()).hexdigest()

    def find(self, repository, revision):
        revisions = self.repositories[repository]
        if revision in revisions:
            return revisions[revision]
        return next((f for f in revisions.values() if self.commit(f) == revision), None)

    def answer(self, handler, body):
        path = urllib.parse.urlsplit(handler.path).path
        api = re.fullmatch(r"/api/models/([^/]+/[^/]+)(?:/(revision|tree)/([^/]+))?/?", path)
        resolve = re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path)
        if not api and not resolve:
            return 404, {}, b""
        repository = (api or resolve)[1]
        allowed = self.token is None or handler.headers.get("Authorization") == f"Bearer {self.token}"
        if repository not in self.repositories or (not allowed and repository not in self.gated):
            return 401, {"X-Error-Code": "RepoNotFound", "X-Error-Message": "Repository not found"}, b""
        if repository in self.gated and not (self.token and allowed):
            return 401, {"X-Error-Code": "GatedRepo", "X-Error-Message": "Access is restricted"}, b""
        revision = urllib.parse.unquote((api[3] or "main") if api else resolve[2])
        files = self.find(repository, revision)
        if files is None:
            return 404, {"X-Error-Code": "RevisionNotFound"}, b""
        commit = {"X-Repo-Commit": self.commit(files)}
        if api:
            return 200, {**commit, "Content-Type": "application/json"}, self.api(api[2], repository, files)
        return self.resolve(handler, urllib.parse.unquote(resolve[3]), files, commit)

    def api(self, what, repository, files):
        if what == "tree":
            rows = [{"type": "file", "path": name, "size": len(data), "oid": git_sha1(data),
                     **({"lfs": {"oid": sha256(data), "size": len(data), "pointerSize": 134}}
                        if len(data) > self.large else {})} for name, data in files.items()]
            return json.dumps(rows).encode()
        return json.dumps({"id": repository, "modelId": repository, "sha": self.commit(files), "private": False,
                           "tags": [], "siblings": [{"rfilename": name} for name in files]}).encode()

    def resolve(self, handler, name, files, commit):
        if name not in files:
            return 404, {**commit, "X-Error-Code": "EntryNotFound"}, b""
        data = files[name]
        if len(data) <= self.large:
            status, headers, body = ranged(handler, data, f'"{git_sha1(data)}"')
            return status, {**headers, **commit}, body
        self.store.contents[sha256(data)] = data
        return 302, {**commit, "X-Linked-Etag": f'"{sha256(data)}"', "X-Linked-Size": len(data),
                     "ETag": '"of-the-redirection"',
                     "Location": f"{self.store.url}/{sha256(data)}?signature={self.store.signature}"}, b""


def files_of(folder):
    """{name: bytes} of a model's folder, as it would be uploaded, and things that nobody needs."""
    import os
    files = {name: open(os.path.join(folder, name), "rb").read() for name in sorted(os.listdir(folder))}
    files.update({"README.md": b"# a model", "tf_model.h5": b"x" * 1000, ".gitattributes": b"* text",
                  "onnx/model.onnx": b"y" * 1000, "pytorch_model.bin": b"z" * 5000})
    return files
