"""A fake Segments.ai: enough of it for its Python SDK and for clipseg, with a bucket on another host."""
import email.parser
import email.policy
import gzip
import itertools
import json
import re
import urllib.parse

from fake_server import FakeServer

KEY = "segments-secret-key"
TIME = "2024-01-01T00:00:00Z"


class Bucket(FakeServer):
    """Takes files with presigned fields, serves pictures; knows nothing of keys. signature: without it in the address
    nothing is served."""

    def __init__(self, secure=False):
        super().__init__("localhost", secure)
        self.files, self.policy, self.counter, self.signature = {}, "policy-1", itertools.count(1), ""

    def answer(self, handler, body):
        if "Authorization" in handler.headers:
            return 400, {}, b"no secrets here"
        if handler.command == "GET":
            if not handler.path.endswith(self.signature):
                return 403, {}, b"<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>"
            name = urllib.parse.unquote(urllib.parse.urlsplit(handler.path).path.lstrip("/"))
            return (200, {"Content-Type": "image/png"}, self.files[name]) if name in self.files else (404, {}, b"")
        message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(
            b"Content-Type: " + handler.headers["Content-Type"].encode() + b"\r\n\r\n" + body)
        parts = [(p.get_param("name", header="content-disposition"), p.get_payload(decode=True))
                 for p in message.iter_parts()]
        fields = dict(parts)
        if parts[-1][0] != "file" or not fields["key"]:
            return 400, {}, b"the file comes last"
        if fields.get("policy", b"").decode() != self.policy:
            return 403, {}, b"<Error><Code>AccessDenied</Code><Message>Policy expired.</Message></Error>"
        with self.lock:
            self.files[fields["key"].decode()] = fields["file"]
        return 204, {}, b""


