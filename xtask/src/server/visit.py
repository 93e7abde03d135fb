# Visits the servers of the container it runs in: waits for one, asks it questions as its page would, asks all programs to end.
#
# In: a JSON object as the only argument, `Visit` of server.rs. Out: one JSON object on stdout, `Visited` of server.rs.
# Written for Python 3.6 to 3.14 without site-packages (`-I -S`): nothing of the image is imported, and the probe is not
# started. What a server answers is only read.

import base64
import glob
import html.parser
import http.client
import json
import os
import signal
import socket
import struct
import sys
import time
import urllib.parse

TEXT = "A small cat sleeps on the table."
PROMPT = "a photograph of a small cat on a table"
QUESTION = "What is this?"
# Words of what does the work of a page, as opposed to what clears or shares it.
WORKING = (
    "predict|infer|generate|run|submit|process|detect|classif|segment|recogni|transcri|translat|synth|convert|answer|"
    "chat|ask|analy|caption|estimat|enhance|restore|embed|search|score|tag|ocr|tts|asr|swap|remove"
).split("|")
# Most questions of a visit, less one.
MOST = 7
IDLE = "clear|reset|flag|share|delete|stop|cancel|update|load_example|toggle|change|refresh|undo|login|logout".split("|")


def media_type(name):
    kinds = {
        "jpg": "image/jpeg",
        "png": "image/png",
        "wav": "audio/wav",
        "mp4": "video/mp4",
        "txt": "text/plain",
        "csv": "text/csv",
        "pdf": "application/pdf",
    }
    return kinds.get(name.rsplit(".", 1)[-1].lower(), "application/octet-stream")


class Answer(object):
    def __init__(self, status, headers, body):
        self.status = status
        self.type = headers.get("Content-Type") or ""
        self.location = headers.get("Location") or ""
        self.body = body

    def text(self):
        return self.body.decode("utf-8", "replace")

    def json(self):
        try:
            return json.loads(self.text())
        except ValueError:
            return None


class Server(object):
    """One port of this container, and what was asked there."""

    def __init__(self, host, port, config, deadline):
        self.host = host
        self.port = port
        self.config = config
        self.deadline = deadline
        self.asked = []
        self.loopback = False
        # When its first page was asked for, in seconds of Unix time.
        self.since = None

    def left(self):
        return max(1.0, self.deadline - time.time())

    def connect(self, patience=None):
        return http.client.HTTPConnection(self.host, self.port, timeout=min(patience or 1e9, self.left()))

    def request(self, method, path, body=None, headers=None, patience=None):
        connection = self.connect(patience)
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return Answer(answer.status, answer.headers, answer.read(8 << 20))
        finally:
            connection.close()

    def get_json(self, path):
        try:
            answer = self.request("GET", path, patience=30)
        except (OSError, http.client.HTTPException):
            return None
        return answer.json() if answer.status == 200 else None

    def post_json(self, path, value):
        body = json.dumps(value).encode("utf-8")
        return self.request("POST", path, body, {"Content-Type": "application/json"})

    def post_form(self, method, path, fields, multipart):
        """`fields`: (name, value, file name or None)."""
        if not multipart:
            body = urllib.parse.urlencode([(name, value) for name, value, _ in fields]).encode("ascii")
            if method == "GET":
                return self.request("GET", path + ("&" if "?" in path else "?") + body.decode("ascii"))
            return self.request(method, path, body, {"Content-Type": "application/x-www-form-urlencoded"})
        mark = "repro" + os.urandom(12).hex()
        body = b""
        for name, value, file in fields:
            head = '--%s\r\nContent-Disposition: form-data; name="%s"' % (mark, name.replace('"', "%22"))
            if file is not None:
                head += '; filename="%s"\r\nContent-Type: %s' % (file, media_type(file))
            data = value if isinstance(value, bytes) else str(value).encode("utf-8")
            body += head.encode("utf-8") + b"\r\n\r\n" + data + b"\r\n"
        body += ("--%s--\r\n" % mark).encode("ascii")
        return self.request(method, path, body, {"Content-Type": "multipart/form-data; boundary=" + mark})

    def sample(self, kind):
        """Name and content of our sample of a kind."""
        name = self.config["samples"].get(kind) or self.config["samples"]["text"]
        with open(os.path.join(self.config["folder"], name), "rb") as source:
            return name, source.read()

    def words(self, label):
        """What a person would write into a field of this name."""
        label = label.lower()
        if "url" in label or "link" in label:
            return ""
        if "question" in label or "query" in label:
            return QUESTION
        if "prompt" in label or "caption" in label or "describ" in label:
            return PROMPT
        return TEXT

    def note(self, what, status, said):
        self.asked.append({"what": what[:200], "status": status, "said": " ".join(said.split())[:300]})


