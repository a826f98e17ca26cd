use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf, absolute};
use std::time::Duration;

use anyhow::anyhow;
use landfall_interceptors::PreparedInterceptors;
use landfall_model::Scope;
use landfall_registration::{
    Admits, EntryKind, InterceptorKind, InterceptorSettings, ListSettings, OnFailure, Raised,
};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::file::text_of;
use crate::place::{Fault, Place};

/// The tables of interceptors.
pub(super) const INTERCEPTORS: &str = "Interceptors";

/// How interceptors are explained in a file that explains itself.
pub(super) const ABOUT: &str = r#"
# What is asked before a device is provisioned, besides InterceptorLambda and in this order; each has these:
#   Name       tells it from the others
#   Deadline   how long its answer may take: "5s" unless it is said, and "30s" for a function
#   OnFailure  when it cannot be asked: "retry" later (unless it is said), "deny" or "allow" the device
# Files stand where the path says, seen from the folder of this file; they are read again when they change. The interceptors of
# a CA certificate, as [[CA.ID.Interceptors]], take the place of these.
#[[Interceptors]]
#Name = "ours"
#Kind = "allow-list"                  # or "deny-list": one entry a line
#File = "devices.txt"
#Entries = "device-serial-number"     # or "certificate-serial-number", or "fingerprint"
#MaxAge = "1d"                        # how long a file that cannot be read any more holds; for ever unless it is said
#[[Interceptors]]
#Name = "revoked"
#Kind = "crl"                         # revocation lists, signed by the CA
#Files = ["ca.crl"]
#MaxAge = "7d"                        # by thisUpdate; nextUpdate holds in any case
#[[Interceptors]]
#Name = "at most"
#Kind = "quota"
#DevicesPerHour = 1000                # of each CA certificate
#[[Interceptors]]
#Name = "asset database"
#Kind = "webhook"
#Url = "https://assets.example.com/landfall"
#SecretFile = "webhook.secret"        # signs each request; `openssl rand -hex 32` makes one
#CaFile = "company-ca.pem"            # who vouches for the server, unless the machine trusts it anyway
#[[Interceptors]]
#Name = "check"
#Kind = "executable"
#Program = "/usr/local/bin/check-device"
#Arguments = ["--strict"]
#[[Interceptors]]
#Name = "function"
#Kind = "function"
#Function = "check-device"
#OnError = "fail"                     # or "deny": an error that it raises denies the device
"#;

/// The most interceptors that one device is asked about.
const INTERCEPTORS_MAX: usize = 32;

/// The most characters of an interceptor's name.
const NAME_CHARACTERS_MAX: usize = 64;

/// One `[[Interceptors]]` as the file has it.
#[derive(Clone, Debug)]
pub(super) struct InterceptorDraft {
    place: Place,
    members: BTreeMap<String, Member>,
}

#[derive(Clone, Debug)]
struct Member {
    name: Place,
    place: Place,
    value: Value,
}

#[derive(Clone, Debug)]
enum Value {
    Text(String),
    List(Vec<String>),
    Number(u32),
    /// Something else; what it is, for people.
    Other(&'static str),
}

/// What interceptors are compiled for.
pub(super) struct Surroundings<'s> {
    pub(super) scope: &'s Scope,
    /// Where relative paths begin.
    pub(super) folder: &'s Path,
    /// Where interceptors are made ready; none leaves them unready, and their files unread.
    pub(super) prepared: Option<&'s PreparedInterceptors>,
}

