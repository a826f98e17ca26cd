//! Interceptors: each kind once through the real binary, and what becomes of devices while one cannot answer.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use std::{env, thread};

use landfall_mqtt::ReasonCode;
use landfall_tests::{
    Ca, Connect, DEADLINE, Device, DeviceCertificate, KeyKind, Landfall, Process, QuickCa, Ran, Refused,
    WebAnswer, WebRequest, WebServer, now, open_files, program, project, run, simulate,
};
use serde_json::{Value, json};
use tempfile::TempDir;

/// How many devices a fleet has, unless `LANDFALL_E2E_FLEET` says otherwise.
const FLEET: usize = 100;

/// How long a fleet may take to be registered, beyond the outage.
const FLEET_DEADLINE: Duration = Duration::from_secs(300);

const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// The files that settings name, and a CA that is not registered yet.
struct Folder {
    directory: TempDir,
    ca: Ca,
}

/// A server with settings of its own.
struct Scene {
    server: Landfall,
    folder: Folder,
    ca: QuickCa,
}

impl Folder {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let ca = Ca::root(directory.path(), "ca", KeyKind::P256);
        Self { directory, ca }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Writes a file as the documentation asks for it: another one, that is renamed.
    fn write(&self, name: &str, text: &str) {
        let new = self.path(&format!("{name}.new"));
        fs::write(&new, text).expect("a file in the test's directory");
        fs::rename(&new, self.path(name)).expect("a file that was just written");
    }

    /// Writes a program.
    fn write_program(&self, name: &str, text: &str) {
        let new = self.path(&format!("{name}.new"));
        fs::write(&new, text).expect("a file in the test's directory");
        fs::set_permissions(&new, Permissions::from_mode(0o755)).expect("an own file");
        fs::rename(&new, self.path(name)).expect("a file that was just written");
    }

    /// Starts a server with these settings, to which the CA is registered.
    #[track_caller]
    fn start(self, settings: &str) -> Scene {
        self.start_with(settings, Landfall::start_with)
    }

    #[track_caller]
    fn start_with(self, settings: &str, start: impl FnOnce(&[&str]) -> Landfall) -> Scene {
        self.write("registrar.toml", settings);
        let server = start(&["--settings", &self.path("registrar.toml").to_string_lossy()]);
        self.ca.register(&server.api());
        let ca = QuickCa::of(&self.ca);
        Scene { server, folder: self, ca }
    }
}

impl Scene {
    /// Has the server read these settings.
    #[track_caller]
    fn reload(&self, settings: &str) {
        self.folder.write("registrar.toml", settings);
        self.landfall(&["config", "reload"]).stdout();
    }

    /// Runs `landfall` with the server's data directory.
    #[track_caller]
    fn landfall(&self, arguments: &[&str]) -> Ran {
        let data = self.server.data().to_string_lossy().into_owned();
        Landfall::run(&[arguments, &["--data", &data]].concat())
    }

    /// Lets the device of a serial number connect with MQTT 5.
    #[track_caller]
    fn connect(&self, certificate: &DeviceCertificate, serial: &str) -> Result<(), Refused> {
        let client = format!("thing-{serial}");
        Device::connect_with(&self.server, certificate, &client, &Connect::v5()).map(Device::leave)
    }

    /// Makes a device, which must be let in.
    #[track_caller]
    fn assert_let_in(&self, serial: &str) -> DeviceCertificate {
        let certificate = self.ca.issue_device(serial);
        assert_eq!(self.connect(&certificate, serial), Ok(()), "{serial}");
        certificate
    }

    /// A device is told that it is refused, its certificate stays as it was, and the registration log says why.
    #[track_caller]
    fn assert_refused(&self, certificate: &DeviceCertificate, serial: &str, code: &str, why: &str) {
        let refused = self.connect(certificate, serial);
        assert_eq!(refused, Err(Refused::Connack(ReasonCode::NotAuthorized)), "{serial}");
        let api = self.server.api();
        let records = api.landfall(&format!("certificates/{}/registrations", certificate.id));
        let outcome = &records["registrations"][0]["outcome"];
        assert_eq!(outcome["code"], code, "{serial}: {records}");
        let message = outcome["message"].as_str().expect("a message");
        assert!(message.contains(why), "{serial}: {message:?} does not say {why:?}");
        assert_eq!(api.status(&certificate.id).as_deref(), Some("PENDING_ACTIVATION"), "{serial}");
        let (status, _) = api.try_call("iot", "GET", &format!("/things/thing-{serial}"), None);
        assert_eq!(status, 404, "{serial} has no thing");
    }