# ---- what a document says -------------------------------------------------------------------------------


def documented(server):
    for question in server.config["questions"]:
        path = question["path"] or "/"
        if question.get("json") is not None:
            body = question["json"].encode("utf-8")
            answer = server.request(question["method"], path, body, {"Content-Type": "application/json"})
        elif question["fields"]:
            fields = []
            for field in question["fields"]:
                if field.get("file") is not None:
                    name, data = server.sample(field["file"])
                    fields.append((field["name"], data, name))
                else:
                    fields.append((field["name"], field["value"], None))
            multipart = question.get("multipart") or any(file for _, _, file in fields)
            answer = server.post_form(question["method"], path, fields, multipart)
        elif question.get("body") is not None:
            name, data = server.sample(question["body"])
            answer = server.request(question["method"], path, data, {"Content-Type": media_type(name)})
        else:
            answer = server.request(question["method"], path)
        server.note("%s %s, as a document does" % (question["method"], path), answer.status, answer.text())
        yield


# ---- Gradio ---------------------------------------------------------------------------------------------


class Gradio(object):
    def __init__(self, server, config):
        self.server = server
        self.config = config
        self.prefix = (config.get("api_prefix") or "").rstrip("/")
        self.major = int(str(config.get("version") or "2").split(".")[0] or 2)
        self.components = {part["id"]: part for part in config.get("components", [])}
        self.session = "repro" + os.urandom(4).hex()

    def ask(self):
        if "dependencies" not in self.config:
            data = [self.value(part.get("name", ""), part) for part in self.config.get("input_components", [])]
            answer = self.server.post_json("/api/predict/", {"data": data})
            self.server.note("gradio: the interface's only function", answer.status, answer.text())
            yield
            return
        for index, function in sorted(enumerate(self.config["dependencies"]), key=self.rank):
            if not function.get("backend_fn", True) or not self.starts(function):
                continue
            name = function.get("api_name") or "function %d" % index
            data = [self.component_value(part) for part in function.get("inputs", [])]
            self.example(function.get("inputs", []), data)
            status, said = self.call(function.get("id", index), data)
            self.server.note("gradio: %s" % name, status, said)
            yield

    def label(self, function):
        """Its name, and the words on the button that calls it."""
        words = str(function.get("api_name") or "")
        for target in function.get("targets", []):
            number = target[0] if isinstance(target, list) else target
            part = self.components.get(number) or {}
            words += " " + str(part.get("props", {}).get("value") or "") + " " + str(part.get("type") or "")
        return words.lower()

    def starts(self, function):
        events = [target[1] for target in function.get("targets", []) if isinstance(target, list) and len(target) > 1]
        return function.get("outputs") and "load" not in events and "unload" not in events

    def rank(self, numbered):
        index, function = numbered
        label = self.label(function)
        works = any(word in label for word in WORKING)
        idle = any(word in label for word in IDLE)
        shown = sum(1 for part in function.get("outputs", []) if self.kind(part) in ("image", "audio", "video", "label", "model3d", "gallery"))
        return (idle and not works, not works, -shown, -len(function.get("inputs", [])), index)

    def kind(self, number):
        return (self.components.get(number) or {}).get("type", "")

    def component_value(self, number):
        part = self.components.get(number) or {}
        return self.value(part.get("type", ""), part.get("props", {}))

    def value(self, kind, props):
        value = props.get("value", props.get("default"))
        if kind in ("image", "imageeditor", "audio", "microphone", "video", "file", "model3d", "uploadbutton"):
            if value:
                return value
            return self.file({"microphone": "audio", "imageeditor": "image", "model3d": "mesh"}.get(kind, kind), kind, props)
        if kind in ("textbox", "text", "textarea", "multimodaltextbox"):
            if value and isinstance(value, str):
                return value
            text = self.server.words(str(props.get("label") or "") + " " + str(props.get("placeholder") or ""))
            return {"text": text, "files": []} if kind == "multimodaltextbox" else text
        if value is not None:
            return value
        if kind in ("number", "slider"):
            return props.get("minimum") if props.get("minimum") is not None else 1
        if kind == "checkbox":
            return False
        if kind in ("dropdown", "radio"):
            choices = props.get("choices") or [None]
            first = choices[0]
            first = first[1] if isinstance(first, list) and len(first) > 1 else first
            return [first] if props.get("multiselect") else first
        if kind in ("checkboxgroup", "chatbot", "gallery"):
            return []
        return None

    def file(self, sample, kind, props):
        if sample == "file":
            wanted = " ".join(str(part) for part in props.get("file_types") or []) + " " + str(props.get("label") or "")
            sample = next((name for name in ("image", "audio", "video", "pdf", "csv") if name in wanted.lower()), "text")
        name, data = self.server.sample(sample)
        encoded = "data:%s;base64,%s" % (media_type(name), base64.b64encode(data).decode("ascii"))
        several = props.get("file_count") in ("multiple", "directory")
        if self.major < 4:
            if kind == "image":
                return {"image": encoded, "mask": encoded} if props.get("tool") == "sketch" else encoded
            given = {"name": name, "data": encoded, "size": len(data), "is_file": False}
            return [given] if several else given
        paths = self.server.post_form("POST", self.prefix + "/upload", [("files", data, name)], True).json()
        given = {"path": paths[0], "orig_name": name, "size": len(data), "mime_type": media_type(name), "meta": {"_type": "gradio.FileData"}}
        if kind == "imageeditor":
            return {"background": given, "layers": [], "composite": given}
        if kind == "video" and self.major < 5:
            return {"video": given, "subtitles": None}
        return [given] if several else given

    def example(self, inputs, data):
        """Puts in the words and numbers of the page's own first example."""
        kinds = [self.kind(number) for number in inputs]
        for part in self.config.get("components", []):
            props = part.get("props", {})
            samples = props.get("samples") or []
            named = list(props.get("components") or [])
            if part.get("type") != "dataset" or not samples or len(named) > len(kinds):
                continue
            if named != kinds[: len(named)]:
                continue
            for at, value in enumerate(samples[0][: len(named)]):
                if kinds[at] in ("textbox", "number", "slider", "dropdown", "radio", "checkbox") and value is not None:
                    data[at] = value
            return

    def call(self, index, data):
        protocol = str(self.config.get("protocol") or "")
        body = {"data": data, "fn_index": index, "session_hash": self.session}
        if self.major < 4:
            path = "/api/predict/" if self.major < 3 else "/run/predict"
            answer = self.server.post_json(path, body)
            return answer.status, answer.text()
        if protocol == "sse":
            path = self.prefix + "/queue/join?" + urllib.parse.urlencode({"fn_index": index, "session_hash": self.session})
        else:
            joined = self.server.post_json(self.prefix + "/queue/join", body)
            if joined.status != 200:
                return joined.status, joined.text()
            path = self.prefix + "/queue/data?" + urllib.parse.urlencode({"session_hash": self.session})
        connection = self.server.connect()
        try:
            connection.request("GET", path, headers={"Accept": "text/event-stream"})
            events = connection.getresponse()
            if events.status != 200:
                return events.status, events.read(4096).decode("utf-8", "replace")
            while time.time() < self.server.deadline:
                line = events.readline()
                if not line:
                    break
                if not line.startswith(b"data:"):
                    continue
                event = json.loads(line[5:].decode("utf-8", "replace"))
                if event.get("msg") == "send_data":
                    self.server.post_json(self.prefix + "/queue/data", dict(body, event_id=event.get("event_id")))
                elif event.get("msg") == "process_completed":
                    return 200 if event.get("success") else 500, json.dumps(event.get("output"))
                elif event.get("msg") in ("unexpected_error", "queue_full"):
                    return 500, json.dumps(event)
        finally:
            connection.close()
        return 500, "the queue gave no result"


