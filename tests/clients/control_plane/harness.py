"""Checks with names, and the clients that they are made with.

A check prints one line, and the run goes on after one that failed, so that each failure names itself. Clients are
boto3's own, with its own configuration from the environment.
"""

import contextlib
import datetime
import re
import sys
import traceback

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
HEX_64 = re.compile(r"[0-9a-f]{64}")

# The HTTP status of each error, as the services' models give it.
STATUS = {
    "404": 404,
    "BadRequestException": 400,
    "CertificateConflictException": 409,
    "CertificateStateException": 406,
    "CertificateValidationException": 400,
    "ConflictingResourceUpdateException": 409,
    "DeleteConflictException": 409,
    "IdNotFoundException": 404,
    "IncompleteSignatureException": 400,
    "InvalidParameterValueException": 400,
    "InvalidRequestContentException": 400,
    "InvalidRequestException": 400,
    "InvalidSignatureException": 403,
    "LimitExceededException": 410,
    "MalformedPolicyException": 400,
    "MissingAuthenticationTokenException": 403,
    "NotConfiguredException": 404,
    "NotImplementedException": 501,
    "PolicyLengthExceededException": 400,
    "PreconditionFailedException": 412,
    "RegistrationCodeValidationException": 400,
    "RequestTooLargeException": 413,
    "ResourceAlreadyExistsException": 409,
    "ResourceConflictException": 409,
    "ResourceNotFoundException": 404,
    "SqlParseException": 400,
    "TooManyRequestsException": 429,
    "UnauthorizedException": 401,
    "UnrecognizedClientException": 403,
    "ValidationException": 400,
    "VersionConflictException": 409,
    "VersionNotFoundException": 404,
    "VersionsLimitExceededException": 409,
}

# What any operation may answer, although its model does not list it.
UNMODELLED = {
    "IncompleteSignatureException",
    "InvalidSignatureException",
    "MissingAuthenticationTokenException",
    "NotImplementedException",
    "UnrecognizedClientException",
}

# The same for one service. The models of Greengrass know but the half of what it answers.
UNMODELLED_OF = {
    "lambda": {"ValidationException"},
    "greengrass": {"404", "BadRequestException", "IdNotFoundException", "VersionNotFoundException"},
}

# What services call a request that breaks a constraint of the model.
INVALID = {
    "iot": "InvalidRequestException",
    "iot-data": "InvalidRequestException",
    "lambda": "ValidationException",
    "greengrass": "BadRequestException",
}

# What services call a parameter that is not right for another reason.
WRONG = {**INVALID, "lambda": "InvalidParameterValueException"}

# Two lists of each service that take the same kind of token: a token of one is none of the other.
OTHER_LISTS = {
    "marker": ("list_policies", "list_certificates"),
    "nextToken": ("list_things", "list_thing_types"),
    "Marker": ("list_functions", "list_layers"),
    "NextToken": ("list_groups", "list_core_definitions"),
}

# The most entries that these tests ask for at once.
PAGE_MAX = 250

# How long what happens by itself may take on a slow machine, in seconds.
DEADLINE = 60

# How far the clocks of the tests and of the server, which are one, may seem to be apart.
CLOCK_TOLERANCE = datetime.timedelta(seconds=2)

# More pages than any list of these tests has: a list that does not end is ended.
PAGES_MAX = 500

STORIES = []


def story(function):
    """A function that is given a `Run`; what goes wrong in it does not stop the other stories."""
    STORIES.append(function)
    return function