    /// Makes a device, which must be refused by an interceptor that says this.
    #[track_caller]
    fn assert_denied(&self, serial: &str, interceptor: &str, message: &str) -> DeviceCertificate {
        let certificate = self.ca.issue_device(serial);
        let why = format!("interceptor {interceptor} denied the device: {message}");
        self.assert_refused(&certificate, serial, "interceptor_denied", &why);
        certificate
    }

    /// Tries the registration of a refused device again until it is let in: a file that changed is read soon, not at once.
    #[track_caller]
    fn retry_until_let_in(&self, certificate: &DeviceCertificate, serial: &str) {
        let summary = self.server.wait_for("that the device is let in", |_| {
            let ran = self.landfall(&["registrations", "retry", &certificate.id]);
            if ran.success() {
                return Some(ran.stdout);
            }
            let is_kept_out = ran.stderr.contains("interceptor_denied") || ran.stdout.contains("1 waiting");
            assert!(is_kept_out, "{ran}");
            None
        });
        assert_eq!(summary.trim(), "1 registration tried again: 1 registered");
        assert_eq!(self.connect(certificate, serial), Ok(()), "{serial}");
        let outcomes = self.server.api().outcomes(&certificate.id);
        assert_eq!(outcomes, ["interceptor_denied", "success"], "{serial}");
    }

    /// The attributes of the thing of a serial number.
    #[track_caller]
    fn attributes(&self, serial: &str) -> Value {
        self.server.api().iot("GET", &format!("/things/thing-{serial}"))["attributes"].clone()
    }

    /// The registrations that wait or waited, in this state.
    #[track_caller]
    fn jobs(&self, status: &str) -> Vec<Value> {
        let page = self.server.api().landfall(&format!("registration-jobs?status={status}&limit=1000"));
        page["registrationJobs"].as_array().expect("jobs").clone()
    }
}

fn webhook_settings(url: &str) -> String {
    format!(
        "[[Interceptors]]\nName = 'assets'\nKind = 'webhook'\nUrl = '{url}'\nSecretFile = 'webhook.secret'\n"
    )
}

fn unavailable() -> WebAnswer {
    WebAnswer::Text { status: 503, content_type: "text/plain", body: "down for maintenance".to_owned() }
}

fn allow() -> WebAnswer {
    WebAnswer::Json(json!({"decision": "allow"}))
}

/// A member of a request that is a text.
#[track_caller]
fn text(request: &Value, pointer: &str) -> String {
    request
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_else(|| panic!("{pointer}: {request}"))
        .to_owned()
}

/// A webhook that fails until each device of a fleet was turned away twice and the outage has lasted long enough.
struct Outage {
    webhook: WebServer,
    is_over: Arc<AtomicBool>,
}

impl Outage {
    fn begin(devices: usize, lasting: Duration) -> Self {
        let (is_over, began) = (Arc::new(AtomicBool::new(false)), now());
        let (over, failures) = (Arc::clone(&is_over), Mutex::new(BTreeMap::<String, usize>::new()));
        let webhook = WebServer::start(move |request| {
            if over.load(Ordering::SeqCst) {
                return allow();
            }
            let mut failures = failures.lock().expect("nobody panics");
            let certificate = text(&request.json(), "/certificate/certificateDescription/certificateId");
            *failures.entry(certificate).or_default() += 1;
            let is_enough = failures.len() >= devices && failures.values().all(|failed| *failed >= 2);
            over.store(is_enough && began.elapsed() >= lasting, Ordering::SeqCst);
            unavailable()
        });
        Self { webhook, is_over }
    }

    /// What was asked about each certificate: the attempts and the ids of the registration.
    fn asked(&self) -> BTreeMap<String, (Vec<u64>, BTreeSet<String>)> {
        let mut asked: BTreeMap<_, (Vec<u64>, BTreeSet<String>)> = BTreeMap::new();
        for request in self.webhook.requests() {
            let request = request.json();
            let certificate = text(&request, "/certificate/certificateDescription/certificateId");
            let (attempts, registrations) = asked.entry(certificate).or_default();
            attempts.push(request["attempt"].as_u64().expect("a number"));
            registrations.insert(text(&request, "/creationId"));
        }
        asked
    }
}

