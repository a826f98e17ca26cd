"""Arguments of any operation: good enough to send a request, and to be refused or not built."""


def sample(shape, name="x"):
    """Some value of a shape, with every member that is required."""
    match shape.type_name:
        case "structure":
            return {member: sample(shape.members[member], member) for member in shape.required_members}
        case "list":
            return [sample(shape.member)]
        case "map":
            return {"x": sample(shape.value)}
        case "boolean":
            return True
        case "integer" | "long" | "float" | "double" | "timestamp":
            return 1
        case "blob":
            return b"{}"
        case _:
            return shape.enum[0] if getattr(shape, "enum", None) else "ab" * 32 if name.endswith("Id") else "x"


def arguments_of(model):
    """What an operation cannot be called without."""
    return sample(model.input_shape) if model.input_shape else {}
