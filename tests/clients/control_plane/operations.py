"""The operations that the control plane answers: those that every story together has to call."""

IOT = """
    AddThingToBillingGroup AddThingToThingGroup AttachPolicy AttachPrincipalPolicy AttachThingPrincipal
    CreateBillingGroup CreateCertificateFromCsr CreateKeysAndCertificate CreatePolicy CreatePolicyVersion
    CreateThing CreateThingGroup CreateThingType DeleteBillingGroup DeleteCACertificate DeleteCertificate
    DeletePolicy DeletePolicyVersion DeleteRegistrationCode DeleteThing DeleteThingGroup DeleteThingType
    DeleteV2LoggingLevel DeprecateThingType DescribeBillingGroup DescribeCACertificate DescribeCertificate
    DescribeEndpoint DescribeEventConfigurations DescribeThing DescribeThingGroup DescribeThingType DetachPolicy
    DetachPrincipalPolicy DetachThingPrincipal GetEffectivePolicies GetLoggingOptions GetPolicy GetPolicyVersion
    GetRegistrationCode GetV2LoggingOptions ListAttachedPolicies ListBillingGroups ListCACertificates
    ListCertificates ListCertificatesByCA ListPolicies ListPolicyPrincipals ListPolicyVersions ListPrincipalPolicies
    ListPrincipalThings ListPrincipalThingsV2 ListTagsForResource ListTargetsForPolicy ListThingGroups
    ListThingGroupsForThing ListThingPrincipals ListThingPrincipalsV2 ListThingTypes ListThings
    ListThingsInBillingGroup ListThingsInThingGroup ListV2LoggingLevels RegisterCACertificate RegisterCertificate
    RegisterCertificateWithoutCA RemoveThingFromBillingGroup RemoveThingFromThingGroup SetDefaultPolicyVersion
    SetLoggingOptions SetV2LoggingLevel SetV2LoggingOptions TagResource TestAuthorization UntagResource
    UpdateBillingGroup UpdateCACertificate UpdateCertificate UpdateEventConfigurations UpdateThing UpdateThingGroup
    UpdateThingGroupsForThing UpdateThingType
"""

BUILT = {f"iot:{name}" for name in IOT.split()} | {"iot-data:Publish", "sts:GetCallerIdentity"}


def parse(text):
    """A set of operations from a text such as `iot:CreateThing,iot-data:Publish`."""
    return {name.strip() for name in text.split(",") if name.strip()}