class FakeSegments(FakeServer):
    def __init__(self, categories, pictures, task="segmentation-bitmap", secure=False, secure_bucket=False):
        """categories: [(id, name)]; pictures: {sample name: bytes}; secure: https"""
        super().__init__(secure=secure)
        self.bucket, self.key, self.labelsets = Bucket(secure_bucket), KEY, None
        self.categories, self.task = categories, task
        self.samples, self.labels, self.puts = [], {}, {}
        self.assets = itertools.count(1)
        self.page_limit = 1000
        for number, (name, data) in enumerate(sorted(pictures.items()), 1):
            self.bucket.files[f"pictures/{number}"] = data
            self.samples.append({
                "uuid": f"00000000-0000-0000-0000-{number:012}", "name": name, "metadata": {"part": str(number % 2)},
                "attributes": {"image": {"url": f"{self.bucket.url}/pictures/{number}"}}, "created_at": TIME,
                "created_by": "jane", "priority": 0})

    def close(self):
        self.bucket.close()
        super().close()

    def uuid(self, name):
        return next(s["uuid"] for s in self.samples if s["name"] == name)

    def label(self, name, labelset="ground-truth"):
        return self.labels.get((self.uuid(name), labelset))

    def bitmap(self, name, labelset="ground-truth"):
        url = self.label(name, labelset)["attributes"]["segmentation_bitmap"]["url"]
        return self.bucket.files[urllib.parse.urlsplit(url).path.lstrip("/")]

    def add_label(self, name, status, attributes=None, labelset="ground-truth"):
        self.labels[self.uuid(name), labelset] = {"label_status": status, "attributes": attributes or {
            "format_version": "0.1", "annotations": [], "segmentation_bitmap": {"url": "http://localhost/people.png"}}}

    def answer(self, handler, body):
        url = urllib.parse.urlsplit(handler.path)
        path, query = url.path, dict(urllib.parse.parse_qsl(url.query))
        if handler.headers.get("Authorization") != f"APIKey {self.key}":
            return 401, {}, json.dumps({"detail": f"Invalid: {handler.headers.get('Authorization')}"}).encode()
        if handler.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        status, value = self.route(handler.command, path, query, json.loads(body) if body else None)
        return status, {"Content-Type": "application/json"}, json.dumps(value).encode()

    def route(self, method, path, query, body):
        if path == "/api_status/":
            return 200, {}
        if method == "GET" and path == "/datasets/jane/flowers/":
            return 200, self.dataset()
        if method == "GET" and path == "/datasets/jane/flowers/samples/":
            return self.list(query)
        if found := re.fullmatch(r"/samples/([^/]+)/", path):
            return self.sample(found[1], query)
        if method == "POST" and path == "/assets/":
            return 200, self.asset(body)
        if found := re.fullmatch(r"/labels/([^/]+)/([^/]+)/", path):
            return self.label_request(method, found[1], urllib.parse.unquote(found[2]), body)
        return 404, {"detail": "Not found."}

    def dataset(self):
        flags = dict.fromkeys(
            "public archived enable_ratings enable_skip_labeling enable_skip_reviewing enable_save_button "
            "enable_label_status_verified enable_same_dimensions_track_constraint enable_3d_region_of_interest "
            "enable_interpolation use_timestamps_for_interpolation enable_object_linking "
            "enable_object_link_category_restrictions enable_extrapolation".split(), False)
        if self.labelsets:
            flags["labelsets"] = [{"name": name, "description": ""} for name in self.labelsets]
        return {**flags, "name": "flowers", "full_name": "jane/flowers", "description": "", "category": "other",
                "owner": {"username": "jane", "created_at": TIME}, "created_at": TIME, "task_type": self.task,
                "label_stats": {}, "metadata": {}, "task_attributes": {"format_version": "0.1", "categories": [
                    {"id": i, "name": name, "color": [10 * i % 256, 100, 200]} for i, name in self.categories]}}

    def sample(self, uuid, query):
        number = int(uuid[-12:])
        sample = {**self.samples[number - 1]}
        if query.get("include_signed_urls") and f"pictures/{number}" in self.bucket.files:
            sample["attributes"] = {"image": {"url": f"{self.bucket.url}/pictures/{number}{self.bucket.signature}"}}
        return 200, sample

    def list(self, query):
        rows = [s for s in self.samples if query.get("name__contains", "") in s["name"] and
                all(s["metadata"].get(f.split(":")[0]) == f.split(":")[1]
                    for f in query.get("filters", "").split(",") if f)]
        per_page, page = int(query["per_page"]), int(query["page"])
        if per_page > self.page_limit:
            return 502, {}
        rows = rows[(page - 1) * per_page:page * per_page]
        if not rows and page > 1:
            return 404, {"detail": "Invalid page."}
        if labelset := query.get("labelset"):
            rows = [{**s, "label": {"label_status": self.labels[s["uuid"], labelset]["label_status"], "score": None}
                     if (s["uuid"], labelset) in self.labels else None} for s in rows]
        return 200, rows

    def asset(self, body):
        number = next(self.assets)
        key = f"assets/{number}-{body['filename']}"
        return {"uuid": f"asset-{number}", "filename": body["filename"], "created_at": TIME,
                "url": f"{self.bucket.url}/{key}", "presignedPostFields": {"url": f"{self.bucket.url}/", "fields": {
                    "acl": "public-read", "Content-Type": "image/png", "key": key,
                    "x-amz-algorithm": "A", "x-amz-credential": "C", "x-amz-date": "D", "policy": self.bucket.policy,
                    "x-amz-signature": "S"}}}

    def label_request(self, method, uuid, labelset, body):
        if not any(s["uuid"] == uuid for s in self.samples):
            return 404, {"detail": "Not found."}
        if method == "PUT":
            with self.lock:
                if labelset not in (self.labelsets or [labelset]):
                    return 404, {"detail": "Not found."}
                self.labels[uuid, labelset] = body
                self.puts[uuid, labelset] = self.puts.get((uuid, labelset), 0) + 1
        if (uuid, labelset) not in self.labels:
            return 404, {"detail": "Not found."}
        return 200, {"sample_uuid": uuid, "label_type": self.task, "labelset": labelset, "created_at": TIME,
                     "created_by": "jane", "updated_at": TIME, **self.labels[uuid, labelset]}
