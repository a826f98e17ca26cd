"""Makes fixtures/ and corpus/: what the fuzz targets start from.

Run by hand: python3 fuzz/make_corpus.py
Needs OpenSSL before 3.2, whose `x509 -req` makes certificates of version 1, and the clients of Mosquitto, whose packets
are caught. The keys are new each time and are thrown away, so that nobody can sign anything more.
"""

import base64
import hashlib
import hmac
import json
import pathlib
import shutil
import socket
import struct
import subprocess
import tempfile
import threading

FUZZ = pathlib.Path(__file__).resolve().parent
CORPUS = FUZZ / "corpus"
FIXTURES = FUZZ / "fixtures"
CODE = "5a" * 32
ARN = "arn:aws:iot:us-east-1:000000000000:"


def seed(target, name, content):
    path = CORPUS / target / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)


def chunk(content):
    return struct.pack(">H", len(content)) + content


# Certificates.

CA_EXTENSIONS = ("basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\n"
                 "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n")
DEVICE_EXTENSIONS = ("basicConstraints=CA:FALSE\nkeyUsage=digitalSignature\nextendedKeyUsage=clientAuth\n"
                     "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n")
DEVICE = "/CN={}/O=Acme Inc/serialNumber=1234-5678-9123/title=iot/generationQualifier=smart-sensor"
P256 = ["ecparam", "-genkey", "-name", "prime256v1", "-noout"]
RSA = ["genrsa"]


