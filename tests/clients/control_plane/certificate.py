"""Certificates of devices: made here, registered with and without a CA, and what may become of them."""

import datetime

from control_plane.ca_certificate import register, unregister
from control_plane.harness import HEX_64, story
from control_plane.pki import Pki, certificate_id, date, field, public_key, public_of_private, version


def delete(run, *ids):
    for identity in ids:
        if describe(run, identity)["status"] == "ACTIVE":
            run.iot.update_certificate(certificateId=identity, newStatus="INACTIVE")
        run.iot.delete_certificate(certificateId=identity, forceDelete=True)


def describe(run, identity):
    return run.iot.describe_certificate(certificateId=identity)["certificateDescription"]


def seconds(moment):
    return int(moment.timestamp()) if isinstance(moment, datetime.datetime) else moment


def expect(run, name, pem, **expected):
    """That a certificate is described with these members and those that follow from its PEM."""
    identity = certificate_id(pem)
    found = describe(run, identity)
    run.fields(
        f"{name}: is described",
        found,
        certificateArn=run.arn(f"cert/{identity}"),
        certificateId=identity,
        ownedBy=run.account,
        certificatePem=...,
        creationDate=...,
        lastModifiedDate=...,
        generationId=...,
        validity=...,
        **expected,
    )
    run.equal(f"{name}: with its own PEM", certificate_id(found["certificatePem"]), identity)
    validity = found.get("validity", {})
    run.equal(f"{name}: its first moment", seconds(validity.get("notBefore")), date(pem, "startdate"))
    run.equal(f"{name}: its last moment", seconds(validity.get("notAfter")), date(pem, "enddate"))
    run.recent(f"{name}: was registered now", found["creationDate"])
    run.recent(f"{name}: was changed since", found["lastModifiedDate"], since=found["creationDate"])
    run.true(f"{name}: has a generation", bool(found.get("generationId")), found.get("generationId"))
    return found


@story
def keys_and_certificate(run):
    made = run.iot.create_keys_and_certificate(setAsActive=True)
    pem, identity = made["certificatePem"], made["certificateId"]
    run.fields(
        "answers certificate and keys",
        made,
        certificateArn=run.arn(f"cert/{identity}"),
        certificateId=...,
        certificatePem=...,
        keyPair=...,
    )
    run.form("the id is the fingerprint", identity, HEX_64)
    run.equal("of the certificate", identity, certificate_id(pem))
    run.fields("there are two keys", made["keyPair"], PublicKey=..., PrivateKey=...)
    run.equal(
        "the public key is that of the certificate", made["keyPair"]["PublicKey"].split(), public_key(pem).split()
    )
    run.equal("the private key is its other half", public_of_private(made["keyPair"]["PrivateKey"]), public_key(pem))
    run.equal("the subject is AWS's", field(pem, "subject"), "CN=AWS IoT Certificate")
    run.equal("it is of version 3", version(pem), 3)
    expect(run, "ACTIVE", pem, status="ACTIVE", certificateMode="DEFAULT", customerVersion=1)
    other = run.iot.create_keys_and_certificate()
    run.true("each time another key", other["keyPair"]["PublicKey"] != made["keyPair"]["PublicKey"])
    run.equal("INACTIVE unless it is asked otherwise", describe(run, other["certificateId"])["status"], "INACTIVE")
    delete(run, identity, other["certificateId"])


@story
def from_csr(run):
    pki = Pki(run.directory)
    key = pki.key()
    request = pki.request("my lamp", key)
    made = run.iot.create_certificate_from_csr(certificateSigningRequest=request, setAsActive=True)
    pem, identity = made["certificatePem"], made["certificateId"]
    run.fields(
        "answers the certificate",
        made,
        certificateArn=run.arn(f"cert/{identity}"),
        certificateId=...,
        certificatePem=...,
    )
    run.equal("the id is the fingerprint", identity, certificate_id(pem))
    run.equal("the key is that of the request", public_key(pem), public_of_private(key.read_text()))
    run.equal("and the subject", field(pem, "subject"), "CN=my lamp,O=AcmeInc")
    expect(run, "ACTIVE", pem, status="ACTIVE", certificateMode="DEFAULT", customerVersion=1)
    again = run.iot.create_certificate_from_csr(certificateSigningRequest=request)
    run.true("the same request gives another certificate", again["certificateId"] != identity, again["certificateId"])
    run.equal("INACTIVE unless it is asked otherwise", describe(run, again["certificateId"])["status"], "INACTIVE")
    delete(run, identity, again["certificateId"])
    forged = pki.request("my lamp", key).splitlines()
    forged[2] = forged[2][:8] + ("A" if forged[2][8] != "A" else "B") + forged[2][9:]
    for name, wrong in (("no PEM", "lamp"), ("a certificate", pem), ("a request that was changed", "\n".join(forged))):
        run.refused(
            name,
            lambda wrong=wrong: run.iot.create_certificate_from_csr(certificateSigningRequest=wrong),
            "InvalidRequestException",
            "request|CSR|PEM",
        )
    weak = pki.request("weak", pki.key("-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024"))
    run.refused(
        "a key that is too short",
        lambda: run.iot.create_certificate_from_csr(certificateSigningRequest=weak),
        "InvalidRequestException",
        "RSA|1024|key",
    )