/// Reads `[[Interceptors]]`.
///
/// # Errors
/// They are something else: where, and what would be right.
pub(super) fn read(text: &str, value: &Spanned<DeValue<'_>>) -> Result<Vec<InterceptorDraft>, Fault> {
    let place = Place::in_text(text, value.span().start);
    let wrong =
        || place.fault(anyhow!("interceptors are tables of their own, each under [[{INTERCEPTORS}]]"));
    let DeValue::Array(values) = value.get_ref() else {
        return Err(wrong());
    };
    if values.len() > INTERCEPTORS_MAX {
        let found = values.len();
        return Err(place.fault(anyhow!("there are {found} interceptors; {INTERCEPTORS_MAX} are the most")));
    }
    let tables = values.iter().map(|value| match value.get_ref() {
        DeValue::Table(table) => {
            Ok(InterceptorDraft::read(text, Place::in_text(text, value.span().start), table))
        }
        DeValue::String(_)
        | DeValue::Integer(_)
        | DeValue::Float(_)
        | DeValue::Boolean(_)
        | DeValue::Datetime(_)
        | DeValue::Array(_) => Err(wrong()),
    });
    tables.collect()
}

/// Compiles interceptors and makes them ready. What is wrong with one goes to the faults, and it is left out.
pub(super) fn prepare(
    drafts: &[InterceptorDraft],
    surroundings: &Surroundings<'_>,
    faults: &mut Vec<Fault>,
) -> Vec<InterceptorSettings> {
    let mut compiled: Vec<InterceptorSettings> = Vec::with_capacity(drafts.len());
    for draft in drafts {
        let Some(settings) = draft.compile(surroundings, faults) else {
            continue;
        };
        let name = &settings.name;
        if **name == *InterceptorSettings::LAMBDA || compiled.iter().any(|known| known.name == *name) {
            faults.push(draft.place_of("Name").fault(anyhow!("there is another interceptor named {name:?}")));
        } else if let Some(Err(problem)) = surroundings.prepared.map(|ready| ready.prepare(&settings)) {
            faults.push(draft.place_of(problem.parameter()).fault(problem));
        } else {
            compiled.push(settings);
        }
    }
    compiled
}

impl InterceptorDraft {
    fn read(text: &str, place: Place, table: &DeTable<'_>) -> Self {
        let member = |(name, value): (&Spanned<toml::de::DeString<'_>>, &Spanned<DeValue<'_>>)| {
            let [name_place, place] =
                [name.span(), value.span()].map(|span| Place::in_text(text, span.start));
            let member = Member { name: name_place, place, value: Value::of(value.get_ref()) };
            (name.get_ref().clone().into_owned(), member)
        };
        Self { place, members: table.iter().map(member).collect() }
    }

    /// Where a parameter stands, or the interceptor if it is not there.
    fn place_of(&self, parameter: &str) -> Place {
        self.members.get(parameter).map_or(self.place, |member| member.place)
    }

    fn compile(
        &self,
        surroundings: &Surroundings<'_>,
        faults: &mut Vec<Fault>,
    ) -> Option<InterceptorSettings> {
        let before = faults.len();
        let mut reader = Reader { draft: self, surroundings, known: vec!["Kind"], faults };
        let kind = reader.word("Kind", KINDS, None)?;
        let settings = reader.settings(kind);
        let known = std::mem::take(&mut reader.known);
        for (name, member) in self.members.iter().filter(|(name, _)| !known.contains(&name.as_str())) {
            let known = known.join(", ");
            let message = anyhow!("{name} is not known; an interceptor of the kind {kind:?} has {known}");
            faults.push(member.name.fault(message));
        }
        settings.filter(|_| faults.len() == before)
    }
}

impl Value {
    fn of(value: &DeValue<'_>) -> Self {
        match value {
            DeValue::String(text) => Self::Text(text.clone().into_owned()),
            DeValue::Integer(number) => {
                let parsed = u32::from_str_radix(number.as_str(), number.radix());
                parsed.map_or(Self::Other("a number out of range"), Self::Number)
            }
            DeValue::Array(values) => {
                let texts: Option<Vec<String>> = values.iter().map(text_of).collect();
                texts.map_or(Self::Other("a list of other things than texts"), Self::List)
            }
            DeValue::Float(_) => Self::Other("a fraction"),
            DeValue::Boolean(_) => Self::Other("true or false"),
            DeValue::Datetime(_) => Self::Other("a date"),
            DeValue::Table(_) => Self::Other("a table"),
        }
    }

