"""CA certificates."""

from control_plane.harness import story
from control_plane.pki import Pki, certificate_id, date


def register(run, ca, **arguments):
    """Registers a CA, ACTIVE unless it is asked otherwise. The id of its certificate."""
    code = run.iot.get_registration_code()["registrationCode"]
    arguments = {"setAsActive": True, "verificationCertificate": ca.issue(code, extensions=None), **arguments}
    return run.iot.register_ca_certificate(caCertificate=ca.pem, **arguments)["certificateId"]


def unregister(run, *ids):
    for identity in ids:
        run.iot.update_ca_certificate(certificateId=identity, newStatus="INACTIVE")
        run.iot.delete_ca_certificate(certificateId=identity)


@story
def registered(run):
    iot = run.iot
    ca = Pki(run.directory).ca("ca 1")
    identity = certificate_id(ca.pem)
    arn = run.arn(f"cacert/{identity}")
    code = iot.get_registration_code()["registrationCode"]
    verification = ca.issue(code, extensions=None)
    made = iot.register_ca_certificate(
        caCertificate=ca.pem, verificationCertificate=verification, setAsActive=True, allowAutoRegistration=True
    )
    run.fields("answers ARN and id", made, certificateArn=arn, certificateId=identity)

    def expect(name, **expected):
        answer = iot.describe_ca_certificate(certificateId=identity)
        found = answer["certificateDescription"]
        run.fields(
            name,
            found,
            certificateArn=arn,
            certificateId=identity,
            ownedBy=run.account,
            certificateMode="DEFAULT",
            certificatePem=...,
            creationDate=...,
            lastModifiedDate=...,
            generationId=...,
            validity=...,
            **expected,
        )
        run.recent(f"{name}: since", found["lastModifiedDate"], since=found["creationDate"])
        return found

    found = expect("is described", status="ACTIVE", autoRegistrationStatus="ENABLE", customerVersion=1)
    run.equal("with its PEM", certificate_id(found["certificatePem"]), identity)
    run.recent("was registered now", found["creationDate"])
    run.equal("its last moment", int(found["validity"]["notAfter"].timestamp()), date(ca.pem, "enddate"))
    run.refused(
        "twice is once too often",
        lambda: iot.register_ca_certificate(caCertificate=ca.pem, verificationCertificate=verification),
        "ResourceAlreadyExistsException",
        "",
        resourceArn=arn,
        resourceId=identity,
    )
    run.fields("is updated", iot.update_ca_certificate(certificateId=identity, newAutoRegistrationStatus="DISABLE"))
    expect("registers nobody", status="ACTIVE", autoRegistrationStatus="DISABLE", customerVersion=2)
    run.refused(
        "ACTIVE is not deleted",
        lambda: iot.delete_ca_certificate(certificateId=identity),
        "CertificateStateException",
        "ACTIVE",
    )
    iot.update_ca_certificate(certificateId=identity, newStatus="INACTIVE", newAutoRegistrationStatus="ENABLE")
    expect("is INACTIVE", status="INACTIVE", autoRegistrationStatus="ENABLE", customerVersion=3)
    run.invalid(
        "what is no status", lambda: iot.update_ca_certificate(certificateId=identity, newStatus="ASLEEP"), "newStatus"
    )
    run.fields("INACTIVE is deleted", iot.delete_ca_certificate(certificateId=identity))
    for name, call in (("describe", iot.describe_ca_certificate), ("delete", iot.delete_ca_certificate)):
        run.refused(
            f"then there is none to {name}",
            lambda call=call: call(certificateId=identity),
            "ResourceNotFoundException",
            identity,
        )
    run.refused(
        "and none to update",
        lambda: iot.update_ca_certificate(certificateId=identity, newStatus="ACTIVE"),
        "ResourceNotFoundException",
        identity,
    )