class Run:
    """Clients, what was called with them, and what was found."""

    def __init__(self, directory, built):
        self.directory = directory
        self.built = built
        self.began = now()
        self.called = set()
        self.answered = set()
        self.failures = []
        self.count = 0
        self.story = "start"
        self.clients = []
        # A refusal is an answer: nothing is sent twice. What boto3 would refuse by itself is left to the server.
        config = Config(retries={"total_max_attempts": 1}, parameter_validation=False)
        self.iot = self.watch(boto3.client("iot", config=config))
        self.data = self.watch(boto3.client("iot-data", config=config))
        self.functions = self.watch(boto3.client("lambda", config=config))
        self.greengrass = self.watch(boto3.client("greengrass", config=config))
        self.sts = self.watch(boto3.client("sts", config=config))
        self.region = self.iot.meta.region_name
        self.account = self.sts.get_caller_identity()["Account"]

    def watch(self, client):
        """Notes every operation that is called with a client, and every one that succeeds."""
        service = client.meta.service_model.service_name

        def before_call(model, **_):
            self.called.add(f"{service}:{model.name}")

        def after_call(model, http_response, **_):
            if http_response.status_code in range(200, 300):
                self.answered.add(f"{service}:{model.name}")

        client.meta.events.register("before-call", before_call)
        client.meta.events.register("after-call", after_call)
        self.clients.append(client)
        return client

    def arn(self, resource, service="iot"):
        return f"arn:aws:{service}:{self.region}:{self.account}:{resource}"

    # Checks. Each has a name that says what is promised.

    def passes(self, name):
        self.count += 1
        print(f"ok      {self.story}: {name}", flush=True)

    def fails(self, name, reason):
        self.count += 1
        line = f"{self.story}: {name}: {reason}"
        self.failures.append(line)
        print(f"FAILED  {line}", flush=True)

    def true(self, name, condition, found=""):
        if condition:
            self.passes(name)
        else:
            self.fails(name, f"found {found!r}")
        return bool(condition)

    def equal(self, name, found, expected):
        if found == expected:
            self.passes(name)
        else:
            self.fails(name, f"found {found!r}, expected {expected!r}")

    def form(self, name, found, pattern):
        self.true(name, isinstance(found, str) and pattern.fullmatch(found), found)

    def fields(self, name, answer, **expected):
        """That the answer has exactly these members; `...` stands for any value."""
        found = {key: value for key, value in answer.items() if key != "ResponseMetadata"}
        wrong = []
        for key in sorted(found.keys() | expected.keys()):
            if key not in found:
                wrong.append(f"{key} is missing")
            elif key not in expected:
                wrong.append(f"{key} is {found[key]!r} and not expected")
            elif expected[key] is not ... and found[key] != expected[key]:
                wrong.append(f"{key} is {found[key]!r}, expected {expected[key]!r}")
        if wrong:
            self.fails(name, "; ".join(wrong))
        else:
            self.passes(name)

    def recent(self, name, moment, since=None):
        """That a moment is between the begin of the run, or a later moment, and now."""
        first = (since or self.began) - CLOCK_TOLERANCE
        is_time = isinstance(moment, datetime.datetime)
        self.true(name, is_time and first <= moment <= now() + CLOCK_TOLERANCE, str(moment))

    def refused(self, name, call, code, message="", modelled=True, **members):
        """That a call is refused with a code of its operation's model, the status of that code, a message with this
        pattern in it, and these members of the error. Where services have codes of their own for the same, `code` has
        them all. AWS answers a few that its models do not have: these are not `modelled`."""
        operations, wrong = [], []
        with self.calls(operations):
            try:
                answer = call()
            except ClientError as error:
                response = error.response
            else:
                answer.pop("ResponseMetadata", None)
                self.fails(name, f"it succeeded with {answer!r}, expected {code}")
                return
        service = operations[-1].service_model.service_name
        code = code if isinstance(code, str) else code[service]
        found = response["Error"]["Code"]
        text = response["Error"].get("Message", "")
        meta = response["ResponseMetadata"]
        if found != code:
            wrong.append(f"code {found} ({text}), expected {code}")
        elif modelled and found not in documented(operations[-1]) | UNMODELLED | UNMODELLED_OF.get(service, set()):
            wrong.append(f"the model of {operations[-1].name} does not know {found}")
        if meta["HTTPStatusCode"] != STATUS[code]:
            wrong.append(f"status {meta['HTTPStatusCode']}, expected {STATUS[code]}")
        if not re.search(message, text, re.IGNORECASE | re.DOTALL) or not text:
            wrong.append(f"message {text!r} has nothing of {message!r}")
        if not UUID.fullmatch(meta.get("RequestId", "")):
            wrong.append(f"request id {meta.get('RequestId')!r}")
        if meta["HTTPHeaders"].get("x-amzn-errortype", "").split(":")[0] != found:
            wrong.append(f"x-amzn-errortype {meta['HTTPHeaders'].get('x-amzn-errortype')!r}")
        for key, value in members.items():
            if response.get(key) not in (value if isinstance(value, tuple) else (value,)):
                wrong.append(f"{key} is {response.get(key)!r}, expected {value!r}")
        if wrong:
            self.fails(name, "; ".join(wrong))
        else:
            self.passes(name)

    def invalid(self, name, call, member, found=1):
        """That a call is refused in AWS's form of `N validation error(s) detected`, naming the member."""
        plural = "" if found == 1 else "s"
        constraint = f"Value.* at '{member}' failed to satisfy constraint: (Member|Map keys|Map value) must"
        pattern = f"^{found} validation error{plural} detected: {constraint}"
        self.refused(name, call, INVALID, pattern)

    @contextlib.contextmanager
    def calls(self, operations):
        """Notes the models of the operations that are called meanwhile."""

        def note(model, **_):
            operations.append(model)

        for client in self.clients:
            client.meta.events.register("before-call", note, unique_id="refused")
        try:
            yield
        finally:
            for client in self.clients:
                client.meta.events.unregister("before-call", unique_id="refused")

    # Lists.

    def list_of(self, call):
        """The method of a list, of whichever client has it, and the members of its input."""
        client = next(client for client in self.clients if hasattr(client, call))
        model = client.meta.service_model.operation_model(client.meta.method_to_api_mapping[call])
        return getattr(client, call), model.input_shape.members

    def paging(self, call):
        """How a list takes a token, gives one, and takes the size of a page; the last is None where it takes none."""
        _, members = self.list_of(call)
        token_in = next(name for name in OTHER_LISTS if name in members)
        token_out = {"marker": "nextMarker", "Marker": "NextMarker"}.get(token_in, token_in)
        limits = ("pageSize", "maxResults", "MaxItems", "MaxResults")
        return token_in, token_out, next((name for name in limits if name in members), None)

    def size(self, call, entries):
        """The size of a page, as a list takes it: no more than it takes, and as a text where it takes texts."""
        limit = self.list_of(call)[1][self.paging(call)[2]]
        return str(entries) if limit.type_name == "string" else min(entries, limit.metadata["max"])

    def pages(self, call, member, size=None, **arguments):
        """Every page of a list, each as the list of its members."""
        token_in, token_out, limit = self.paging(call)
        method, _ = self.list_of(call)
        if size is not None:
            arguments[limit] = self.size(call, size)
        pages = []
        while len(pages) < PAGES_MAX:
            answer = method(**arguments)
            pages.append(answer[member])
            token = answer.get(token_out)
            if token is None:
                return pages
            arguments[token_in] = token
        raise RuntimeError(f"{call} has more than {PAGES_MAX} pages")

    def all(self, call, member, key=None, **arguments):
        """Every entry of a list, or one member of each."""
        size = PAGE_MAX if self.paging(call)[2] else None
        entries = [entry for page in self.pages(call, member, size, **arguments) for entry in page]
        return entries if key is None else [entry[key] for entry in entries]

    def mine(self, wanted, found):
        """Those entries of a list that this story made: lists may hold those of a story that failed."""
        return [entry for entry in found if entry in wanted]

    def lists(self, name, call, member, expected, key=None, in_order=True, **arguments):
        """That a list has these entries, in this order, in pages of 1, 2 and many without duplicates; that its tokens
        cannot be forged, and its sizes have bounds."""
        identity = (lambda entry: entry) if key is None else (lambda entry: entry[key])
        whole = [identity(entry) for entry in self.all(call, member, **arguments)]
        found = self.mine(expected, whole)
        arrange = (lambda entries: entries) if in_order else sorted
        self.equal(f"{name}: has its entries", arrange(found), arrange(list(expected)))
        for size in (1, 2):
            pages = self.pages(call, member, size, **arguments)
            self.true(f"{name}: pages of {size} are no larger", all(len(page) <= size for page in pages), pages)
            entries = [identity(entry) for page in pages for entry in page]
            self.equal(f"{name}: pages of {size} have the same without duplicates", entries, whole)
        self.tokens(name, call, len(whole) > 1, **arguments)

    def tokens(self, name, call, has_more, **arguments):
        """That the tokens of a list cannot be made up, changed or carried to another list, and sizes have bounds."""
        token_in, token_out, limit = self.paging(call)
        method, members = self.list_of(call)

        def refused(what, method, **arguments):
            self.refused(f"{name}: {what} is refused", lambda: method(**arguments), WRONG, token_in)

        refused(f"a made-up {token_in}", method, **arguments, **{token_in: "Zm9yZ2Vk"})
        for wrong in wrong_sizes(members[limit]):
            too_much = {**arguments, limit: wrong}
            member = limit[0].lower() + limit[1:]
            self.invalid(f"{name}: a {limit} of {wrong} is refused", lambda given=too_much: method(**given), member)
        if not has_more:
            return
        given = method(**arguments, **{limit: self.size(call, 1)})[token_out]
        changed = ("B" if given[0] == "A" else "A") + given[1:]
        refused(f"a changed {token_in}", method, **arguments, **{token_in: changed})
        others = OTHER_LISTS[token_in]
        other = others[1] if call == others[0] else others[0]
        refused(f"its {token_in} with {other}", self.list_of(other)[0], **{token_in: given})