/// Show 3: also with `LANDFALL_E2E_FLEET=500 LANDFALL_E2E_OUTAGE=60s`.
#[test]
fn a_fleet_whose_interceptor_fails_for_a_while_is_registered_and_its_history_says_why_it_waited() {
    let devices = match env::var("LANDFALL_E2E_FLEET") {
        Ok(number) => number.parse().expect("LANDFALL_E2E_FLEET is a number"),
        Err(_) => FLEET,
    };
    let lasting = match env::var("LANDFALL_E2E_OUTAGE") {
        Ok(time) => {
            let seconds = time.strip_suffix('s').and_then(|seconds| seconds.parse().ok());
            Duration::from_secs(seconds.expect("LANDFALL_E2E_OUTAGE is a number of seconds, as 60s"))
        }
        Err(_) => Duration::ZERO,
    };
    let outage = Outage::begin(devices, lasting);
    let folder = Folder::new();
    folder.write("webhook.secret", SECRET);
    let scene = folder.start(&webhook_settings(&outage.webhook.url()));
    // All of them at once, so that everybody meets the outage.
    let at_once = devices.to_string();
    open_files(u64::try_from(devices).expect("a small number") * 2 + 1_000);
    let mut command = simulate(&scene.server, &scene.folder.ca, devices, &["--concurrency", &at_once]);
    let simulation = Process::start(&mut command, "");
    let report: Value = serde_json::from_str(&simulation.finish(FLEET_DEADLINE + lasting).stdout())
        .expect("a report in JSON");
    assert_eq!(report["registered"], devices, "{report}");
    assert!(outage.is_over.load(Ordering::SeqCst));

    // Each has one thing, of one registration, and was allowed once.
    let api = scene.server.api();
    let things = api.things();
    assert_eq!(things.len(), devices);
    let asked = outage.asked();
    assert_eq!(asked.len(), devices);
    for thing in &things {
        let name = thing["thingName"].as_str().expect("a name");
        let principals = api.principals(name);
        assert_eq!(principals.len(), 1, "{name}");
        let (_, id) = principals[0].rsplit_once('/').expect("an ARN");
        let (attempts, registrations) = &asked[id];
        let expected: Vec<u64> = (1..=u64::try_from(attempts.len()).expect("a small number")).collect();
        assert_eq!(attempts, &expected, "{id}");
        let creation_id = thing["attributes"]["creation_id"].as_str().expect("an id").to_owned();
        assert_eq!(registrations, &BTreeSet::from([creation_id]), "{id}");
    }
    let certificates = api.certificates();
    assert_eq!(certificates.len(), devices);
    assert!(certificates.iter().all(|certificate| certificate["status"] == "ACTIVE"), "{certificates:?}");
    let log = api.landfall("registrations?limit=1000");
    let records = log["registrations"].as_array().expect("registrations");
    assert_eq!(records.len(), devices, "nobody failed, and nobody succeeded twice");
    for record in records {
        assert_eq!(
            (&record["outcome"]["result"], &record["attempts"]),
            (&json!("success"), &json!(1)),
            "{record}"
        );
    }

    // The history of each says why it waited.
    let jobs = scene.jobs("DONE");
    assert_eq!(jobs.len(), devices);
    for job in &jobs {
        let (attempts, _) = &asked[job["certificateId"].as_str().expect("an id")];
        assert_eq!(job["attemptsFailed"], attempts.len() - 1, "{job}");
        for attempt in job["attempts"].as_array().expect("attempts") {
            assert_eq!(attempt["interceptor"], "assets", "{attempt}");
            let problem = attempt["problem"].as_str().expect("a problem");
            assert!(problem.contains("503") && problem.contains("down for maintenance"), "{problem}");
        }
    }
    let id = jobs[0]["certificateId"].as_str().expect("an id");
    let shown = scene.landfall(&["registrations", "show", id]).stdout();
    assert!(shown.contains("SUCCESS") && shown.contains("DONE, succeeded at"), "{shown}");
    assert!(shown.contains("interceptor assets: ") && shown.contains("503 Service Unavailable"), "{shown}");
}