    fn found(&self) -> &'static str {
        match self {
            Self::Text(_) => "a text",
            Self::List(_) => "a list",
            Self::Number(_) => "a number",
            Self::Other(found) => found,
        }
    }
}

const KINDS: &[&str] = &["allow-list", "deny-list", "crl", "quota", "webhook", "executable", "function"];
const ON_FAILURE: &[&str] = &["retry", "deny", "allow"];
const ENTRIES: &[&str] = &["fingerprint", "certificate-serial-number", "device-serial-number"];
const ON_ERROR: &[&str] = &["fail", "deny"];

/// Reads the parameters of one interceptor, and notes which there can be and what is wrong.
struct Reader<'r> {
    draft: &'r InterceptorDraft,
    surroundings: &'r Surroundings<'r>,
    known: Vec<&'static str>,
    faults: &'r mut Vec<Fault>,
}

impl<'r> Reader<'r> {
    /// Everything, so that every fault is told at once. None when something is wrong.
    fn settings(&mut self, kind: &str) -> Option<InterceptorSettings> {
        let name = self.name();
        let is_function = kind == "function";
        let usual = if is_function {
            InterceptorSettings::FUNCTION_DEADLINE_DEFAULT
        } else {
            InterceptorSettings::DEADLINE_DEFAULT
        };
        let deadline = self.deadline(usual);
        let on_failure = match self.word("OnFailure", ON_FAILURE, Some("retry")) {
            Some("deny") => OnFailure::Deny,
            Some("allow") => OnFailure::Allow,
            Some(_) | None => OnFailure::Retry,
        };
        let kind = match kind {
            "allow-list" => self.list(Admits::Listed),
            "deny-list" => self.list(Admits::Unlisted),
            "crl" => self.crl(),
            "quota" => self.quota(),
            "webhook" => self.webhook(),
            "executable" => self.executable(),
            _ => self.function(),
        };
        Some(InterceptorSettings { name: name?, kind: kind?, deadline: deadline?, on_failure })
    }

    fn name(&mut self) -> Option<Box<str>> {
        let name = self.text("Name", true)?;
        let length = name.chars().count();
        if !(1..=NAME_CHARACTERS_MAX).contains(&length) || name.chars().any(char::is_control) {
            let message =
                format!("an interceptor's name has 1 to {NAME_CHARACTERS_MAX} characters in one line");
            self.fault("Name", message);
            return None;
        }
        Some(name.into())
    }

    fn deadline(&mut self, usual: Duration) -> Option<Duration> {
        let max = InterceptorSettings::DEADLINE_MAX;
        match self.time("Deadline")? {
            None => Some(usual),
            Some(deadline) if !deadline.is_zero() && deadline <= max => Some(deadline),
            Some(_) => {
                let max = humantime::format_duration(max);
                self.fault("Deadline", format!("a deadline is more than nothing, and {max} at most"));
                None
            }
        }
    }

    fn list(&mut self, admits: Admits) -> Option<InterceptorKind> {
        let file = self.path("File", true);
        let entries = match self.word("Entries", ENTRIES, Some("fingerprint")) {
            Some("certificate-serial-number") => EntryKind::CertificateSerialNumber,
            Some("device-serial-number") => EntryKind::DeviceSerialNumber,
            Some(_) | None => EntryKind::Fingerprint,
        };
        let max_age = self.time("MaxAge");
        Some(InterceptorKind::List(ListSettings { admits, file: file?, entries, max_age: max_age? }))
    }

    fn crl(&mut self) -> Option<InterceptorKind> {
        let files = self.texts("Files");
        let max_age = self.time("MaxAge");
        let files: Vec<PathBuf> = files?.iter().map(|file| self.resolve(file)).collect();
        if files.is_empty() {
            self.fault("Files", "there must be one file at least");
            return None;
        }
        Some(InterceptorKind::Crl { files, max_age: max_age? })
    }