@story
def registered(run):
    pki = Pki(run.directory)
    ca = pki.ca("register ca")
    ca_id = register(run, ca)
    pem = ca.issue("device 1")
    identity = certificate_id(pem)
    made = run.iot.register_certificate(certificatePem=pem, caCertificatePem=ca.pem, status="ACTIVE")
    run.fields("answers ARN and id", made, certificateArn=run.arn(f"cert/{identity}"), certificateId=identity)
    expect(
        run, "with its CA", pem, status="ACTIVE", certificateMode="DEFAULT", customerVersion=1, caCertificateId=ca_id
    )
    run.refused(
        "twice is once too often",
        lambda: run.iot.register_certificate(certificatePem=pem),
        "ResourceAlreadyExistsException",
        "",
        resourceArn=run.arn(f"cert/{identity}"),
        resourceId=identity,
    )
    first = ca.issue("device 2", extensions=None)
    run.equal("a certificate of version 1", version(first), 1)
    run.iot.register_certificate(certificatePem=first)
    expect(
        run,
        "without saying which CA",
        first,
        status="INACTIVE",
        certificateMode="DEFAULT",
        customerVersion=1,
        caCertificateId=ca_id,
    )
    second = ca.issue("device 3")
    run.iot.register_certificate(certificatePem=second, setAsActive=True)
    run.equal("setAsActive is the older word", describe(run, certificate_id(second))["status"], "ACTIVE")
    revoked = ca.issue("device 4")
    run.iot.register_certificate(certificatePem=revoked, status="REVOKED")
    run.equal("REVOKED from the first", describe(run, certificate_id(revoked))["status"], "REVOKED")
    pending = ca.issue("device 5")
    run.refused(
        "never PENDING_ACTIVATION",
        lambda: run.iot.register_certificate(certificatePem=pending, status="PENDING_ACTIVATION"),
        "CertificateStateException",
        "PENDING_ACTIVATION",
    )
    foreign = pki.ca("register ca")
    run.refused(
        "of a CA that is not registered",
        lambda: run.iot.register_certificate(certificatePem=foreign.issue("device 6")),
        "CertificateValidationException",
        "CA|issuer|sign",
    )
    run.refused(
        "of another CA than is said",
        lambda: run.iot.register_certificate(certificatePem=pending, caCertificatePem=foreign.pem),
        "CertificateValidationException",
        "CA|issuer|sign|registered",
    )
    run.refused(
        "no PEM",
        lambda: run.iot.register_certificate(certificatePem="lamp"),
        "CertificateValidationException",
        "PEM|certificate",
    )
    ids = [identity, *(certificate_id(each) for each in (first, second, revoked))]
    run.lists(
        "by their CA, the oldest first",
        "list_certificates_by_ca",
        "certificates",
        ids,
        "certificateId",
        caCertificateId=ca_id,
        ascendingOrder=True,
    )
    run.lists(
        "by their CA, the newest first",
        "list_certificates_by_ca",
        "certificates",
        ids[::-1],
        "certificateId",
        caCertificateId=ca_id,
    )
    run.equal(
        "of this CA and no other",
        run.all("list_certificates_by_ca", "certificates", "certificateId", caCertificateId=ca_id, ascendingOrder=True),
        ids,
    )
    delete(run, *ids)
    unregister(run, ca_id)