#[test]
fn registrations_that_wait_go_on_after_a_kill_without_their_devices() {
    let is_over = Arc::new(AtomicBool::new(false));
    let over = Arc::clone(&is_over);
    let webhook =
        WebServer::start(move |_| if over.load(Ordering::SeqCst) { allow() } else { unavailable() });
    let folder = Folder::new();
    folder.write("webhook.secret", SECRET);
    let settings = format!("FirstConnectHold = '50ms'\n{}", webhook_settings(&webhook.url()));
    let mut scene = folder.start(&settings);
    let serials = ["1", "2", "3", "4", "5"];
    let certificates = serials.map(|serial| scene.ca.issue_device(serial));
    for (certificate, serial) in certificates.iter().zip(serials) {
        // Nobody has refused it: it may come again.
        let told = scene.connect(certificate, serial);
        assert_eq!(told, Err(Refused::Connack(ReasonCode::ServerUnavailable)), "{serial}");
    }
    let waiting = scene.jobs("WAITING");
    assert_eq!(waiting.len(), serials.len(), "{waiting:?}");
    let listed = scene.landfall(&["registrations", "list", "--status", "waiting"]).stdout();
    assert!(certificates.iter().all(|certificate| listed.contains(&certificate.id)), "{listed}");

    scene.server.kill();
    is_over.store(true, Ordering::SeqCst);
    scene.server.start_again();
    scene
        .server
        .wait_for("that all are registered", |_| (scene.jobs("DONE").len() == serials.len()).then_some(()));
    for (certificate, serial) in certificates.iter().zip(serials) {
        assert_eq!(scene.server.api().outcomes(&certificate.id), ["success"], "{serial}");
        let begun = waiting.iter().find(|job| job["certificateId"] == *certificate.id).expect("its job");
        // It is the registration that was begun.
        assert_eq!(scene.attributes(serial)["creation_id"], begun["creationId"], "{serial}");
        assert_eq!(scene.connect(certificate, serial), Ok(()), "{serial}");
    }
    scene.server.process().wait_for_line("that registrations go on", |line| {
        line.contains("registrations go on that waited").then_some(())
    });
}

#[test]
fn an_allow_list_is_changed_while_the_server_runs() {
    let folder = Folder::new();
    folder.write("devices.txt", "# of this plant\nSN-1\n");
    let scene = folder.start(
        "[[Interceptors]]\nName = 'ours'\nKind = 'allow-list'\nFile = 'devices.txt'\nEntries = 'device-serial-number'\n\
         MaxAge = '1s'\n",
    );
    scene.assert_let_in("SN-1");
    let denied = scene.assert_denied("SN-2", "ours", "serial number SN-2 is not on the allow list");
    // It stays out when it comes again, and by hand.
    let ran = scene.landfall(&["registrations", "retry", &denied.id]);
    assert_eq!(ran.code(), Some(1), "{ran}");
    assert!(ran.stdout.contains("1 refused") && ran.stderr.contains("is not on the allow list"), "{ran}");

    // A list that has become wrong holds for MaxAge. Then it fails, and says why.
    scene.folder.write("devices.txt", &format!("SN-2\n{}\n", "x".repeat(2_000)));
    scene.server.wait_for("that the list holds no longer", |_| {
        let ran = scene.landfall(&["registrations", "retry", &denied.id]);
        assert_eq!(ran.code(), Some(1), "{ran}");
        let is_waiting = ran.stdout.contains("1 waiting");
        assert!(!is_waiting || ran.stderr.contains("line 2 has more than"), "{ran}");
        is_waiting.then_some(())
    });
    scene.folder.write("devices.txt", "SN-2\n");
    scene.retry_until_let_in(&denied, "SN-2");
    scene.assert_denied("SN-3", "ours", "serial number SN-3 is not on the allow list");
}

#[test]
fn a_deny_list_is_changed_while_the_server_runs() {
    let folder = Folder::new();
    let ca = QuickCa::of(&folder.ca);
    let [stolen, found] = ["SN-1", "SN-2"].map(|serial| ca.issue_device(serial));
    let fingerprint = |certificate: &DeviceCertificate| {
        let mut openssl = program("openssl");
        openssl.args(["x509", "-fingerprint", "-sha256", "-noout", "-in"]).arg(&certificate.leaf);
        let printed = run(&mut openssl, "", DEADLINE).stdout();
        let (_, digits) = printed.split_once('=').expect("a fingerprint");
        digits.to_owned()
    };
    folder.write("stolen.txt", &fingerprint(&stolen));
    let scene = folder.start("[[Interceptors]]\nName = 'stolen'\nKind = 'deny-list'\nFile = 'stolen.txt'\n");
    let why = |certificate: &DeviceCertificate| format!("fingerprint {} is on the deny list", certificate.id);
    scene.assert_refused(&stolen, "SN-1", "interceptor_denied", &why(&stolen));
    scene.assert_let_in("SN-3");

    scene.folder.write("stolen.txt", &fingerprint(&found));
    scene.retry_until_let_in(&stolen, "SN-1");
    scene.assert_refused(&found, "SN-2", "interceptor_denied", &why(&found));
}

