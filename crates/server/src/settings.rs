//! The settings of the registrar: a TOML file, what the environment and the command line say instead, and what comes of it.

mod file;
mod interceptor;
mod log_sinks;
mod parameter;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use landfall_interceptors::PreparedInterceptors;
use landfall_model::{CaCertificateId, Scope};
use landfall_registration::{
    CaSettings, InterceptorSettings, Registrar, Settings, SettingsError, SettingsSet,
};

pub(crate) use self::file::commented;
use self::file::{Drafts, Section};
use self::interceptor::Surroundings;
use self::parameter::{Draft, Parameter, Written};
use crate::place::Fault;

/// Where settings come from, and for whom. Kept by a server to read them anew.
#[derive(Clone, Debug)]
pub(crate) struct SettingsSources {
    /// The file; without one the defaults hold.
    pub(crate) file: Option<PathBuf>,
    /// `NAME=VALUE` or `CA.ID.NAME=VALUE`, each over what the file says.
    pub(crate) overrides: Vec<String>,
    /// Who provisions where nothing is said.
    pub(crate) registrar: Registrar,
    /// How long a first connection waits where nothing is said.
    pub(crate) first_connect_hold: Option<std::time::Duration>,
}

/// What settings come to.
pub(crate) struct Loaded {
    /// How devices are registered.
    pub(crate) registrar: SettingsSet,
    /// Where the registration log goes besides the registry.
    pub(crate) log_sinks: landfall_log_sinks::Prepared,
}

/// What the names of environment variables begin with that set parameters.
const ENVIRONMENT_PREFIX: &str = "LANDFALL_SET_";

/// The most bytes of a file of settings.
const FILE_BYTES_MAX: u64 = 1_024 * 1_024;

impl SettingsSources {
    /// Nothing but the defaults.
    pub(crate) fn defaults(registrar: Registrar) -> Self {
        Self { file: None, overrides: Vec::new(), registrar, first_connect_hold: None }
    }

    /// Reads and compiles the settings, and makes their interceptors ready: all of them, or none. This blocks: files are read.
    ///
    /// # Errors
    /// Something in them cannot work. The error names every fault that was found, with its place.
    pub(crate) fn load(&self, scope: &Scope, prepared: &PreparedInterceptors) -> Result<Loaded> {
        self.read_and_compile(scope, Some(prepared))
    }

    /// Reads and compiles the settings of the registrar to plan by them. The files of interceptors and log sinks are not
    /// looked at, which need not be on this machine.
    ///
    /// # Errors
    /// As those of [`Self::load`], but for these files.
    pub(crate) fn load_unprepared(&self, scope: &Scope) -> Result<SettingsSet> {
        Ok(self.read_and_compile(scope, None)?.registrar)
    }

    fn read_and_compile(&self, scope: &Scope, prepared: Option<&PreparedInterceptors>) -> Result<Loaded> {
        let environment = std::env::vars_os().filter_map(|(name, value)| {
            let name = name.into_string().ok()?.strip_prefix(ENVIRONMENT_PREFIX)?.to_owned();
            Some((name, value.to_string_lossy().into_owned()))
        });
        let environment: BTreeMap<String, String> = environment.collect();
        let text = self.file.as_deref().map(read).transpose()?;
        let drafts = match &text {
            Some(text) => file::parse(text).map_err(|faults| self.faults(&faults))?,
            None => Drafts::default(),
        };
        self.compile(drafts, &environment, &Surroundings { scope, folder: self.folder(), prepared })
    }

    /// Reads and compiles a text as if the file had it.
    ///
    /// # Errors
    /// As those of [`Self::load`].
    #[cfg(test)]
    fn load_text(&self, text: &str, scope: &Scope) -> Result<SettingsSet> {
        let drafts = file::parse(text).map_err(|faults| self.faults(&faults))?;
        let prepared = PreparedInterceptors::default();
        let surroundings = Surroundings { scope, folder: self.folder(), prepared: Some(&prepared) };
        Ok(self.compile(drafts, &BTreeMap::new(), &surroundings)?.registrar)
    }

