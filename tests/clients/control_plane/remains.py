"""What the other stories leave: nothing."""

from control_plane.harness import story

LISTS = (
    ("list_things", "things"),
    ("list_thing_types", "thingTypes"),
    ("list_thing_groups", "thingGroups"),
    ("list_billing_groups", "billingGroups"),
    ("list_policies", "policies"),
    ("list_certificates", "certificates"),
    ("list_ca_certificates", "certificates"),
)


@story
def nothing(run):
    for call, member in LISTS:
        run.equal(f"{call} is empty", run.all(call, member), [])