/// Writes a revocation list of OpenSSL with these certificates, and puts it in the place of the last one.
#[track_caller]
fn write_crl(folder: &Folder, revoked: &[&Path]) {
    let config = "[ca]\ndefault_ca=here\n[here]\ndatabase=index.txt\ndefault_md=sha256\ncrl_extensions=crl\n\
                  [crl]\nauthorityKeyIdentifier=keyid\n";
    folder.write("crl.cnf", config);
    folder.write("index.txt", "");
    let openssl = |arguments: &[&str]| {
        let mut openssl = program("openssl");
        openssl.args(["ca", "-config", "crl.cnf", "-cert", "ca.pem", "-keyfile", "ca.key"]).args(arguments);
        run(openssl.current_dir(folder.directory.path()), "", DEADLINE).stdout();
    };
    for certificate in revoked {
        openssl(&["-revoke", &certificate.to_string_lossy()]);
    }
    openssl(&["-gencrl", "-crldays", "7", "-out", "ca.crl.new"]);
    fs::rename(folder.path("ca.crl.new"), folder.path("ca.crl")).expect("a revocation list");
}

#[test]
fn a_revocation_list_of_openssl_is_read_again_after_a_revocation() {
    let folder = Folder::new();
    let ca = QuickCa::of(&folder.ca);
    let [first, second] = ["SN-1", "SN-2"].map(|serial| ca.issue_device(serial));
    write_crl(&folder, &[&first.leaf]);
    let settings = "[[Interceptors]]\nName = 'revoked'\nKind = 'crl'\nFiles = ['ca.crl']\nMaxAge = '7d'\n";
    let scene = folder.start(settings);
    let why = "is on the CA's revocation list";
    scene.assert_refused(&first, "SN-1", "interceptor_denied", why);
    scene.assert_let_in("SN-3");

    // That the first one is let in tells that the new list is read.
    write_crl(&scene.folder, &[&second.leaf]);
    scene.retry_until_let_in(&first, "SN-1");
    scene.assert_refused(&second, "SN-2", "interceptor_denied", why);

    // The list of another CA says nothing about these devices: they wait.
    let another = Ca::root(scene.folder.directory.path(), "other", KeyKind::P256);
    another.register(&scene.server.api());
    scene.reload(&format!("FirstConnectHold = '50ms'\n{settings}"));
    let certificate = QuickCa::of(&another).issue_device("SN-4");
    let told = scene.connect(&certificate, "SN-4");
    assert_eq!(told, Err(Refused::Connack(ReasonCode::ServerUnavailable)));
    let problem = text(&scene.jobs("WAITING")[0], "/attempts/0/problem");
    assert!(problem.contains("no file has a revocation list of the CA certificate"), "{problem}");
}

#[test]
fn a_quota_lets_others_wait_until_there_is_room() {
    let quota = |per_hour: u32| {
        format!(
            "FirstConnectHold = '50ms'\n[[Interceptors]]\nName = 'at most'\nKind = 'quota'\nDevicesPerHour = {per_hour}\n"
        )
    };
    let scene = Folder::new().start(&quota(1));
    scene.assert_let_in("SN-1");
    let second = scene.ca.issue_device("SN-2");
    let told = scene.connect(&second, "SN-2");
    assert_eq!(told, Err(Refused::Connack(ReasonCode::ServerUnavailable)), "it is not refused");
    let waiting = scene.jobs("WAITING");
    let problem = text(&waiting[0], "/attempts/0/problem");
    assert!(
        problem.contains("quota") && problem.contains("there is a place for another device in"),
        "{problem}"
    );
    assert_eq!(scene.server.api().outcomes(&second.id), Vec::<String>::new(), "it waits");
    let ran = scene.landfall(&["registrations", "retry", &second.id]);
    assert!(ran.stdout.contains("1 waiting") && ran.stderr.contains("quota"), "{ran}");

    scene.reload(&quota(100));
    let ran = scene.landfall(&["registrations", "retry", &second.id]);
    assert_eq!(ran.stdout().trim(), "1 registration tried again: 1 registered");
    assert_eq!(scene.connect(&second, "SN-2"), Ok(()));
}

