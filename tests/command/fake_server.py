"""A small HTTP server that can be made to misbehave: what the fake hub and the fake Segments.ai have in common."""
import atexit
import functools
import http.server
import os
import re
import shutil
import socket
import ssl
import struct
import subprocess
import tempfile
import threading
import time


@functools.cache
def certificate():
    """(certificate, key): files of one for this machine that vouches for itself; None where openssl is missing."""
    if not shutil.which("openssl"):
        return None
    folder = tempfile.mkdtemp()
    atexit.register(shutil.rmtree, folder)
    made, key = os.path.join(folder, "certificate.pem"), os.path.join(folder, "key.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days",
                    "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", key,
                    "-out", made], check=True, capture_output=True)
    return made, key


class Fault:
    """What goes wrong with the next `times` requests whose "METHOD path" matches.

    status, headers: answer this instead. cut: send only so many bytes of the reply, head included. reset: end it with
    a reset instead of a close. shorten: drop so many bytes of the body, and lie in Content-Length about it. slow: seconds
    between pieces of `piece` bytes. late: do the work, but cut before the first byte. edit: a function of (status,
    headers, body) that returns another such triple.
    """

    def __init__(self, match, times=1, status=0, headers=None, cut=None, reset=False, shorten=0, slow=0.0, piece=1 << 14,
                 edit=None, after=0):
        self.match, self.times, self.status, self.headers = re.compile(match), times, status, headers or {}
        self.cut, self.reset, self.shorten, self.slow, self.piece = cut, reset, shorten, slow, piece
        self.edit, self.after = edit, after


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        pass

    def handle(self):
        try:
            super().handle()
        except (ConnectionError, ValueError, OSError):
            pass

    def body(self):
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            data = b""
            while size := int(self.rfile.readline(), 16):
                data += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return data
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def answer_any(self):
        server = self.server.fake
        what = f"{self.command} {self.path}"
        data = self.body()
        with server.lock:
            server.log.append((self.command, self.path, dict(self.headers)))
            fault = next((f for f in server.faults if f.times > 0 and f.match.search(what)), None)
            if fault and fault.after > 0:
                fault.after -= 1
                fault = None
            if fault:
                fault.times -= 1
        if fault and fault.status:
            reply = (fault.status, fault.headers, b"{}")
        else:
            reply = server.answer(self, data)
        if fault and fault.edit:
            reply = fault.edit(*reply)
        self.send(*reply, fault)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = answer_any

    def send(self, status, headers, body, fault):
        headers = dict(headers)
        if fault and fault.shorten:
            body = body[:max(0, len(body) - fault.shorten)]
            headers.pop("Content-Length", None)
        headers.setdefault("Content-Length", str(len(body)))
        head = f"HTTP/1.1 {status} Status\r\n" + "".join(f"{k}: {v}\r\n" for k, v in headers.items()) + "\r\n"
        data = head.encode() + (b"" if self.command == "HEAD" else body)
        if fault and fault.cut is not None:
            data = data[:fault.cut]
        step = fault.piece if fault and fault.slow else 1 << 16
        for i in range(0, len(data), step):
            self.wfile.write(data[i:i + step])
            self.wfile.flush()
            if fault and fault.slow:
                time.sleep(fault.slow)
        if fault and fault.cut is not None:
            if fault.reset:
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True
            self.connection.close() if fault.reset else self.connection.shutdown(socket.SHUT_RDWR)


class Quiet(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request, client_address):
        pass


class FakeServer:
    """answer(handler, body) -> (status, headers, body) is for the real fakes to write. secure: https, with certificate()."""

    def __init__(self, host="127.0.0.1", secure=False):
        self.lock = threading.RLock()
        self.log, self.faults = [], []
        self.http = Quiet(("127.0.0.1", 0), Handler)
        self.http.fake = self
        self.url = f"http{'s' if secure else ''}://{host}:{self.http.server_address[1]}"
        if secure:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate())
            self.http.socket = context.wrap_socket(self.http.socket, server_side=True)
        threading.Thread(target=self.http.serve_forever, args=(0.02,), daemon=True).start()

    def close(self):
        self.http.shutdown()
        self.http.server_close()

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()

    def requests(self, pattern):
        with self.lock:
            return [entry for entry in self.log if re.search(pattern, f"{entry[0]} {entry[1]}")]

    def clear(self):
        with self.lock:
            self.log.clear()
            self.faults.clear()