def wrong_sizes(limit):
    """The sizes next to those that a list takes, where it has bounds."""
    bounds = limit.metadata
    return [bounds["min"] - 1, bounds["max"] + 1] if "max" in bounds else []


def documented(operation):
    return {shape.name for shape in operation.error_shapes}


def now():
    return datetime.datetime.now(datetime.timezone.utc)


def wait_for(what, wanted):
    """Asks again and again until there is an answer, and gives it. Each question is answered by the server."""
    until = now() + datetime.timedelta(seconds=DEADLINE)
    while now() < until:
        found = wanted()
        if found:
            return found
    raise TimeoutError(f"it does not happen {what}")


def attempt(run, function, name):
    """Runs a story; what it does not expect is a failure of its own, named by its last line in these files."""
    run.story = name
    try:
        function(run)
    except Exception as error:
        frames = traceback.extract_tb(error.__traceback__)
        ours = [frame for frame in frames if "control_plane" in frame.filename] or frames
        run.fails("goes on to its end", f"{ours[-1].line!r} (line {ours[-1].lineno}): {type(error).__name__}: {error}")


def report(run):
    """Prints the number of checks and every failure again. The exit code."""
    if not run.failures:
        print(f"{run.count} checks passed")
        return 0
    print(f"{len(run.failures)} of {run.count} checks failed:", file=sys.stderr)
    for failure in run.failures:
        print(f"  {failure}", file=sys.stderr)
    return 1