# ---- Streamlit ------------------------------------------------------------------------------------------


def streamlit(server, prefix):
    """Opens the page: its program runs once for every visitor, from top to bottom."""
    # A BackMsg whose field 11, `rerun_script`, is empty.
    key = base64.b64encode(os.urandom(16)).decode("ascii")
    peer = socket.create_connection((server.host, server.port), timeout=server.left())
    try:
        host = "%s:%d" % (server.host, server.port)
        lines = ["GET %s/stream HTTP/1.1" % prefix, "Host: " + host, "Origin: http://" + host, "Upgrade: websocket"]
        lines += ["Connection: Upgrade", "Sec-WebSocket-Key: " + key, "Sec-WebSocket-Version: 13"]
        lines += ["Sec-WebSocket-Protocol: streamlit", "", ""]
        peer.sendall("\r\n".join(lines).encode("ascii"))
        stream = peer.makefile("rb")
        status = int(stream.readline().split()[1])
        while stream.readline().strip():
            pass
        if status != 101:
            server.note("streamlit: the page", status, "")
            return
        def send(kind, data):
            mask = os.urandom(4)
            peer.sendall(bytes([kind, 0x80 | len(data)]) + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(data)))

        send(0x82, b"\x5a\x00")
        whole = b""
        while time.time() < server.deadline:
            head = stream.read(2)
            if len(head) < 2 or head[0] & 15 == 8:
                break
            length = head[1] & 127
            if length == 126:
                length = struct.unpack(">H", stream.read(2))[0]
            elif length == 127:
                length = struct.unpack(">Q", stream.read(8))[0]
            data = stream.read(length)
            if head[0] & 15 == 9:
                # A ping: whoever does not answer is dropped.
                send(0x8A, data)
                continue
            whole += data
            if head[0] & 128:
                if 6 in fields_of(whole):
                    server.note("streamlit: the page, run for one visitor", 200, "the program ran to its end")
                    return
                whole = b""
        server.note("streamlit: the page", 500, "the program did not come to its end")
    finally:
        peer.close()