#[test]
fn a_program_is_asked_and_what_it_could_not_say_is_a_dead_letter_until_it_can() {
    let folder = Folder::new();
    let script = "#!/bin/sh\nread -r request\ncase \"$request\" in\n\
                  *'\"serialNumber\":\"SN-1\"'*) echo '{\"decision\": \"deny\", \"message\": \"it was never sold\"}' ;;\n\
                  *) echo \"{\\\"decision\\\": \\\"allow\\\", \\\"attributes\\\": {\\\"site\\\": \\\"$1\\\", \\\"product_id\\\": null}}\" ;;\n\
                  esac\n";
    folder.write_program("check-device", script);
    let path = folder.path("check-device").to_string_lossy().into_owned();
    let scene = folder.start(&format!(
        "MaxReceiveCount = 1\n[[Interceptors]]\nName = 'check'\nKind = 'executable'\nProgram = '{path}'\nArguments = ['berlin']\n"
    ));
    scene.assert_denied("SN-1", "check", "it was never sold");
    scene.assert_let_in("SN-2");
    let attributes = scene.attributes("SN-2");
    assert_eq!(
        (&attributes["site"], &attributes["product_id"]),
        (&json!("berlin"), &Value::Null),
        "{attributes}"
    );

    scene.folder.write_program("check-device", "#!/bin/sh\necho 'no database' >&2\nexit 3\n");
    let third = scene.ca.issue_device("SN-3");
    let why = "check-device ended with 3: no database";
    scene.assert_refused(&third, "SN-3", "registration_gave_up", why);
    let listed = scene.landfall(&["registrations", "list", "--status", "dead"]).stdout();
    assert!(listed.contains(&third.id) && listed.contains("interceptor check: "), "{listed}");
    scene.folder.write_program("check-device", script);
    let gave_up = ["registrations", "retry", "--all", "--reason", "registration_gave_up"];
    let retried = scene.landfall(&gave_up).stdout();
    assert_eq!(retried.trim(), "1 registration tried again: 1 registered");
    assert_eq!(scene.connect(&third, "SN-3"), Ok(()));
}

#[test]
fn functions_are_asked_as_interceptors() {
    let folder = Folder::new();
    let source = "def handler(event, context):\n    \
                  if event['serialNumber'] == 'SN-1' and event['interceptor'] == 'function':\n        \
                  raise Exception('it was reported stolen')\n    \
                  if event['serialNumber'] == 'SN-2':\n        \
                  raise Exception('nobody knows it')\n    \
                  return {'decision': 'allow', 'attributes': {'asked_' + event['interceptor']: event['thingName']}}\n";
    folder.write("check.py", source);
    let mut python = program("python3");
    python.args(["-m", "zipfile", "-c", "check.zip", "check.py"]).current_dir(folder.directory.path());
    run(&mut python, "", DEADLINE).stdout();
    let zip = format!("fileb://{}", folder.path("check.zip").to_string_lossy());
    let scene = folder.start_with("", Landfall::start_with_functions);
    let created = scene.server.aws_json(&[
        "lambda",
        "create-function",
        "--function-name",
        "check-device",
        "--zip-file",
        &zip,
        "--role",
        "arn:aws:iam::000000000000:role/check",
        "--handler",
        "check.handler",
        "--runtime",
        "python3.12",
    ]);
    let arn = text(&created, "/FunctionArn");
    scene.reload(&format!(
        "FirstConnectHold = '30s'\nInterceptorLambda = 'check-device'\n\
         [[Interceptors]]\nName = 'function'\nKind = 'function'\nFunction = '{arn}'\nOnError = 'deny'\n"
    ));
    scene.assert_denied("SN-1", "function", "it was reported stolen");
    scene.assert_denied("SN-2", "InterceptorLambda", "nobody knows it");
    scene.assert_let_in("SN-3");
    let attributes = scene.attributes("SN-3");
    for interceptor in ["function", "InterceptorLambda"] {
        assert_eq!(attributes[format!("asked_{interceptor}")], "thing-SN-3", "{attributes}");
    }
}