    fn quota(&mut self) -> Option<InterceptorKind> {
        let wanted = "a number from 1 on";
        match self.member("DevicesPerHour", true)?.value {
            Value::Number(number) => match NonZeroU32::new(number) {
                Some(devices_per_hour) => return Some(InterceptorKind::Quota { devices_per_hour }),
                None => self.fault("DevicesPerHour", format!("it must be {wanted}")),
            },
            ref other @ (Value::Text(_) | Value::List(_) | Value::Other(_)) => {
                self.not(("DevicesPerHour", wanted), other)
            }
        }
        None
    }

    fn webhook(&mut self) -> Option<InterceptorKind> {
        let url = self.text("Url", true).map(str::to_owned);
        let secret_file = self.path("SecretFile", true);
        let ca_file = self.path("CaFile", false);
        Some(InterceptorKind::Webhook { url: url?, secret_file: secret_file?, ca_file })
    }

    fn executable(&mut self) -> Option<InterceptorKind> {
        let program = self.path("Program", true);
        let has_arguments = self.member("Arguments", false).is_some();
        let arguments = if has_arguments { self.texts("Arguments") } else { Some(Vec::new()) };
        Some(InterceptorKind::Executable { program: program?, arguments: arguments? })
    }

    fn function(&mut self) -> Option<InterceptorKind> {
        let function = self.text("Function", true);
        let raised = match self.word("OnError", ON_ERROR, Some("fail")) {
            Some("deny") => Raised::Denies,
            Some(_) | None => Raised::Fails,
        };
        match self.surroundings.scope.parse_function(function?) {
            Ok(function) => Some(InterceptorKind::Function { function, raised }),
            Err(problem) => {
                self.fault("Function", problem.to_string());
                None
            }
        }
    }