    /// Where relative paths of the file begin.
    fn folder(&self) -> &Path {
        self.file.as_deref().and_then(Path::parent).unwrap_or(Path::new(""))
    }

    fn compile(
        &self,
        mut drafts: Drafts,
        environment: &BTreeMap<String, String>,
        surroundings: &Surroundings<'_>,
    ) -> Result<Loaded> {
        for (name, value) in environment {
            let set = set(&mut drafts, name, value);
            set.with_context(|| format!("the environment variable {ENVIRONMENT_PREFIX}{name}"))?;
        }
        for assignment in &self.overrides {
            let Some((name, value)) = assignment.split_once('=') else {
                bail!("--set {assignment}: it must be NAME=VALUE");
            };
            set(&mut drafts, name, value).with_context(|| format!("--set {assignment}"))?;
        }
        let mut faults = Vec::new();
        let mut by_ca = Vec::new();
        let Drafts { default, of_cas, log_sinks } = drafts;
        let compiled = self.compile_section(&default, surroundings, &mut faults);
        for (ca, section) in &of_cas {
            let settings = self.compile_section(section, surroundings, &mut faults);
            by_ca.extend(settings.map(|settings| (*ca, settings)));
        }
        let log_sinks = match surroundings.prepared {
            Some(_) => log_sinks.prepare(surroundings.folder, &mut faults),
            None => Some(landfall_log_sinks::Prepared::default()),
        };
        match compiled.zip(log_sinks) {
            Some((default, log_sinks)) if faults.is_empty() => {
                Ok(Loaded { registrar: SettingsSet::new(default, by_ca), log_sinks })
            }
            Some(_) | None => Err(self.faults(&faults)),
        }
    }

    fn compile_section(
        &self,
        section: &Section,
        surroundings: &Surroundings<'_>,
        faults: &mut Vec<Fault>,
    ) -> Option<CaSettings> {
        let Draft { source, registrar, first_connect_hold, retries } = &section.draft;
        let registrar = registrar.unwrap_or(self.registrar);
        let hold = first_connect_hold.or(self.first_connect_hold);
        let compiled = Settings::compile(source, surroundings.scope);
        let interceptors = interceptor::prepare(&section.interceptors, surroundings, faults);
        match compiled {
            Ok(settings) => Some(CaSettings {
                registrar,
                first_connect_hold: hold.unwrap_or_else(|| registrar.usual_hold()),
                retries: *retries,
                interceptors: chain(&settings, interceptors),
                settings,
            }),
            Err(problem) => {
                faults.push(fault_of(section, problem));
                None
            }
        }
    }

    fn faults(&self, faults: &[Fault]) -> anyhow::Error {
        let name =
            self.file.as_deref().map_or_else(|| "settings".to_owned(), |path| path.display().to_string());
        let mut lines: Vec<String> = Vec::with_capacity(faults.len());
        for line in faults.iter().map(|fault| format!("{name}:{fault}")) {
            // What is wrong in the default is wrong for each CA certificate that follows it.
            if !lines.contains(&line) {
                lines.push(line);
            }
        }
        anyhow::anyhow!("{}", lines.join("\n"))
    }
}

/// The interceptors of a section: that of the block's own parameter, then the others.
fn chain(settings: &Settings, others: Vec<InterceptorSettings>) -> Arc<[InterceptorSettings]> {
    let lambda = settings.interceptor_lambda().cloned().map(InterceptorSettings::interceptor_lambda);
    lambda.into_iter().chain(others).collect()
}

/// A fault that shows when the settings are compiled, where the parameter stands.
fn fault_of(section: &Section, problem: SettingsError) -> Fault {
    let place = problem.settings().iter().filter_map(|name| section.places.get(*name)).min().copied();
    place.unwrap_or(section.place).fault(problem)
}