/// Checks a request with the function that the documentation gives to those who write webhooks.
#[track_caller]
fn assert_signed(request: &WebRequest) {
    let page = fs::read_to_string(project().join("docs/interceptors.md")).expect("the documentation");
    let (_, code) = page.split_once("```python\n").expect("a program in Python");
    let (code, _) = code.split_once("```").expect("its end");
    let headers: BTreeMap<_, _> = ["X-Landfall-Timestamp", "X-Landfall-Signature"]
        .map(|name| (name, request.header(&name.to_lowercase()).expect("a header")))
        .into();
    let mut script = code.to_owned();
    script.push_str("\nimport json, sys\nheaders, secret, body = json.load(sys.stdin)\n");
    script.push_str("print(is_landfall(secret.encode(), headers, body.encode()))\n");
    let asked = |secret: &str, body: &str| {
        let input = json!([headers, secret, body]).to_string();
        run(program("python3").args(["-c", &script]), &input, DEADLINE).stdout()
    };
    assert_eq!(asked(SECRET, &request.body).trim(), "True");
    assert_eq!(asked(SECRET, &format!("{} ", request.body)).trim(), "False");
}

#[test]
fn a_webhook_denies_devices_and_changes_their_attributes() {
    let webhook = WebServer::start(|request| {
        WebAnswer::Json(match text(&request.json(), "/serialNumber").as_str() {
            "SN-1" => json!({"decision": "deny", "message": "serial number SN-1 was\nnever sold"}),
            _ => json!({"decision": "allow", "attributes": {"site": "berlin", "product_id": null}}),
        })
    });
    let folder = Folder::new();
    // The line feed is no part of the secret.
    folder.write("webhook.secret", &format!("{SECRET}\n"));
    let scene = folder.start(&webhook_settings(&webhook.url()));
    let denied = scene.assert_denied("SN-1", "assets", "serial number SN-1 was never sold");
    scene.assert_let_in("SN-2");
    let attributes = scene.attributes("SN-2");
    assert_eq!(
        (&attributes["site"], &attributes["product_id"]),
        (&json!("berlin"), &Value::Null),
        "{attributes}"
    );

    let requests = webhook.requests();
    assert_eq!(requests.len(), 2);
    assert_signed(&requests[0]);
    let asked = requests[0].json();
    assert_eq!(asked["certificate"]["certificateDescription"]["certificateId"], *denied.id);
    assert_eq!((&asked["thingName"], &asked["attempt"]), (&json!("thing-SN-1"), &json!(1)), "{asked}");
    let shown = scene.landfall(&["registrations", "show", &denied.id]).stdout();
    assert!(shown.contains("interceptor_denied: interceptor assets denied the device"), "{shown}");
}