    /// One of these words; what is usual when nothing is said. None when something else is.
    fn word(
        &mut self,
        name: &'static str,
        words: &'static [&'static str],
        usual: Option<&'static str>,
    ) -> Option<&'static str> {
        let Some(found) = self.text(name, usual.is_none()) else {
            return usual;
        };
        let word = words.iter().find(|word| **word == found).copied();
        if word.is_none() {
            self.fault(name, format!("{found:?} is none of {}", words.join(", ")));
        }
        word
    }

    /// A time, if one is said. None when something else is.
    fn time(&mut self, name: &'static str) -> Option<Option<Duration>> {
        if self.member(name, false).is_none() {
            return Some(None);
        }
        let text = self.text(name, false)?;
        match humantime::parse_duration(text) {
            Ok(time) => Some(Some(time)),
            Err(problem) => {
                self.fault(name, format!("{text:?} is no time, as \"2s\": {problem}"));
                None
            }
        }
    }

    fn path(&mut self, name: &'static str, is_needed: bool) -> Option<PathBuf> {
        self.text(name, is_needed).map(|path| self.resolve(path))
    }

    /// A path as seen from the folder of the settings.
    fn resolve(&self, path: &str) -> PathBuf {
        let path = self.surroundings.folder.join(path);
        absolute(&path).unwrap_or(path)
    }

    fn text(&mut self, name: &'static str, is_needed: bool) -> Option<&'r str> {
        match &self.member(name, is_needed)?.value {
            Value::Text(text) => Some(text),
            other @ (Value::List(_) | Value::Number(_) | Value::Other(_)) => {
                self.not((name, "a text in quotation marks"), other);
                None
            }
        }
    }

    fn texts(&mut self, name: &'static str) -> Option<Vec<String>> {
        match &self.member(name, true)?.value {
            Value::List(texts) => Some(texts.clone()),
            other @ (Value::Text(_) | Value::Number(_) | Value::Other(_)) => {
                self.not((name, "a list of texts"), other);
                None
            }
        }
    }

    fn member(&mut self, name: &'static str, is_needed: bool) -> Option<&'r Member> {
        if !self.known.contains(&name) {
            self.known.push(name);
        }
        let member = self.draft.members.get(name);
        if member.is_none() && is_needed {
            self.faults.push(self.draft.place.fault(anyhow!("the interceptor has no {name}")));
        }
        member
    }

    fn not(&mut self, (name, wanted): (&str, &str), found: &Value) {
        self.fault(name, format!("it must be {wanted}, not {}", found.found()));
    }

    fn fault(&mut self, name: &str, message: impl std::fmt::Display) {
        self.faults.push(self.draft.place_of(name).fault(anyhow!("{name}: {message}")));
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use landfall_model::{AccountId, CaCertificateId, FunctionName, Region};
    use landfall_registration::{Registrar, SettingsSet};

    use super::*;
    use crate::settings::SettingsSources;

    struct Case {
        folder: tempfile::TempDir,
    }

    impl Case {
        fn new() -> Self {
            Self { folder: tempfile::tempdir().unwrap() }
        }

        fn path(&self, name: &str) -> PathBuf {
            self.folder.path().join(name)
        }

        /// Loads settings of this text; the places in an error are without the folder.
        fn load(&self, text: &str, overrides: &[&str]) -> Result<SettingsSet, String> {
            let file = self.path("registrar.toml");
            fs::write(&file, text).unwrap();
            let scope = Scope {
                account: AccountId::parse("000000000000").unwrap(),
                region: Region::parse("us-east-1").unwrap(),
            };
            let sources = SettingsSources {
                file: Some(file),
                overrides: overrides.iter().map(|text| (*text).to_owned()).collect(),
                ..SettingsSources::defaults(Registrar::Builtin)
            };
            let loaded = sources.load(&scope, &PreparedInterceptors::default());
            let folder = format!("{}/", self.folder.path().display());
            let loaded = loaded.map(|loaded| loaded.registrar);
            loaded.map_err(|problem| format!("{problem:#}").replace(&folder, ""))
        }
    }

    fn names(set: &SettingsSet, ca: u8) -> Vec<&str> {
        let settings = set.of(CaCertificateId::from_sha256([ca; 32]));
        settings.interceptors.iter().map(|interceptor| &*interceptor.name).collect()
    }

    #[test]
    fn what_is_explained_can_be_taken_as_it_is() {
        let case = Case::new();
        fs::write(case.path("devices.txt"), "SN-1\n").unwrap();
        fs::write(case.path("webhook.secret"), "0123456789abcdef0123456789abcdef\n").unwrap();
        let uncommented = ABOUT.replace("\n#", "\n").replace("/usr/local/bin/check-device", "/bin/true");
        let (_, tables) = uncommented.split_once("\n[[").unwrap();
        let problem = case.load(&format!("[[{tables}"), &[]).unwrap_err();
        // All but the files that somebody else has to make.
        assert_eq!(
            problem,
            "registrar.toml:10:9: Files cannot be used: ca.crl cannot be read: No such file or directory (os error 2)\n\
             registrar.toml:21:10: CaFile cannot be used: company-ca.pem cannot be read: No such file or directory (os error 2)"
        );
        let without: String = tables
            .lines()
            .filter(|line| !line.starts_with("CaFile"))
            .map(|line| format!("{line}\n"))
            .collect();
        let without = without
            .replace("Kind = \"crl\"", "Kind = \"quota\"\nDevicesPerHour = 7")
            .replace("Files = [\"ca.crl\"]\nMaxAge = \"7d\"", "#");
        let set = case.load(&format!("[[{without}"), &[]).unwrap();
        let found: Vec<&InterceptorKind> =
            set.default_settings().interceptors.iter().map(|interceptor| &interceptor.kind).collect();
        let file = case.path("devices.txt");
        let max_age = Some(Duration::from_secs(24 * 60 * 60));
        let list =
            ListSettings { admits: Admits::Listed, file, entries: EntryKind::DeviceSerialNumber, max_age };
        let quota = |number| InterceptorKind::Quota { devices_per_hour: NonZeroU32::new(number).unwrap() };
        let expected = [
            InterceptorKind::List(list),
            quota(7),
            quota(1_000),
            InterceptorKind::Webhook {
                url: "https://assets.example.com/landfall".to_owned(),
                secret_file: case.path("webhook.secret"),
                ca_file: None,
            },
            InterceptorKind::Executable {
                program: PathBuf::from("/bin/true"),
                arguments: vec!["--strict".to_owned()],
            },
            InterceptorKind::Function {
                function: FunctionName::parse("check-device").unwrap(),
                raised: Raised::Fails,
            },
        ];
        assert_eq!(found, expected.iter().collect::<Vec<_>>());
    }

    #[test]
    fn the_examples_of_the_documentation_can_be_taken_as_they_are() {
        let case = Case::new();
        for name in ["devices.txt", "recalled.txt"] {
            fs::write(case.path(name), "").unwrap();
        }
        fs::write(case.path("webhook.secret"), "0123456789abcdef0123456789abcdef\n").unwrap();
        let documentation = include_str!("../../../../docs/interceptors.md");
        let examples = documentation.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next());
        let faults: Vec<String> = examples
            .filter_map(|example| {
                case.load(&example.replace("/usr/local/bin/check-device", "/bin/true"), &[]).err()
            })
            .collect();
        // All but the files that somebody else has to make.
        let expected = [
            "registrar.toml:4:9: Files cannot be used: plant-1.crl cannot be read: No such file or directory (os error 2)",
            "registrar.toml:6:10: CaFile cannot be used: company-ca.pem cannot be read: No such file or directory (os error 2)",
        ];
        assert_eq!(faults, expected);
    }

    #[test]
    fn each_has_its_deadline_and_what_holds_when_it_fails() {
        let case = Case::new();
        let text = "[[Interceptors]]\nName = 'a'\nKind = 'quota'\nDevicesPerHour = 0x10\n\
                    [[Interceptors]]\nName = 'b'\nKind = 'function'\nFunction = 'f'\n\
                    [[Interceptors]]\nName = 'c'\nKind = 'function'\nFunction = 'f'\nOnError = 'deny'\n\
                    OnFailure = 'deny'\nDeadline = '250ms'\n\
                    [[Interceptors]]\nName = 'd'\nKind = 'quota'\nDevicesPerHour = 1\nOnFailure = 'allow'\n";
        let set = case.load(text, &[]).unwrap();
        let found: Vec<_> =
            set.default_settings().interceptors.iter().map(|each| (each.deadline, each.on_failure)).collect();
        let expected = [
            (Duration::from_secs(5), OnFailure::Retry),
            (Duration::from_secs(30), OnFailure::Retry),
            (Duration::from_millis(250), OnFailure::Deny),
            (Duration::from_secs(5), OnFailure::Allow),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn a_ca_certificate_has_those_of_the_default_or_its_own() {
        let case = Case::new();
        let quota = |name: &str| format!("Name = '{name}'\nKind = 'quota'\nDevicesPerHour = 1\n");
        let [one, two] = [1, 2].map(|number| CaCertificateId::from_sha256([number; 32]));
        let text = format!(
            "[[Interceptors]]\n{}[[Interceptors]]\n{}[[CA.{one}.Interceptors]]\n{}[CA.{two}]\nInterceptors = []\n",
            quota("first"),
            quota("second"),
            quota("own")
        );
        let set = case.load(&text, &["InterceptorLambda=check"]).unwrap();
        assert_eq!(names(&set, 1), ["InterceptorLambda", "own"]);
        assert_eq!(names(&set, 2), ["InterceptorLambda"]);
        assert_eq!(names(&set, 3), ["InterceptorLambda", "first", "second"]);
        let lambda = &set.default_settings().interceptors[0];
        let function = FunctionName::parse("check").unwrap();
        assert_eq!(lambda, &InterceptorSettings::interceptor_lambda(function));
        let set = case
            .load("InterceptorLambda = 'arn:aws:lambda:us-east-1:000000000000:function:check'", &[])
            .unwrap();
        assert_eq!(*set.default_settings().interceptors, *std::slice::from_ref(lambda));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        let case = Case::new();
        fs::write(case.path("list"), "SN 1\nnot hex\n").unwrap();
        fs::write(case.path("short"), "secret").unwrap();
        fs::write(case.path("secret"), "0123456789abcdef0123456789abcdef\n").unwrap();
        let many = "[[Interceptors]]\n".repeat(33);
        for (name, text) in [
            ("no_tables", "Interceptors = 'x'\n"),
            ("no_table", "Interceptors = ['x']\n"),
            ("too_many", &many),
            ("nothing", "[[Interceptors]]\n"),
            ("no_kind", "[[Interceptors]]\nName = 'a'\nKind = 'list'\n"),
            (
                "every_fault",
                "[[Interceptors]]\nKind = 'deny-list'\nfile = 'list'\nEntries = 'ids'\nMaxAge = 'long'\n\
                 OnFailure = true\nDeadline = '0s'\n",
            ),
            (
                "a_list",
                "[[Interceptors]]\nName = 'a'\nKind = 'deny-list'\n  File = 'list'\nEntries = 'certificate-serial-number'\n",
            ),
            ("no_list", "[[Interceptors]]\nName = 'a'\nKind = 'allow-list'\nFile = 'absent'\n"),
            (
                "no_crl",
                "[[Interceptors]]\nName = 'a'\nKind = 'crl'\nFiles = 'list'\n[[Interceptors]]\nName = 'b'\nKind = 'crl'\nFiles = []\n[[Interceptors]]\nName = 'c'\nKind = 'crl'\nFiles = ['list']\n",
            ),
            (
                "a_quota",
                "[[Interceptors]]\nName = 'a'\nKind = 'quota'\nDevicesPerHour = 0\n\
                 [[Interceptors]]\nName = 'b'\nKind = 'quota'\nDevicesPerHour = -1\n\
                 [[Interceptors]]\nName = 'c'\nKind = 'quota'\nDevicesPerHour = '7'\n",
            ),
            (
                "a_url",
                "[[Interceptors]]\nName = 'a'\nKind = 'webhook'\nUrl = 'http://example.com/'\nSecretFile = 'secret'\n",
            ),
            (
                "a_secret",
                "[[Interceptors]]\nName = 'a'\nKind = 'webhook'\nUrl = 'https://example.com/'\nSecretFile = 'short'\n",
            ),
            (
                "a_secret_in_the_settings",
                "[[Interceptors]]\nName = 'a'\nKind = 'webhook'\nUrl = 'https://example.com/'\nSecret = 'x'\n",
            ),
            ("a_program", "[[Interceptors]]\nName = 'a'\nKind = 'executable'\nProgram = 'list'\n"),
            (
                "a_function",
                "[[Interceptors]]\nName = 'a'\nKind = 'function'\nFunction = 'a b'\nOnError = 'ignore'\n",
            ),
            ("a_lambda", "\nInterceptorLambda = 'arn:aws:lambda:us-east-1:1:function:f'\n"),
            (
                "a_name_twice",
                "[[Interceptors]]\nName = 'a'\nKind = 'quota'\nDevicesPerHour = 1\n\
                 [[Interceptors]]\nName = 'a'\nKind = 'quota'\nDevicesPerHour = 2\n[CA.0101010101010101010101010101010101010101010101010101010101010101]\n",
            ),
            ("a_long_name", "[[Interceptors]]\nName = ''\nKind = 'quota'\nDevicesPerHour = 1\n"),
            (
                "a_late_deadline",
                "[[Interceptors]]\nName = 'a'\nKind = 'quota'\nDevicesPerHour = 1\nDeadline = '16m'\n",
            ),
        ] {
            insta::assert_snapshot!(format!("refused_{name}"), case.load(text, &[]).unwrap_err());
        }
    }
}