class Lab:
    """A directory in which OpenSSL makes keys and certificates."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)

    def openssl(self, *arguments):
        subprocess.run(["openssl", *arguments], cwd=self.directory, check=True, capture_output=True)

    def der(self, name):
        return subprocess.run(["openssl", "x509", "-in", f"{name}.pem", "-outform", "DER"], cwd=self.directory,
                              check=True, capture_output=True).stdout

    def pem(self, name):
        return (self.directory / f"{name}.pem").read_bytes()

    def key(self, name, kind):
        size = ["2048"] if kind is RSA else []
        self.openssl(*kind, "-out", f"{name}.key", *size)

    def ca(self, name, subject, kind):
        self.key(name, kind)
        config = f"[req]\ndistinguished_name=dn\nx509_extensions=ext\n[dn]\n[ext]\n{CA_EXTENSIONS}"
        (self.directory / "req.cnf").write_text(config)
        self.openssl("req", "-x509", "-new", "-key", f"{name}.key", "-config", "req.cnf", "-subj", subject,
                     "-sha256", "-days", "7300", "-out", f"{name}.pem")

    def sign(self, name, subject, ca, kind, extensions=None, digest="-sha256", days="3650"):
        """Without extensions the certificate is of version 1."""
        self.key(name, kind)
        (self.directory / "csr.cnf").write_text("[req]\ndistinguished_name=dn\nutf8=yes\n[dn]\n")
        self.openssl("req", "-new", "-key", f"{name}.key", "-config", "csr.cnf", "-utf8", "-subj", subject,
                     "-out", f"{name}.csr")
        options = []
        if extensions:
            (self.directory / "ext.cnf").write_text(extensions)
            options = ["-extfile", "ext.cnf"]
        self.openssl("x509", "-req", "-in", f"{name}.csr", "-CA", f"{ca}.pem", "-CAkey", f"{ca}.key",
                     "-CAcreateserial", "-out", f"{name}.pem", "-days", days, digest, *options)

    def request(self, name, subject, *options, form="DER"):
        (self.directory / "csr.cnf").write_text("[req]\ndistinguished_name=dn\nutf8=yes\n[dn]\n")
        self.openssl("req", "-new", "-key", f"{name}.key", "-config", "csr.cnf", "-utf8", "-subj", subject,
                     "-outform", form, "-out", "request", *options)
        return (self.directory / "request").read_bytes()


def rewritten_signature(der):
    """The same certificate with the other signature that anybody can make of an elliptic curve signature."""
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551

    def read(content, at):
        length, start = content[at + 1], at + 2
        if length & 0x80:
            count = length & 0x7F
            length, start = int.from_bytes(content[start:start + count], "big"), start + count
        return start, start + length

    def write(tag, content):
        length = len(content)
        head = bytes([length]) if length < 128 else bytes([0x80 | (length.bit_length() + 7) // 8]) + \
            length.to_bytes((length.bit_length() + 7) // 8, "big")
        return bytes([tag]) + head + content

    def integer(number):
        return write(2, number.to_bytes(number.bit_length() // 8 + 1, "big"))

    start, end = read(der, 0)
    parts, at = [], start
    while at < end:
        inner, after = read(der, at)
        parts.append((der[at:after], der[inner:after]))
        at = after
    signed, algorithm, (_, bits) = parts
    inner, _ = read(bits, 1)
    r_start, r_end = read(bits, inner)
    s_start, s_end = read(bits, r_end)
    r, s = (int.from_bytes(bits[a:b], "big") for a, b in ((r_start, r_end), (s_start, s_end)))
    signature = write(0x30, integer(r) + integer(order - s))
    return write(0x30, signed[0] + algorithm[0] + write(3, b"\0" + signature))


def certificates(lab):
    lab.ca("ca-p256", "/C=FR/O=Acme/CN=fuzz P-256", P256)
    lab.ca("ca-rsa", "/C=FR/O=Acme/CN=fuzz RSA", RSA)
    lab.ca("stranger", "/C=FR/O=Acme/CN=fuzz P-256", P256)
    for kind, name in ((P256, "p256"), (RSA, "rsa")):
        lab.sign(f"device-{name}-v1", DEVICE.format("device-1"), f"ca-{name}", kind)
        lab.sign(f"device-{name}-v3", DEVICE.format("device-3"), f"ca-{name}", kind, DEVICE_EXTENSIONS)
        lab.sign(f"verification-{name}-v1", f"/CN={CODE}", f"ca-{name}", kind)
        lab.sign(f"verification-{name}-v3", f"/CN={CODE}", f"ca-{name}", kind, DEVICE_EXTENSIONS)
    lab.sign("intermediate", "/O=Acme/CN=fuzz intermediate", "ca-p256", P256,
             CA_EXTENSIONS.replace("CA:TRUE", "CA:TRUE,pathlen:0"))
    lab.sign("device-below-intermediate", DEVICE.format("device-5"), "intermediate", P256, DEVICE_EXTENSIONS)
    fixtures = ["ca-p256", "ca-rsa", "intermediate", "device-below-intermediate"]
    fixtures += [f"{what}-{kind}-{version}" for what in ("device", "verification") for kind in ("p256", "rsa")
                 for version in ("v1", "v3")]
    FIXTURES.mkdir()
    for name in fixtures:
        (FIXTURES / f"{name}.der").write_bytes(lab.der(name))

    # Certificates that must not verify.
    lab.sign("stranger-v1", DEVICE.format("device-1"), "stranger", P256)
    lab.sign("stranger-v3", DEVICE.format("device-3"), "stranger", P256,
             DEVICE_EXTENSIONS.replace("authorityKeyIdentifier=keyid\n", ""))
    lab.sign("for-servers", DEVICE.format("device-6"), "ca-p256", P256,
             DEVICE_EXTENSIONS.replace("clientAuth", "serverAuth"))
    lab.sign("with-sha1", DEVICE.format("device-7"), "ca-rsa", P256, None, "-sha1")
    lab.sign("below-device", DEVICE.format("device-8"), "device-p256-v3", P256, DEVICE_EXTENSIONS)
    lab.sign("wrong-code", "/CN=" + "a5" * 32, "ca-p256", P256)
    lab.sign("many-names", "/CN=a/CN=b/O=Zürich/OU=+/OU=#/OU=é*/L=New York/ST=WA/street=1st/emailAddress=a@b.c",
             "ca-p256", P256, "subjectAltName=DNS:a.b,IP:127.0.0.1,URI:urn:x\nnameConstraints=permitted;DNS:a\n"
             "basicConstraints=CA:TRUE,pathlen:3\nextendedKeyUsage=clientAuth,serverAuth,1.2.3.4\n")

    def chain(name, *parts, moment=1):
        ders = [part if isinstance(part, bytes) else lab.der(part) for part in parts]
        seed("chain", name, bytes([moment]) + b"".join(map(chunk, ders)))

    for kind in ("p256", "rsa"):
        for version in ("v1", "v3"):
            device = f"device-{kind}-{version}"
            chain(f"{kind}-{version}", device)
            chain(f"{kind}-{version}-with-ca", device, f"ca-{kind}", moment=0xF0)
            chain(f"{kind}-{version}-too-late", device, moment=0xF3)
            if kind == "p256":
                chain(f"{kind}-{version}-other-signature", rewritten_signature(lab.der(device)))
    chain("below-intermediate", "device-below-intermediate", "intermediate")
    chain("below-intermediate-whole", "device-below-intermediate", "ca-rsa", "intermediate", "ca-p256", moment=0xF2)
    chain("intermediate-missing", "device-below-intermediate")
    chain("ca-as-device", "ca-p256")
    chain("too-many", *["device-p256-v3"] * 7)
    for name in ("stranger-v1", "stranger-v3", "for-servers", "with-sha1"):
        chain(name, name)
    chain("stranger-with-ca", "stranger-v3", "stranger")
    chain("below-device", "below-device", "device-p256-v3")

    def possession(name, ca, verification, moment=1, form=lab.der):
        seed("possession", name, bytes([moment]) + chunk(form(ca)) + chunk(form(verification)))

    for kind in ("p256", "rsa"):
        for version in ("v1", "v3"):
            possession(f"{kind}-{version}", f"ca-{kind}", f"verification-{kind}-{version}")
            possession(f"{kind}-{version}-pem", f"ca-{kind}", f"verification-{kind}-{version}", form=lab.pem)
    possession("other-ca", "ca-rsa", "verification-p256-v1")
    possession("stranger", "stranger", "verification-p256-v1")
    possession("wrong-code", "ca-p256", "wrong-code")
    possession("too-late", "ca-p256", "verification-p256-v1", moment=0xF3)
    possession("no-ca", "device-p256-v3", "below-device")

    for name in ("ca-rsa", "device-p256-v1", "device-p256-v3", "intermediate", "many-names", "with-sha1"):
        seed("certificate", f"{name}.der", lab.der(name))
    seed("certificate", "one.pem", lab.pem("device-p256-v1"))
    seed("certificate", "bundle.pem", b"Subject: CN=x\n" + lab.pem("device-p256-v3") + lab.pem("ca-p256"))
    with_crlf = lab.pem("device-p256-v1").replace(b"\n", b"\r\n")
    seed("certificate", "csr-and-crlf.pem", (lab.directory / "device-p256-v1.csr").read_bytes() + with_crlf)


def certificate_requests(lab):
    p384 = ["ecparam", "-genkey", "-name", "secp384r1", "-noout"]
    for name, kind, subject in (("p256", P256, DEVICE.format("device-1")), ("rsa", RSA, DEVICE.format("device-2")),
                                ("p384", p384, "/O=Zürich/CN=device-3")):
        lab.key(name, kind)
        request = lab.request(name, subject)
        (FIXTURES / f"request-{name}.der").write_bytes(request)
        seed("certificate_request", f"{name}.der", request)
    seed("certificate_request", "one.pem", b"text\n" + lab.request("p256", DEVICE.format("device-1"), form="PEM"))
    attributes = ["-addext", "subjectAltName=DNS:a.b", "-addext", "basicConstraints=CA:TRUE"]
    seed("certificate_request", "attributes.der", lab.request("p256", DEVICE.format("device-1"), *attributes))

    # Requests that are refused.
    seed("certificate_request", "with-sha1.der", lab.request("rsa", "/CN=device-4", "-sha1"))
    seed("certificate_request", "no-subject.der", lab.request("p256", "/"))
    for name, key in (("small", ["genrsa", "-out", "small.key", "1024"]),
                      ("ed25519", ["genpkey", "-algorithm", "ed25519", "-out", "ed25519.key"])):
        lab.openssl(*key)
        seed("certificate_request", f"{name}.der", lab.request(name, "/CN=device-4"))


# MQTT.

def caught(*command):
    """What a client of Mosquitto sends when it is answered."""
    is_v5 = "mqttv5" in command
    server = socket.create_server(("127.0.0.1", 0))
    sent = bytearray()

    def serve():
        connection, _ = server.accept()
        with connection:
            connection.settimeout(2)
            try:
                while packet := connection.recv(4096):
                    sent.extend(packet)
                    kind = packet[0] >> 4
                    if kind == 1:
                        connection.sendall(b"\x20\x03\0\0\0" if is_v5 else b"\x20\x02\0\0")
                    elif kind == 3:
                        at = 4 + packet[3]
                        connection.sendall(b"\x40\x02" + packet[at:at + 2])
                    elif kind == 8:
                        empty = b"\0" if is_v5 else b""
                        connection.sendall(b"\x90" + bytes([3 + len(empty)]) + packet[2:4] + empty + b"\x01")
                        connection.sendall(b"\x30\x06\0\1t" + (b"\0hi" if is_v5 else b"hi!"))
            except TimeoutError:
                pass

    thread = threading.Thread(target=serve)
    thread.start()
    subprocess.run([command[0], "-p", str(server.getsockname()[1]), *command[1:]], timeout=20, check=True,
                   capture_output=True)
    thread.join()
    server.close()
    return bytes(sent)


def packet(kind, *parts):
    body = b"".join(parts)
    length, rest = b"", len(body)
    while True:
        byte, rest = rest & 0x7F, rest >> 7
        length += bytes([byte | (0x80 if rest else 0)])
        if not rest:
            return bytes([kind]) + length + body


def text(value):
    return chunk(value.encode())


def connect(level, flags=2, properties=b"", keep_alive=60, client_id="device", rest=b""):
    props = bytes([len(properties)]) + properties if level == 5 else b""
    head = text("MQTT") + bytes([level, flags]) + struct.pack(">H", keep_alive)
    return packet(0x10, head, props, text(client_id), rest)


def publish(level, qos, topic, payload, properties=b"", packet_id=7):
    props = bytes([len(properties)]) + properties if level == 5 else b""
    number = struct.pack(">H", packet_id) if qos else b""
    return packet(0x30 | qos << 1, text(topic), number, props, payload)


def number(value):
    return struct.pack(">H", value)


def sessions():
    receive = lambda *packets: b"r" + chunk(b"".join(packets))
    deliver = lambda qos, size: b"d" + bytes([qos, 1]) + number(size) + b"\0"
    answer = lambda count: b"a" + bytes([count])
    wait = lambda hundredths: b"t" + number(hundredths)
    send, leave = b"s", packet(0xE0)

    def session(name, *operations, settings=0, split=0):
        seed("mqtt_session", name, bytes([settings, split]) + b"".join(operations))

    for level, version in ((4, "311"), (5, "5")):
        props = b"\0" if level == 5 else b""
        subscribe = packet(0x82, number(1), props, text("device/+/x"), b"\x01", text("a/#"), b"\0")
        shared = packet(0x82, number(2), props, text("$share/g/a"), b"\0", text("b"), b"\x01")
        unsubscribe = packet(0xA2, number(3), props, text("a/#"))
        ack = packet(0x40, number(1))
        pub = lambda qos, n=7: publish(level, qos, "a/b", b"payload", packet_id=n)

        session(f"pub-{version}", receive(caught("mosquitto_pub", "-V", "mqttv5" if level == 5 else "mqttv311", "-i",
                "device", "-t", "a/b", "-m", "hello", "-q", "1", *(["-D", "publish", "user-property", "k", "v"]
                if level == 5 else []))), answer(9), send)
        sub = caught("mosquitto_sub", "-V", "mqttv5" if level == 5 else "mqttv311", "-i", "device", "-t", "t", "-q",
                     "1", "-C", "1")
        session(f"sub-{version}", receive(sub), answer(9), send)
        session(f"flow-{version}", receive(connect(level)), send, receive(subscribe, pub(0), pub(1)), answer(2), send,
                deliver(1, 10), deliver(0, 10), send, receive(ack, packet(0xC0), unsubscribe), answer(3), send,
                receive(leave), split=3)
        session(f"narrow-{version}", receive(connect(level)), *[deliver(1, 100)] * 8, *[deliver(0, 300)] * 4, send,
                receive(ack), deliver(1, 5000), send, receive(packet(0x40, number(2))), send, settings=1, split=1)
        session(f"receive-maximum-{version}", receive(connect(level), pub(1, 1), pub(1, 2), pub(1, 3), pub(1, 4)),
                answer(1), receive(packet(0xC0)), answer(9), send, settings=1)
        session(f"shared-{version}", receive(connect(level), shared, subscribe), answer(9), send)
        session(f"held-{version}", receive(connect(level), pub(0)), wait(2000), answer(1), send, settings=4)
        session(f"refused-{version}", receive(connect(level), pub(0)), send, settings=6)
        session(f"silent-{version}", receive(connect(level, keep_alive=30)), wait(4499), wait(2))
        session(f"will-{version}", receive(connect(level, flags=6, rest=props + text("w") + text("x"))), send)
        session(f"expiry-{version}", receive(connect(level)), *[b"d\1\1" + number(10) + b"\2"] * 6, wait(300), send,
                receive(ack, packet(0x40, number(2))), send, settings=1)
        session(f"many-events-{version}", receive(connect(level), *[pub(0)] * 80), send, b"x", send, split=2)
        session(f"pings-{version}", receive(connect(level), *[packet(0xC0)] * 700), send, settings=1)
        session(f"large-{version}", receive(connect(level), publish(level, 0, "a", b"." * 3000)), b"c")
    properties = b"\x11\0\0\0\x05" + b"\x21\0\2" + b"\x27\0\0\0\x40" + b"\x22\0\0" + b"\x26" + text("k") + text("v")
    session("properties", receive(connect(5, properties=properties, client_id="")), send, deliver(1, 20),
            deliver(1, 200), receive(publish(5, 1, "a", b"{}", b"\x01\x01\x02\0\0\0\x09\x03" + text("t") + b"\x08" +
                                             text("r") + b"\x09" + text("c") + b"\x26" + text("k") + text("v"))), send)
    session("mqtt-3.1", receive(packet(0x10, text("MQIsdp"), b"\x03\x02\0\x3c", text("d"))), send)
    session("truncated-connect", receive(b"\x10\x02\0\x04", packet(0xC0)), send)
    session("http", receive(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"), send)
    session("no-connect", wait(1001), send)

    def client(name, *operations, settings=0, split=0):
        seed("mqtt_client", name, bytes([settings, split]) + b"".join(operations))

    for level, version, settings in ((5, "5", 0), (4, "311", 1)):
        props = b"\0" if level == 5 else b""
        connack = packet(0x20, b"\0\0", props)
        use = b"p\1" + number(10) + b"p\0" + number(2) + b"s\3" + b"u\1"
        acks = packet(0x40, number(1)) + packet(0x90, number(2), props, b"\0\1\x80\0") + \
            packet(0xB0, number(3), props, b"\0\x11" if level == 5 else b"")
        client(f"flow-{version}", receive(connack), use, receive(acks, publish(level, 0, "a/b", b"x"),
               publish(level, 1, "a/b", b"y")), wait(6000), receive(packet(0xD0)), b"x", settings=settings, split=2)
        client(f"refused-{version}", receive(packet(0x20, b"\0\x05" if level == 4 else b"\0\x87", props)), use,
               settings=settings)
        client(f"dead-{version}", receive(connack), wait(6000), wait(6000), settings=settings)
        client(f"narrow-{version}", receive(connack), receive(publish(level, 1, "a", b"." * 400)),
               settings=settings | 4 | 8)
        client(f"many-{version}", receive(connack, *[publish(level, 1, "a", b"z", packet_id=n + 1)
               for n in range(70)]), settings=settings | 16)
        client(f"before-connack-{version}", receive(publish(level, 0, "a", b"z"), connack), settings=settings)
    limits = b"\x21\0\1" + b"\x27\0\0\1\0" + b"\x12" + text("assigned") + b"\x13\0\x0a" + b"\x1f" + text("why")
    client("limits", receive(packet(0x20, b"\0\0", bytes([len(limits)]), limits)), b"p\1" + number(10) + b"p\1" +
           number(10) + b"p\0" + number(400), wait(1000), settings=2)
    client("disconnected", receive(packet(0x20, b"\0\0\0"), packet(0xE0, b"\x98\x06\x1f" + text("bye"))))


# What is text.

def topics():
    seed("topic", "examples", "\n".join([
        "sport/tennis/player1", "sport/tennis/player1/#", "sport/tennis/player1/ranking", "sport/#", "sport", "#", "+",
        "+/+", "/finance", "/+", "sport/+", "sport/", "sport/tennis/+", "$SYS/#", "$SYS/monitor/Clients",
        "$SYS/monitor/+", "+/monitor/Clients", "a//b", "a/+/b", "//", "ü/ü", "ü/+"]))
    seed("topic", "reserved", "\n".join([
        "$aws/things/thing-1/shadow/update", "$aws/things/+/shadow/#", "$aws/events/certificates/registered/00",
        "$aws/events/#", "$aws/2/3/4/5/6/7/8/9/10/11/12", "$aws/2/3/4/5/6/7/8/9/10/11/12/13", "$aws", "$aws/#"]))
    seed("topic", "limits", "\n".join([
        "1/2/3/4/5/6/7/8", "1/2/3/4/5/6/7/8/9", "+/+/+/+/+/+/+/+", "1/#", "x" * 256, "x" * 257, "a\0b", "a+", "a/#/b",
        "$share/g/a/+", "$share/g/a/b", "$share/g", "$share//a", "$share", "$share/+/a", "$share/g/$share/g/a"]))


def policies():
    thing = "${iot:Connection.Thing.ThingName}"
    core = "${iot:Certificate.Subject.CommonName}"
    device = [
        {"Effect": "Allow", "Action": ["iot:Connect"], "Resource": [f"{ARN}client/{thing}"],
         "Condition": {"Bool": {"iot:Connection.Thing.IsAttached": ["true"]}}},
        {"Effect": "Allow", "Action": ["iot:Subscribe"],
         "Resource": [f"{ARN}topicfilter/device/{thing}", f"{ARN}topicfilter/device/{thing}/*"]},
        {"Effect": "Allow", "Action": ["iot:Receive", "iot:Publish"],
         "Resource": [f"{ARN}topic/device/{thing}", f"{ARN}topic/device/{thing}/*"]},
        {"Effect": "Allow", "Action": ["iot:GetThingShadow"], "Resource": [f"{ARN}thing/{thing}"]}]
    greengrass = [
        {"Effect": "Allow", "Action": "iot:Connect", "Resource": [f"{ARN}client/{core}", f"{ARN}client/{core}-*"]},
        {"Effect": "Allow", "Action": ["iot:Receive", "iot:Publish"],
         "Resource": [f"{ARN}topic/$aws/things/{core}-*/*", f"{ARN}topic/greengrass/{core}/*"]},
        {"Effect": "Allow", "Action": ["greengrass:*"], "Resource": ["*"]}]
    documents = {
        "device": {"Version": "2012-10-17", "Statement": device},
        "greengrass": {"Version": "2012-10-17", "Statement": greengrass},
        "everything": {"Version": "2012-10-17", "Id": "x",
                       "Statement": {"Sid": "1", "Effect": "Allow", "Action": "*", "Resource": "*"}},
        "denial": {"Statement": [
            {"Effect": "Allow", "Action": "iot:*", "Resource": "*"},
            {"Effect": "Deny", "Action": ["iot:Publish", "iot:re*"], "Resource": f"{ARN}topic/device/thing-?/da*"},
            {"Effect": "Deny", "Action": "iot:Connect", "Resource": f"{ARN}client/${{iot:ClientId}}",
             "Condition": {"Bool": {"iot:Connection.Thing.IsAttached": False}}}]},
        "old": {"Version": "2008-10-17",
                "Statement": [{"Effect": "Allow", "Action": "iot:Subscribe",
                               "Resource": f"{ARN}topicfilter/${{iot:Connection.Thing.ThingTypeName}}/#"}]},
    }
    for name, document in documents.items():
        seed("policy_document", f"{name}.json", json.dumps(document, indent=1 if name == "device" else None))

    bool_twice = ',"Condition":{"Bool":{"iot:Connection.Thing.IsAttached":true},"Bool":{}}}]}'
    seed("policy_document", "member-twice.json", json.dumps({"Statement": device[1:2]})[:-3] + bool_twice)

    def decision(name, *lines):
        seed("policy_decision", name, "\n".join(lines))

    decision("own-topics", f"device/{thing}/*", "device/thing-1/data", "thing-1", "", "thing-1", "sensor")
    decision("other-topics", f"device/{thing}/*", "device/thing-2/data", "thing-1", "", "thing-1", "sensor")
    decision("not-attached", f"device/{thing}/*", "device/thing-1/data", "thing-1", "", "thing-2", "")
    decision("core", f"$aws/things/{core}-*/*", "$aws/things/core-1-x/y", "c", "core-1", "", "")
    decision("wild-client", "a/${iot:ClientId}", "a/b", "*", "*", "", "")
    decision("wild-client-itself", "a/${iot:ClientId}/?", "a/*/b", "*", "?", "", "")
    decision("backtracking", "*a*b*?c", "aaabbbababcabc", "x", "", "", "")
    decision("type", "${iot:Connection.Thing.ThingTypeName}/$x$", "sensor/$x$", "t", "", "t", "sensor")
    decision("unicode", "ü?*", "üéx", "ü", "", "", "")
    decision("unclosed", "a/${iot:ClientId", "a/b", "b", "", "", "")


def subjects():
    for name, content in {
        "slashes": "/C=FR/O=Acme, Inc/CN=a=b", "commas": "C=FR, O=Acme Inc , CN = root",
        "escapes": r"O=Acme\, Inc,OU=a,OU=b\+c", "quotes": 'O="Acme, Inc+", CN=x', "spaces": r"CN=a\ ",
        "numbers": "2.5.4.44=x1, title=iot, serialnumber=42", "unicode": "CN=Zürich,emailAddress=me@example.com",
        "multi-valued": "CN=a+OU=b", "empty": "/CN=", "quote-open": 'CN="a',
    }.items():
        seed("subject", name, content)

    device = """# The configuration of a device's certificate.