fn read(path: &Path) -> Result<String> {
    let size =
        fs::metadata(path).with_context(|| format!("cannot read the settings in {}", path.display()))?;
    if size.len() > FILE_BYTES_MAX {
        bail!("{} has {} bytes; settings have {FILE_BYTES_MAX} at most", path.display(), size.len());
    }
    fs::read_to_string(path).with_context(|| format!("cannot read the settings in {}", path.display()))
}

/// Sets a parameter by name: `ThingName`, `Attributes.site`, or either behind `CA.` and the id of a CA certificate and a dot;
/// `LogSinks.File`.
fn set(drafts: &mut Drafts, name: &str, value: &str) -> Result<()> {
    if let Some(name) = name.strip_prefix(log_sinks::LOG_SINKS).and_then(|rest| rest.strip_prefix('.')) {
        return drafts.log_sinks.assign(name, value);
    }
    if let Some((id, name)) = name.strip_prefix("CA.").and_then(|rest| rest.split_once('.')) {
        let section = drafts.of_ca(id.parse::<CaCertificateId>()?);
        let parameter = assign(&mut section.draft, name, value)?;
        section.own.insert(parameter.name);
        return Ok(());
    }
    let parameter = assign(&mut drafts.default.draft, name, value)?;
    // What a CA certificate does not say itself follows the default.
    for section in drafts.of_cas.values_mut().filter(|section| !section.own.contains(parameter.name)) {
        assign(&mut section.draft, name, value)?;
    }
    Ok(())
}

/// Sets a parameter of a draft, or one member of a table. Which parameter it is.
fn assign(draft: &mut Draft, name: &str, value: &str) -> Result<&'static Parameter> {
    let (parameter, written) = match name.split_once('.') {
        Some((table, member)) => {
            let parameter = Parameter::of(table).with_context(|| unknown(table))?;
            let members = parameter.table(draft).with_context(|| format!("{table} has no members"))?;
            let mut members: Vec<_> = members.into_iter().filter(|(known, _)| known != member).collect();
            members.push((member.to_owned(), value.to_owned()));
            (parameter, Written::Table(members))
        }
        None => {
            let parameter = Parameter::of(name).with_context(|| unknown(name))?;
            (parameter, parameter.written(value))
        }
    };
    parameter.set(draft, written).map_err(anyhow::Error::msg)?;
    Ok(parameter)
}