/// What a webhook must not answer, and what is said of it.
fn wrong_answers() -> Vec<(&'static str, WebAnswer, &'static str)> {
    let text =
        |status, content_type, body: &str| WebAnswer::Text { status, content_type, body: body.to_owned() };
    let json = |body: &str| text(200, "application/json", body);
    vec![
        ("html", text(200, "text/html", "<html>Log in, please</html>"), "which is not JSON: \"<html>Log in"),
        ("html-as-json", json("<html>"), "the answer is no JSON"),
        ("missing", text(404, "text/html", "no such page"), "answered 404 Not Found: \"no such page\""),
        // A proxy in between must not deny a device.
        ("forbidden", text(403, "application/json", r#"{"decision": "deny"}"#), "answered 403 Forbidden"),
        ("elsewhere", text(302, "text/plain", ""), "answered 302 Found"),
        ("ten-megabytes", json(&format!("\"{}\"", "x".repeat(10_000_000))), "answered more than 65536 bytes"),
        ("never", WebAnswer::Never, "it did not answer within 1s"),
        ("unfinished", WebAnswer::Unfinished, "it did not answer within 1s"),
        ("empty", json(""), "the answer is no JSON"),
        ("number", json("7"), "the answer is a number; it must be an object"),
        ("undecided", json("{}"), "the answer has no decision"),
        ("maybe", json(r#"{"decision": "maybe"}"#), "it must be \"allow\" or \"deny\""),
        ("more", json(r#"{"decision": "allow", "thingName": "mine"}"#), "\"thingName\", which is not known"),
        (
            "id",
            json(r#"{"decision": "allow", "attributes": {"creation_id": "1"}}"#),
            "creation_id, which belongs to the registration",
        ),
        (
            "attribute",
            json(r##"{"decision": "allow", "attributes": {"a b": "1"}}"##),
            "the answer changes the attribute \"a b\"",
        ),
    ]
}

#[test]
fn what_a_webhook_must_not_answer_is_named_as_the_cause() {
    let webhook = WebServer::start(|request| {
        let serial = text(&request.json(), "/serialNumber");
        let answers = wrong_answers().into_iter().find(|(name, ..)| *name == serial);
        answers.expect("a known device").1
    });
    let folder = Folder::new();
    folder.write("webhook.secret", SECRET);
    let hook = webhook_settings(&webhook.url());
    let scene = folder.start(&format!("{hook}Deadline = '1s'\nOnFailure = 'deny'\n"));
    let devices: Vec<_> = wrong_answers()
        .into_iter()
        .map(|(serial, _, problem)| (serial, problem, scene.ca.issue_device(serial)))
        .collect();
    thread::scope(|scope| {
        for (serial, problem, certificate) in &devices {
            let scene = &scene;
            scope.spawn(move || scene.assert_refused(certificate, serial, "interceptor_denied", problem));
        }
    });
    assert_eq!(webhook.requests().len(), devices.len(), "nobody is asked twice");

    // Without OnFailure they wait, for the same reason.
    scene.reload(&format!("FirstConnectHold = '50ms'\n{hook}"));
    for (_, problem, certificate) in devices.iter().take(3) {
        let ran = scene.landfall(&["registrations", "retry", &certificate.id]);
        assert!(
            ran.stdout.contains("1 waiting") && ran.stderr.contains(problem.trim_end_matches('"')),
            "{ran}"
        );
    }
}

#[test]
fn interceptors_that_cannot_work_are_refused_when_they_are_loaded() {
    let folder = Folder::new();
    folder.write("webhook.secret", SECRET);
    folder.write("short.secret", "0123");
    folder.write("devices.txt", "SN-1\n");
    folder.write("text", "no program");
    let text_file = folder.path("text").to_string_lossy().into_owned();
    let scene = folder.start("");
    let hook = |rest: &str| format!("Kind = 'webhook'\n{rest}");
    let cases = [
        ("Kind = 'allow-list'\nFile = 'none.txt'\n".to_owned(), "4:8", "none.txt cannot be read"),
        ("Kind = 'allow-list'\nFile = 'devices.txt'\n".to_owned(), "4:8", "line 1: \"SN-1\" is not"),
        ("Kind = 'crl'\nFiles = ['text']\n".to_owned(), "4:9", "text"),
        ("Kind = 'quota'\n".to_owned(), "1:1", "DevicesPerHour"),
        ("Kind = 'quota'\nDevicesPerHour = 0\n".to_owned(), "4:18", "DevicesPerHour"),
        (format!("Kind = 'executable'\nProgram = '{text_file}'\n"), "4:11", "no file that may be executed"),
        (hook("Url = 'http://example.com/'\nSecretFile = 'webhook.secret'\n"), "4:7", "needs https"),
        (
            hook("Url = 'https://example.com/'\nSecretFile = 'short.secret'\n"),
            "5:14",
            "the secret has 4 bytes",
        ),
        (hook("Url = 'https://example.com/'\n"), "1:1", "SecretFile"),
        ("Kind = 'oracle'\n".to_owned(), "3:8", "oracle"),
        ("Kind = 'quota'\nDevicesPerHour = 1\nFile = 'x'\n".to_owned(), "5:1", "File is not known"),
    ];
    let path = scene.folder.path("registrar.toml").to_string_lossy().into_owned();
    for (settings, place, problem) in &cases {
        scene.folder.write("registrar.toml", &format!("[[Interceptors]]\nName = 'x'\n{settings}"));
        let checked = Landfall::run(&["config", "check", &path]);
        assert!(!checked.success(), "{settings}{checked}");
        let place = format!("registrar.toml:{place}");
        assert!(checked.stderr.contains(&place) && checked.stderr.contains(problem), "{settings}{checked}");
    }
    let reloaded = scene.landfall(&["config", "reload"]);
    assert!(!reloaded.success() && reloaded.stderr.contains("File is not known"), "{reloaded}");
    // The server goes on with what it has.
    scene.assert_let_in("SN-1");
}