[req]
default_bits = 2048
prompt = no
distinguished_name = dn   # the subject
req_extensions = req_ext

[ dn ]
serialNumber = 0123-4567-8901
C=US
localityName = Seattle
O = "Acme, Inc. #1"
0.OU = Acme Unit
1.OU = Acme \\
       Unit 2
commonName = thing-0123-4567-8901
title = iot
generationQualifier = smart-sensor
emailAddress = me@example.com

[req_ext]
subjectAltName = $ENV::SAN
"""
    prompts = """[req]
distinguished_name = req_distinguished_name
[req_distinguished_name]
countryName = Country Name (2 letter code)
countryName_default = AU
countryName_min = 2
countryName_max = 2
0.organizationName = Organization
0.organizationName_default = Widgets Pty
commonName = Common Name
commonName_value = device
"""
    oids = """oid_section = new_oids
[new_oids]
product = 1.2.3.4.5
[req]
prompt = no
distinguished_name = dn
[dn]
product = x\\ty
CN = 'a b' \\#1
dn::O = "  kept  "
"""
    for name, content in {"device": device, "prompts": prompts, "oids": oids.replace("\\t", ""),
                          "tab": oids, "include": ".include other.cnf\n" + device,
                          "crlf": device.replace("\n", "\r\n"), "no-section": "[req]\ndistinguished_name=x\n"}.items():
        seed("openssl_config", f"{name}.cnf", content)


def requests():
    captured = json.loads((FUZZ.parent / "crates/api/tests/data/signatures.json").read_text())
    for entry in captured["requests"]:
        target = entry["path"] + ("?" + entry["query"] if entry["query"] else "")
        head = [f"{entry['method']} {target} HTTP/1.1"] + [f"{name}: {value}" for name, value in entry["headers"]]
        content = "\r\n".join(head).encode() + b"\r\n\r\n" + bytes.fromhex(entry["bodyHex"])
        seed("api_signature", f"{entry['name']}.http", content)
        seed("api_request", f"{entry['name']}.http", content)

        if entry["name"] == "no-parameters":
            unsigned = content.replace(b"\r\n\r\n", b"\r\nX-Amz-Target: x\r\nX-Amzn-Trace-Id: y\r\n\r\n")
            seed("api_signature", "unsigned-header.http", unsigned)

    # botocore never sends a comma in a header, which is where several fields of one name and one field meet.
    headers = {"host": "localhost:4080", "x-amz-date": "20260102T030405Z", "x-amzn-client-token": "a,b"}
    names, payload = ";".join(headers), b'{"Name": "g"}'
    canonical = "POST\n/greengrass/groups\n\n" + "".join(f"{name}:{value}\n" for name, value in headers.items()) + \
        f"\n{names}\n{hashlib.sha256(payload).hexdigest()}"
    scope = ["20260102", captured["region"], "greengrass", "aws4_request"]
    string = "\n".join(["AWS4-HMAC-SHA256", headers["x-amz-date"], "/".join(scope),
                        hashlib.sha256(canonical.encode()).hexdigest()])
    key = b"AWS4" + captured["secretAccessKey"].encode()
    for part in [*scope, string]:
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    credential = "/".join([captured["accessKeyId"], *scope])
    authorization = f"AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders={names}, Signature={key.hex()}"
    head = ["POST /greengrass/groups HTTP/1.1", *[f"{name}: {value}" for name, value in headers.items()],
            f"Authorization: {authorization}"]
    with_comma = "\r\n".join(head).encode() + b"\r\n\r\n" + payload
    seed("api_signature", "header-with-comma.http", with_comma)
    field = b"x-amzn-client-token: "
    seed("api_signature", "header-split-at-comma.http",
         with_comma.replace(field + b"a,b", field + b"a\r\n" + field + b"b"))

    certificate = "ab" * 32
    for name, line, body in [
        ("describe-ca", f"GET /cacertificate/{certificate}", ""),
        ("list-ca", "GET /cacertificates?pageSize=10&isAscendingOrder=true&marker=AQ%3D%3D", ""),
        ("register-ca", "POST /cacertificate?setAsActive=true", json.dumps(
            {"caCertificate": "-----BEGIN", "verificationCertificate": "-----BEGIN", "tags": [{"Key": "k", "Value": "v"}],
             "registrationConfig": {"templateBody": "{}", "roleArn": "arn:aws:iam::000000000000:role/jitr"},
             "certificateMode": "DEFAULT"})),
        ("update-ca", f"PUT /cacertificate/{certificate}?newStatus=ACTIVE&newAutoRegistrationStatus=ENABLE", json.dumps(
            {"registrationConfig": {"roleArn": "arn:aws:iam::000000000000:role/jitr"}, "removeAutoRegistration": True})),
        ("describe-thing", "GET /things/thing-1", ""),
        ("describe-certificate", f"GET /certificates/{certificate}", ""),
        ("list-certificates", "GET /certificates?pageSize=250&isAscendingOrder=false", ""),
        ("get-policy", "GET /policies/iot-access-policy", ""),
        ("dot", "GET /policies/.", ""),
        ("dots", "GET /policies/..", ""),
        ("encoded-dots", "GET /policies/%2E%2E", ""),
        ("list-thing-principals", "GET /things/thing-1/principals?maxResults=250", ""),
        ("list-things", "GET /things?thingTypeName=sensor&maxResults=25&usePrefixAttributeValue=false", ""),
        ("caller-identity", "GET /?Action=GetCallerIdentity&Version=2011-06-15", ""),
        ("create-thing", "POST /things/thing-1", json.dumps(
            {"thingTypeName": "sensor", "attributePayload": {"attributes": {"a": "b"}, "merge": False}})),
        ("create-rule", "POST /rules/r", json.dumps(
            {"sql": "SELECT * FROM 'a'", "actions": [{"lambda": {"functionArn": "arn:aws:lambda:x"}},
             {"republish": {"roleArn": "arn:aws:iam::1:role/r", "topic": "t", "qos": 1,
              "headers": {"userProperties": [{"key": "k", "value": "v"}]}}}], "ruleDisabled": None})),
        ("create-job", "PUT /jobs/j", json.dumps(
            {"targets": ["arn:aws:iot:us-east-1:000000000000:thing/t"], "presignedUrlConfig": {"expiresInSec": 60},
             "jobExecutionsRolloutConfig": {"exponentialRate": {"baseRatePerMinute": 1, "incrementFactor": 1.5,
              "rateIncreaseCriteria": {"numberOfNotifiedThings": 1}}},
             "schedulingConfig": {"startTime": "2026-01-02 03:04"}})),
        ("invoke", "POST /2015-03-31/functions/f/invocations?Qualifier=1", '{"a": [1, null, 1e3]}'),
        ("list-metrics", "GET /metric-values?thingName=t&metricName=m&startTime=2026-01-02T03:04:05Z&endTime=0", ""),
    ]:
        seed("api_request", f"{name}.http", f"{line} HTTP/1.1\nHost: localhost:4080\nX-Amz-Date: 20260102T030405Z\n\n{body}")


def page_tokens():
    def token(operation, filters, content):
        content = b"\x01" + content
        signed = b""
        filters = ",".join(f'"{name}":"{value}"' for name, value in filters)
        for part in (b"iot", operation.encode(), filters.encode(), content):
            signed += struct.pack(">Q", len(part)) + part
        tag = hmac.new(b"\x5a" * 32, signed, hashlib.sha256).digest()[:16]
        return base64.b64encode(content + tag).decode()

    def page(name, operation, filter_name, filter_value, given):
        seed("page_token", name, "\n".join([operation, filter_name, filter_value, given]))

    sensor = [("thingTypeName", "sensor")]
    row = token("ListThings", sensor, b"n" + struct.pack(">Q", 25))
    page("row", "ListThings", *sensor[0], row)
    page("text", "ListThings", *sensor[0], token("ListThings", sensor, b"tthing-25"))
    page("last", "ListCertificates", "ascendingOrder", "true",
         token("ListCertificates", [("ascendingOrder", "true")], b"n" + b"\xff" * 8))
    page("other-filter", "ListThings", "thingTypeName", "pump", row)
    page("other-list", "ListThingTypes", *sensor[0], row)
    page("made-up", "ListThings", *sensor[0], "AW4AAAAAAAAAGQ==")


def registrations():
    def device(name, **changes):
        fields = {"2.5.4.5": "1234-5678-9123", "2.5.4.12": "iot", "2.5.4.44": "smart-sensor", "2.5.4.3": "thing-1",
                  "2.5.4.10": "Acme", **{key.replace("_", "."): value for key, value in changes.items()}}
        seed("registration_plan", name, "\n".join(f"{oid}={value}" for oid, value in fields.items()))

    device("device")
    device("greengrass", **{"2.5.4.12": "greengrass"})
    device("spaces", **{"2.5.4.10": "Acme Inc", "1.2.840.113549.1.9.1": "me@example.com"})
    device("template", **{"2.5.4.5": "<%= certificate %>", "2.5.4.3": "${iot:ClientId}"})
    device("wild", **{"2.5.4.5": "a/+/#", "2.5.4.44": "*"})
    device("repeated", **{"2.5.4.11": "a\n2.5.4.11=b\n2.5.4.5=other", "1.2.3.4": "x"})
    device("own-names", **{"creation_id": "mine", "serial_number": "other", "common_name": "x"})
    device("long", **{"2.5.4.10": "x" * 801, "2.5.4.3": "y" * 128})
    device("many", **{f"1.2.3.{number}": "v" for number in range(45)})


def topic_rules():
    role = "arn:aws:iam::123456789012:role/rules"
    function = {"lambda": {"functionArn": "arn:aws:lambda:us-east-1:123456789012:function:jitr"}}
    http = {"http": {"url": "https://example.com/in/${topic(2)}", "confirmationUrl": "https://example.com/in/",
                     "headers": [{"key": "X-Device", "value": "${id}"}]}}
    republish = {"republish": {"roleArn": role, "topic": "out/${id}", "qos": 1, "headers": {
        "payloadFormatIndicator": "UTF8_DATA", "contentType": "a/b", "responseTopic": "answers/${id}",
        "correlationData": "${encode(id, 'base64')}", "messageExpiry": "60",
        "userProperties": [{"key": "k", "value": "${id}"}]}}}
    sqs = {"sqs": {"roleArn": role, "queueUrl": "http://127.0.0.1:5000/123456789012/queue", "useBase64": True}}
    dynamo_db = {"dynamoDB": {
        "roleArn": role, "tableName": "Table", "hashKeyField": "id", "hashKeyValue": "${id}", "hashKeyType": "STRING",
        "rangeKeyField": "at", "rangeKeyValue": "${timestamp()}", "rangeKeyType": "NUMBER", "operation": "UPDATE",
        "payloadField": "reading"}}
    dynamo_db_v2 = {"dynamoDBv2": {"roleArn": role, "putItem": {"tableName": "Table"}}}
    metric = {"cloudwatchMetric": {"roleArn": role, "metricNamespace": "n", "metricName": "${id}", "metricValue": "${t}",
                                   "metricUnit": "Count", "metricTimestamp": "1456821314"}}
    program = {"exec": {"command": ["/bin/program", "--id=${id}", "${t}"]}}

    def rule(name, *actions, payload=b'{"id":"one","t":-4.50}', sql="SELECT * FROM 'topic/#'", **members):
        document = {"sql": sql, "actions": actions, **members}
        seed("topic_rule", name, json.dumps(document).encode() + b"\0" + payload)

    rule("registration", function, payload=b'{"certificateStatus":"PENDING_ACTIVATION"}', awsIotSqlVersion="2016-03-23",
         sql="SELECT * FROM '$aws/events/certificates/registered/#' WHERE certificateStatus = \"PENDING_ACTIVATION\"",
         ruleDisabled=False, description="JITR")
    actions = [function, http, republish, sqs, dynamo_db, dynamo_db_v2, metric, program]
    for action in actions:
        rule(next(iter(action)), action, errorAction=action)
    rule("every-action", *actions, sql="SET @n = topic(2) SELECT id, @n AS n FROM 'topic/#'")
    rule("injection", republish, http, program, dynamo_db, metric,
         payload=rb'{"id":"../$aws/+#\r\nX: ${topic()}","t":"--help"}')
    rule("reserved", {"republish": {"roleArn": role, "topic": "$$aws/things/${id}/shadow/update"}},
         {"republish": {"roleArn": role, "topic": "${id}/a"}}, payload=b'{"id":"$aws"}')
    rule("binary", function, sqs, dynamo_db, dynamo_db_v2, program, payload=b"\xff\x01\x02", errorAction=program)
    rule("items", dynamo_db, dynamo_db_v2, payload=b'{"id":"x","n":[1,2.50,1e10,null,true,{"a":{"b":[[]]}}]}')
    rule("not-built", {"s3": {"roleArn": role, "bucketName": "b", "key": "k"}})
    rule("typing-mistake", {"lambda": {"functionARN": "arn:aws:lambda:us-east-1:123456789012:function:jitr"}})
    rule("refused-sql", function, sql="SELECT foo(a) FROM 'a'")
    rule("refused-template", {"exec": {"command": ["p", "${a b}"]}})
    rule("nulls", function, errorAction=None, ruleDisabled=None, description=None)


def main():
    for folder in (CORPUS, FIXTURES):
        shutil.rmtree(folder, ignore_errors=True)
    with tempfile.TemporaryDirectory() as directory:
        certificates(Lab(directory))
        certificate_requests(Lab(directory))
    sessions()
    topics()
    policies()
    subjects()
    requests()
    page_tokens()
    registrations()
    topic_rules()


if __name__ == "__main__":
    main()