@story
def registered_without_ca(run):
    pki = Pki(run.directory)
    ca = pki.ca("unknown ca")
    pem = ca.issue("lonely device")
    identity = certificate_id(pem)
    made = run.iot.register_certificate_without_ca(certificatePem=pem, status="ACTIVE")
    run.fields("answers ARN and id", made, certificateArn=run.arn(f"cert/{identity}"), certificateId=identity)
    expect(run, "without a CA", pem, status="ACTIVE", certificateMode="SNI_ONLY", customerVersion=1)
    run.refused(
        "twice is once too often",
        lambda: run.iot.register_certificate_without_ca(certificatePem=pem),
        "ResourceAlreadyExistsException",
        "",
        resourceArn=run.arn(f"cert/{identity}"),
        resourceId=identity,
    )
    other = ca.issue("second lonely device")
    run.iot.register_certificate_without_ca(certificatePem=other)
    run.equal("INACTIVE unless it is asked otherwise", describe(run, certificate_id(other))["status"], "INACTIVE")
    run.refused(
        "never PENDING_ACTIVATION",
        lambda: run.iot.register_certificate_without_ca(certificatePem=ca.issue("third"), status="PENDING_ACTIVATION"),
        "CertificateStateException",
        "PENDING_ACTIVATION",
    )
    run.refused(
        "no PEM",
        lambda: run.iot.register_certificate_without_ca(certificatePem="lamp"),
        "CertificateValidationException",
        "PEM|certificate",
    )
    delete(run, identity, certificate_id(other))


@story
def status(run):
    identity = run.iot.create_keys_and_certificate()["certificateId"]
    generations = {describe(run, identity)["generationId"]}

    def become(new, number):
        run.fields(f"becomes {new}", run.iot.update_certificate(certificateId=identity, newStatus=new))
        found = describe(run, identity)
        run.equal(f"is {new}", found["status"], new)
        run.equal(f"in version {number}", found["customerVersion"], number)
        generations.add(found["generationId"])

    for number, new in enumerate(("ACTIVE", "INACTIVE", "ACTIVE"), start=2):
        become(new, number)
    run.refused(
        "ACTIVE is not deleted",
        lambda: run.iot.delete_certificate(certificateId=identity),
        "CertificateStateException",
        "ACTIVE",
    )
    run.refused(
        "nor by force",
        lambda: run.iot.delete_certificate(certificateId=identity, forceDelete=True),
        "CertificateStateException",
        "ACTIVE",
    )
    run.refused(
        "PENDING_ACTIVATION cannot be set",
        lambda: run.iot.update_certificate(certificateId=identity, newStatus="PENDING_ACTIVATION"),
        "CertificateStateException",
        "PENDING_ACTIVATION",
    )
    run.invalid(
        "nor what is no status",
        lambda: run.iot.update_certificate(certificateId=identity, newStatus="ASLEEP"),
        "newStatus",
    )
    run.refused(
        "of one that does not exist",
        lambda: run.iot.update_certificate(certificateId="ab" * 32, newStatus="ACTIVE"),
        "ResourceNotFoundException",
        "ab" * 32,
    )
    run.invalid("of what is no id", lambda: run.iot.describe_certificate(certificateId="xy" * 32), "certificateId")
    become("REVOKED", 5)
    run.equal("each state is a generation of its own", len(generations), 5)
    for new in ("ACTIVE", "INACTIVE"):
        run.refused(
            f"REVOKED does not become {new}",
            lambda new=new: run.iot.update_certificate(certificateId=identity, newStatus=new),
            "CertificateStateException",
            "REVOKED",
        )
    run.fields("REVOKED is revoked again", run.iot.update_certificate(certificateId=identity, newStatus="REVOKED"))
    run.equal("which changes nothing", describe(run, identity)["customerVersion"], 5)
    run.fields("and is deleted", run.iot.delete_certificate(certificateId=identity))
    run.refused(
        "then there is none",
        lambda: run.iot.describe_certificate(certificateId=identity),
        "ResourceNotFoundException",
        identity,
    )
    run.refused(
        "to be deleted",
        lambda: run.iot.delete_certificate(certificateId=identity),
        "ResourceNotFoundException",
        identity,
    )


@story
def listed(run):
    ids = [run.iot.create_keys_and_certificate()["certificateId"] for _ in range(5)]
    run.lists("the oldest first", "list_certificates", "certificates", ids, "certificateId", ascendingOrder=True)
    run.lists("the newest first", "list_certificates", "certificates", ids[::-1], "certificateId")
    entry = next(entry for entry in run.all("list_certificates", "certificates") if entry["certificateId"] == ids[0])
    run.fields(
        "an entry has its members",
        entry,
        certificateArn=run.arn(f"cert/{ids[0]}"),
        certificateId=ids[0],
        status="INACTIVE",
        certificateMode="DEFAULT",
        creationDate=...,
    )
    run.recent("its date", entry["creationDate"])
    delete(run, *ids)
    left = run.mine(ids, run.all("list_certificates", "certificates", "certificateId"))
    run.equal("none is left of those that were deleted", left, [])
