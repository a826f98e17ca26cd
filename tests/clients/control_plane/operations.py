"""The operations that the control plane answers: those that every story together has to call."""

IOT = """
    AddThingToBillingGroup AddThingToThingGroup AttachPolicy AttachPrincipalPolicy AttachThingPrincipal
    ConfirmTopicRuleDestination CreateBillingGroup CreateCertificateFromCsr CreateKeysAndCertificate CreatePolicy
    CreatePolicyVersion CreateThing CreateThingGroup CreateThingType CreateTopicRule CreateTopicRuleDestination
    DeleteBillingGroup DeleteCACertificate DeleteCertificate DeletePolicy DeletePolicyVersion DeleteRegistrationCode
    DeleteThing DeleteThingGroup DeleteThingType DeleteTopicRule DeleteTopicRuleDestination DeleteV2LoggingLevel
    DeprecateThingType DescribeBillingGroup DescribeCACertificate DescribeCertificate DescribeEndpoint
    DescribeEventConfigurations DescribeThing DescribeThingGroup DescribeThingType DetachPolicy DetachPrincipalPolicy
    DetachThingPrincipal DisableTopicRule EnableTopicRule GetEffectivePolicies GetLoggingOptions GetPolicy
    GetPolicyVersion GetRegistrationCode GetTopicRule GetTopicRuleDestination GetV2LoggingOptions ListAttachedPolicies
    ListBillingGroups ListCACertificates ListCertificates ListCertificatesByCA ListPolicies ListPolicyPrincipals
    ListPolicyVersions ListPrincipalPolicies ListPrincipalThings ListPrincipalThingsV2 ListTagsForResource
    ListTargetsForPolicy ListThingGroups ListThingGroupsForThing ListThingPrincipals ListThingPrincipalsV2
    ListThingTypes ListThings ListThingsInBillingGroup ListThingsInThingGroup ListTopicRuleDestinations ListTopicRules
    ListV2LoggingLevels RegisterCACertificate RegisterCertificate RegisterCertificateWithoutCA
    RemoveThingFromBillingGroup RemoveThingFromThingGroup ReplaceTopicRule SetDefaultPolicyVersion SetLoggingOptions
    SetV2LoggingLevel SetV2LoggingOptions TagResource TestAuthorization UntagResource UpdateBillingGroup
    UpdateCACertificate UpdateCertificate UpdateEventConfigurations UpdateThing UpdateThingGroup
    UpdateThingGroupsForThing UpdateThingType UpdateTopicRuleDestination
"""

FUNCTIONS = """
    AddPermission CreateEventSourceMapping CreateFunction DeleteEventSourceMapping DeleteFunction
    DeleteFunctionConcurrency DeleteLayerVersion GetEventSourceMapping GetFunction GetFunctionConcurrency
    GetFunctionConfiguration GetLayerVersion GetLayerVersionByArn GetPolicy Invoke ListEventSourceMappings ListFunctions
    ListLayerVersions ListLayers PublishLayerVersion PutFunctionConcurrency RemovePermission UpdateEventSourceMapping
    UpdateFunctionCode UpdateFunctionConfiguration
"""

GREENGRASS = """
    AssociateServiceRoleToAccount CreateCoreDefinition CreateCoreDefinitionVersion CreateGroup CreateGroupVersion
    CreateLoggerDefinition CreateLoggerDefinitionVersion DeleteCoreDefinition DeleteGroup DeleteLoggerDefinition
    DisassociateServiceRoleFromAccount GetCoreDefinition GetCoreDefinitionVersion GetGroup GetGroupVersion
    GetLoggerDefinition GetLoggerDefinitionVersion GetServiceRoleForAccount ListCoreDefinitionVersions
    ListCoreDefinitions ListGroupVersions ListGroups ListLoggerDefinitionVersions ListLoggerDefinitions
    UpdateCoreDefinition UpdateGroup UpdateLoggerDefinition
"""

BUILT = {"iot-data:Publish", "sts:GetCallerIdentity"} | {
    f"{service}:{name}"
    for service, names in (("iot", IOT), ("lambda", FUNCTIONS), ("greengrass", GREENGRASS))
    for name in names.split()
}


def parse(text):
    """A set of operations from a text such as `iot:CreateThing,iot-data:Publish`."""
    return {name.strip() for name in text.split(",") if name.strip()}