@story
def registered_with_defaults(run):
    ca = Pki(run.directory).ca("ca 2")
    identity = register(run, ca, setAsActive=False)
    found = run.iot.describe_ca_certificate(certificateId=identity)["certificateDescription"]
    run.equal(
        "is INACTIVE and registers nobody", (found["status"], found["autoRegistrationStatus"]), ("INACTIVE", "DISABLE")
    )
    unregister(run, identity)


@story
def sni_only(run):
    """A CA of many accounts, for devices that send the server's name: nothing proves that the caller has its key."""
    ca = Pki(run.directory).ca("ca 3")
    made = run.iot.register_ca_certificate(caCertificate=ca.pem, certificateMode="SNI_ONLY")
    found = run.iot.describe_ca_certificate(certificateId=made["certificateId"])["certificateDescription"]
    run.equal("has its mode", found["certificateMode"], "SNI_ONLY")
    unregister(run, made["certificateId"])


@story
def refused(run):
    iot, pki = run.iot, Pki(run.directory)
    ca, other = pki.ca("ca 4"), pki.ca("ca 4")
    code = iot.get_registration_code()["registrationCode"]

    def call(certificate=ca.pem, **arguments):
        return lambda: iot.register_ca_certificate(caCertificate=certificate, **arguments)

    run.refused("without a verification certificate", call(), "InvalidRequestException", "verification")
    run.refused(
        "with another code",
        call(verificationCertificate=ca.issue("ab" * 32, extensions=None)),
        "RegistrationCodeValidationException",
        "code",
    )
    run.refused(
        "with a verification certificate of another CA",
        call(verificationCertificate=other.issue(code, extensions=None)),
        "CertificateValidationException",
        "verification",
    )
    leaf = ca.issue("a device")
    run.refused(
        "a certificate that is no CA's",
        call(leaf, verificationCertificate=ca.issue(code, extensions=None)),
        "CertificateValidationException",
        "CA",
    )
    run.refused(
        "no PEM",
        call("lamp", verificationCertificate=ca.issue(code, extensions=None)),
        "CertificateValidationException",
        "PEM|certificate",
    )
    run.refused(
        "a registration by a template, which comes later",
        call(
            verificationCertificate=ca.issue(code, extensions=None),
            registrationConfig={"templateBody": "{}", "roleArn": f"arn:aws:iam::{run.account}:role/some-role"},
        ),
        "NotImplementedException",
        "registrationConfig",
    )
    iot.delete_registration_code()
    run.refused(
        "with a code that was deleted",
        call(verificationCertificate=ca.issue(code, extensions=None)),
        "RegistrationCodeValidationException",
        "code",
    )
    run.refused(
        "it is not there",
        lambda: iot.describe_ca_certificate(certificateId=certificate_id(ca.pem)),
        "ResourceNotFoundException",
    )
    run.refused(
        "updates of nothing that exists",
        lambda: iot.update_ca_certificate(certificateId="ab" * 32, newStatus="ACTIVE"),
        "ResourceNotFoundException",
        "ab" * 32,
    )
    run.invalid("what is no id", lambda: iot.describe_ca_certificate(certificateId="ab"), "certificateId")


@story
def listed(run):
    pki = Pki(run.directory)
    # Several CAs may share a subject.
    ids = [register(run, pki.ca("shared subject"), setAsActive=number != 1) for number in range(4)]
    run.lists("the oldest first", "list_ca_certificates", "certificates", ids, "certificateId", ascendingOrder=True)
    run.lists("the newest first", "list_ca_certificates", "certificates", ids[::-1], "certificateId")
    entry = next(entry for entry in run.all("list_ca_certificates", "certificates") if entry["certificateId"] == ids[1])
    run.fields(
        "an entry has its members",
        entry,
        certificateArn=run.arn(f"cacert/{ids[1]}"),
        certificateId=ids[1],
        status="INACTIVE",
        creationDate=...,
    )
    run.recent("its date", entry["creationDate"])
    unregister(run, *ids)