def fields_of(message):
    """The numbers of a protobuf message's fields; `script_finished` of a ForwardMsg is 6."""
    found, at = set(), 0

    def number():
        nonlocal at
        value = shift = 0
        while at < len(message):
            byte = message[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                break
        return value

    while at < len(message):
        tag = number()
        found.add(tag >> 3)
        if tag & 7 == 0:
            number()
        elif tag & 7 == 2:
            # Reading the length moves `at`, too.
            length = number()
            at += length
        elif tag & 7 == 1:
            at += 8
        elif tag & 7 == 5:
            at += 4
        else:
            break
    return found


# ---- OpenAPI --------------------------------------------------------------------------------------------


class OpenApi(object):
    def __init__(self, server, description):
        self.server = server
        self.description = description

    def ask(self):
        operations = []
        for path, methods in self.description.get("paths", {}).items():
            for method, operation in methods.items():
                if method in ("get", "post", "put") and isinstance(operation, dict):
                    label = (path + " " + str(operation.get("operationId")) + " " + str(operation.get("summary"))).lower()
                    works = any(word in label for word in WORKING)
                    operations.append((not works, method != "post", path, method, operation))
        for unlikely, no_post, path, method, operation in sorted(operations, key=lambda one: one[:4]):
            if unlikely and no_post and not operation.get("parameters"):
                continue
            answer = self.call(path, method.upper(), operation)
            self.server.note("%s %s, as its OpenAPI description says" % (method.upper(), path), answer.status, answer.text())
            yield

    def call(self, path, method, operation):
        query = []
        for parameter in operation.get("parameters", []):
            parameter = self.follow(parameter)
            if parameter.get("in") == "path":
                value = self.value(parameter.get("name", ""), parameter.get("schema", {}), 0)
                path = path.replace("{%s}" % parameter.get("name"), urllib.parse.quote(str(value)))
            elif parameter.get("in") == "query" and parameter.get("required"):
                query.append((parameter["name"], self.value(parameter["name"], parameter.get("schema", {}), 0)))
        if query:
            path += "?" + urllib.parse.urlencode(query)
        content = self.follow(operation.get("requestBody", {})).get("content", {})
        if "multipart/form-data" in content or "application/x-www-form-urlencoded" in content:
            kind = "multipart/form-data" if "multipart/form-data" in content else "application/x-www-form-urlencoded"
            schema = self.follow(content[kind].get("schema", {}))
            fields = []
            for name, part in schema.get("properties", {}).items():
                part = self.follow(part)
                inner = self.follow(part.get("items", {})) if part.get("type") == "array" else part
                if inner.get("format") == "binary" or inner.get("contentMediaType"):
                    file, data = self.server.sample(kind_of_words(name + " " + path))
                    fields.append((name, data, file))
                elif name in schema.get("required", []):
                    fields.append((name, self.value(name, part, 0), None))
            return self.server.post_form(method, path, fields, kind.startswith("multipart"))
        if "application/json" in content:
            kind = content["application/json"]
            given = kind.get("example", self.value("", kind.get("schema", {}), 0))
            body = json.dumps(given).encode("utf-8")
            return self.server.request(method, path, body, {"Content-Type": "application/json"})
        return self.server.request(method, path)

    def follow(self, schema):
        for _ in range(8):
            reference = schema.get("$ref") if isinstance(schema, dict) else None
            if not reference:
                break
            schema = self.description
            for part in reference.lstrip("#/").split("/"):
                schema = schema.get(part, {})
        return schema if isinstance(schema, dict) else {}

    def value(self, name, schema, depth):
        schema = self.follow(schema)
        for key in ("example", "default"):
            if schema.get(key) is not None:
                return schema[key]
        if schema.get("examples"):
            return schema["examples"][0]
        if schema.get("enum"):
            return schema["enum"][0]
        for key in ("anyOf", "oneOf", "allOf"):
            if schema.get(key):
                return self.value(name, schema[key][0], depth + 1)
        kind = schema.get("type")
        if depth > 6:
            return None
        if kind == "object" or "properties" in schema:
            parts = schema.get("properties", {})
            return {key: self.value(key, part, depth + 1) for key, part in parts.items() if key in schema.get("required", parts)}
        if kind == "array":
            count = max(1, min(int(schema.get("minItems") or 1), 64))
            return [self.value(name, schema.get("items", {}), depth + 1)] * count
        if kind in ("integer", "number"):
            return schema.get("minimum", 1)
        if kind == "boolean":
            return False
        if kind == "null":
            return None
        if "base64" in name or "image" in name and kind == "string":
            return base64.b64encode(self.server.sample(kind_of_words(name))[1]).decode("ascii")
        return self.server.words(name)


def kind_of_words(words):
    words = words.lower()
    for kind, tokens in (
        ("audio", ("audio", "wav", "speech", "sound", "voice", "transcri", "asr")),
        ("video", ("video", "clip", "mp4")),
        ("pdf", ("pdf",)),
        ("csv", ("csv", "table", "dataset")),
        ("text", ("text", "txt")),
    ):
        if any(token in words for token in tokens):
            return kind
    return "image"


# ---- pages with a form ----------------------------------------------------------------------------------


class Forms(html.parser.HTMLParser):
    def __init__(self):
        html.parser.HTMLParser.__init__(self)
        self.forms = []
        self.select = None

    def handle_starttag(self, tag, attributes):
        given = {name: value or "" for name, value in attributes}
        if tag == "form":
            self.forms.append({"action": given.get("action", ""), "method": given.get("method", "get"), "type": given.get("enctype", ""), "fields": []})
        if not self.forms or not given.get("name") and tag in ("input", "textarea", "select"):
            return
        fields = self.forms[-1]["fields"]
        if tag == "input":
            kind = given.get("type", "text").lower()
            if kind in ("radio", "checkbox") and any(known["name"] == given["name"] for known in fields):
                return
            words = " ".join(given.get(key, "") for key in ("name", "id", "placeholder", "accept"))
            fields.append({"name": given["name"], "kind": kind, "value": given.get("value", ""), "words": words})
        elif tag == "textarea":
            fields.append({"name": given["name"], "kind": "text", "value": "", "words": given["name"] + given.get("placeholder", "")})
        elif tag == "select":
            self.select = {"name": given["name"], "kind": "select", "value": None, "words": ""}
            fields.append(self.select)
        elif tag == "option" and self.select is not None and self.select["value"] is None:
            self.select["value"] = given.get("value", "")


def forms(server, page):
    parser = Forms()
    parser.feed(page)
    found = [form for form in parser.forms if any(field["kind"] in ("file", "text", "number") for field in form["fields"])]
    for form in sorted(found, key=lambda form: not any(field["kind"] == "file" for field in form["fields"])):
        fields = []
        for field in form["fields"]:
            if field["kind"] == "file":
                name, data = server.sample(kind_of_words(field["words"] + " " + form["action"]))
                fields.append((field["name"], data, name))
            elif field["kind"] == "text":
                fields.append((field["name"], field["value"] or server.words(field["words"]), None))
            elif field["kind"] == "number":
                fields.append((field["name"], field["value"] or "1", None))
            elif field["kind"] in ("email", "password", "search", "url", "button", "reset", "image"):
                continue
            else:
                fields.append((field["name"], field["value"] or "on", None))
        method = form["method"].upper()
        path = urllib.parse.urljoin("/", form["action"] or "/")
        if "://" in path:
            continue
        multipart = "multipart" in form["type"] or any(file for _, _, file in fields)
        answer = server.post_form(method, path, fields, multipart and method != "GET")
        for _ in range(4):
            if answer.status not in (301, 302, 303, 307, 308) or not answer.location:
                break
            answer = server.request("GET", urllib.parse.urlparse(answer.location)._replace(scheme="", netloc="").geturl())
        server.note("%s %s, the form of its page" % (method, path), answer.status, answer.text())
        yield


# ---- the visit ------------------------------------------------------------------------------------------


# How the kernel writes 127.0.0.1 and ::1.
LOOPBACK = ("0100007F", "00000000000000000000000001000000")


def listening():
    """Ports of this network namespace on which somebody listens, lowest first, with their addresses; without the engine's own
    name server."""
    ports = {}
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            with open(table) as source:
                lines = source.read().splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            parts = line.split()
            address, _, port = parts[1].rpartition(":")
            if parts[3] == "0A" and address != "0B00007F":
                ports.setdefault(int(port, 16), []).append(address)
    return sorted(ports.items())


def host_of(addresses):
    """Where to reach a server that listens on these: programs that look up their own name listen on nothing else."""
    for address in addresses:
        if len(address) == 8 and int(address, 16) and address not in LOOPBACK:
            return socket.inet_ntoa(bytes.fromhex(address)[::-1])
    return "::1" if addresses == [LOOPBACK[1]] else "127.0.0.1"


def first_answer(host, port, config, deadline):
    server = Server(host, port, config, deadline)
    server.since = time.time()
    try:
        return server, server.request("GET", "/", patience=20)
    except (OSError, http.client.HTTPException):
        return server, None


def wait(config, deadline):
    """The first server that answers, and its page. One that has trouble with its first page for long is asked all the same."""
    troubled = {}
    while time.time() < deadline:
        for port, addresses in listening():
            server, page = first_answer(host_of(addresses), port, config, deadline)
            server.loopback = all(address in LOOPBACK for address in addresses)
            if page is not None and (page.status < 500 or time.time() - troubled.setdefault(port, time.time()) > 15):
                return server, page
        time.sleep(0.5)
    return None, None


def questions(server, page):
    """Asks one question after the other, the likeliest first."""
    for step in documented(server):
        yield
    config = server.get_json("/config")
    if isinstance(config, dict) and ("dependencies" in config or "input_components" in config):
        for step in Gradio(server, config).ask():
            yield
        return
    for prefix, health in (("/_stcore", "/_stcore/health"), ("", "/healthz")):
        try:
            answer = server.request("GET", health, patience=30)
        except (OSError, http.client.HTTPException):
            continue
        if answer.status == 200 and answer.text().strip() == "ok":
            streamlit(server, prefix)
            yield
            return
    description = server.get_json("/openapi.json")
    if isinstance(description, dict) and "paths" in description:
        for step in OpenApi(server, description).ask():
            yield
    if "html" in page.type:
        for step in forms(server, page.text()):
            yield


def calls_into_models(records):
    """How many calls the probe has written down so far, in all processes."""
    calls = 0
    for path in glob.glob(os.path.join(records, "*.json")):
        try:
            with open(path, "rb") as source:
                frameworks = json.loads(source.read(1 << 20).decode("utf-8", "replace")).get("frameworks", {})
            calls += sum(framework.get("calls", 0) + framework.get("fits", 0) for framework in frameworks.values())
        except (OSError, ValueError, AttributeError):
            continue
    return calls


def end_all():
    """Asks every other process of the container to end, as Ctrl-C would; none of the host's, should these be in sight."""

    def group(name):
        with open("/proc/%s/cgroup" % name, "rb") as source:
            return source.read()

    for name in os.listdir("/proc"):
        if name.isdigit() and int(name) not in (os.getpid(), os.getppid()):
            try:
                if group(name) == group("self"):
                    os.kill(int(name), signal.SIGINT)
            except OSError:
                pass


def visit(config):
    deadline = time.time() + config["seconds"]
    server, page = wait(config, deadline)
    if server is None:
        return {"port": None, "page": None, "asked": [], "trouble": None}
    trouble = None
    before = calls_into_models(config["records"])
    try:
        for count, _ in enumerate(questions(server, page)):
            calls = calls_into_models(config["records"])
            answered = server.asked and server.asked[-1]["status"] < 400
            if calls > before or calls and answered or count >= MOST or time.time() > deadline:
                break
    except Exception as error:
        trouble = "%s: %s" % (type(error).__name__, str(error)[:200])
    return {
        "port": server.port,
        "loopback": server.loopback,
        "page": page.status,
        "asked": server.asked,
        "since": server.since,
        "trouble": trouble,
    }


if __name__ == "__main__":
    try:
        print(json.dumps(visit(json.loads(sys.argv[1]))))
        sys.stdout.flush()
    finally:
        end_all()