/// Says what is known where a name is not, the likeliest first.
fn unknown(name: &str) -> String {
    let known = parameter::PARAMETERS.iter().map(|parameter| parameter.name);
    let likeliest = known.clone().find(|known| known.eq_ignore_ascii_case(name));
    match likeliest {
        Some(known) => format!("{name} is not known; did you mean {known}?"),
        None => {
            format!("{name} is not known; the parameters are {}", known.collect::<Vec<_>>().join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use landfall_model::{AccountId, Region};
    use landfall_registration::Retries;

    use super::*;

    fn scope() -> Scope {
        Scope {
            account: AccountId::parse("000000000000").unwrap(),
            region: Region::parse("us-east-1").unwrap(),
        }
    }

    fn sources(overrides: &[&str]) -> SettingsSources {
        SettingsSources {
            file: Some(PathBuf::from("registrar.toml")),
            overrides: overrides.iter().map(|text| (*text).to_owned()).collect(),
            registrar: Registrar::Builtin,
            first_connect_hold: None,
        }
    }

    fn ca(number: u8) -> CaCertificateId {
        CaCertificateId::from_sha256([number; 32])
    }

    #[test]
    fn each_ca_certificate_has_what_is_said_for_it_and_the_rest_of_the_default() {
        let text = format!(
            "FirstConnectHold = '3s'\nExistingThing = 'join'\n[CA.{}]\nRegistrar = 'rules'\n[CA.{}]\nFirstConnectHold = '0s'\n",
            ca(1),
            ca(2)
        );
        let set = sources(&[]).load_text(&text, &scope()).unwrap();
        let found = |ca| {
            let settings = set.of(ca);
            (settings.registrar, settings.first_connect_hold)
        };
        assert_eq!(found(ca(1)), (Registrar::Rules, Duration::from_secs(3)));
        assert_eq!(found(ca(2)), (Registrar::Builtin, Duration::ZERO));
        assert_eq!(found(ca(3)), (Registrar::Builtin, Duration::from_secs(3)));
    }

    #[test]
    fn the_command_line_has_the_last_word() {
        let id = ca(1);
        let of_ca = format!("CA.{id}.FirstConnectHold=7s");
        let set = sources(&["FirstConnectHold=5s", &of_ca, "Registrar=rules"])
            .load_text("FirstConnectHold = '3s'", &scope())
            .unwrap();
        assert_eq!(set.default_settings().first_connect_hold, Duration::from_secs(5));
        assert_eq!(set.of(id).first_connect_hold, Duration::from_secs(7));
        assert_eq!(set.of(id).registrar, Registrar::Rules);
    }

    #[test]
    fn retries_are_set_by_the_names_of_the_block() {
        let id = ca(1);
        let of_ca = format!("CA.{id}.MaxReceiveCount=3");
        let set = sources(&["DLQRetentionPeriod=60", &of_ca])
            .load_text("CertificateEventQueueVisibilityTimeout = 5\nDLQRetentionPeriod = 0x100\n", &scope())
            .unwrap();
        let (default, of_ca) = (set.default_settings().retries, set.of(id).retries);
        assert_eq!(default.visibility_timeout, Duration::from_secs(5));
        assert_eq!(default.dlq_retention_period, Duration::from_secs(60));
        assert_eq!((default.max_receive_count.get(), of_ca.max_receive_count.get()), (10, 3));
        assert_eq!(of_ca.visibility_timeout, Duration::from_secs(5));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        let faults = [
            ("unknown", "\nThingname = 'x'\n", &[][..]),
            ("not_toml", "ThingName = \n", &[]),
            ("another_kind", "ThingName = 7\nSearchableAttributes = 'a'\nRegistrar = 'lambda'\n", &[]),
            ("no_time", "FirstConnectHold = 'soon'", &[]),
            (
                "no_number",
                "MaxReceiveCount = 0\nDLQRetentionPeriod = '14d'\nCertificateEventQueueVisibilityTimeout = 1.5\n",
                &[],
            ),
            ("no_template", "# names\nThingName = 't-<%= certificate.'\n", &[]),
            (
                "a_policy",
                "[CA.0101010101010101010101010101010101010101010101010101010101010101]\nDevicePublishPolicy = 'x/#'\n",
                &[],
            ),
            ("an_attribute", "[Attributes]\nsite = 'a'\n'a b' = 'x'\n", &[]),
            ("a_group", "BillingGroup = 'x'\nThingGroups = ['a', 'b c']\n", &[]),
            ("a_tag", "[Tags]\nsite = 'a'\n'aws:x' = 'y'\n", &[]),
            ("no_ca", "[CA.x]\n", &[]),
            ("an_override", "", &["ThingName"]),
            ("an_override_of_nothing", "", &["Name=x"]),
        ];
        for (name, text, overrides) in faults {
            let problem = sources(overrides).load_text(text, &scope()).unwrap_err();
            insta::assert_snapshot!(format!("refused_{name}"), format!("{problem:#}"));
        }
    }

    #[test]
    fn the_file_that_is_written_says_the_defaults() {
        let text = commented();
        insta::assert_snapshot!("commented", text);
        let drafts = file::parse(&text).unwrap();
        assert_eq!(drafts.default.draft, Draft::default());
        // With each line in effect that is a comment for now, it says the same, but for what has no default.
        let text = text.split("# What is asked before a device is provisioned, b").next().unwrap();
        let all = text.replace("\n#", "\n");
        let in_effect: String =
            all.lines().filter(|line| line.contains(" = ")).map(|line| format!("{line}\n")).collect();
        let draft = file::parse(&in_effect).unwrap().default.draft;
        assert_eq!((draft.source, draft.retries), (Draft::default().source, Retries::default()));
    }
}
