//! The fuzz targets of Landfall: one function a target, which panics when a property does not hold.
//!
//! A target takes any bytes at all. `driver.rs` runs it on stable with the inputs of `fuzz/corpus` and mutations of them;
//! `fuzz/libfuzzer` runs the same functions under libFuzzer. What counts as an input is written at each target.

#![expect(clippy::panic, clippy::expect_used, reason = "a target panics to tell of a fault")]

mod dictionary;
mod driver;
mod input;
mod mutator;
mod targets;

pub use driver::{Fault, Finding, Fuzzer, Report, folder, run_once};
pub use targets::{
    api_request, api_signature, certificate, certificate_request, chain, mqtt_client, mqtt_session,
    openssl_config, page_token, policy_decision, policy_document, possession, registration_plan, rule_sql,
    rule_template, subject, topic, topic_rule,
};

/// A function that panics when a property does not hold for an input.
pub type Run = fn(&[u8]);

/// Makes the table of targets, and a test of each.
macro_rules! targets {
    ($($name:ident),* $(,)?) => {
        /// Every target with its name, which is also that of its folder in `fuzz/corpus`.
        pub const TARGETS: &[(&str, Run)] = &[$((stringify!($name), $name)),*];

        /// Each target for some seconds: two, or what `LANDFALL_FUZZ_SECONDS` says.
        #[cfg(test)]
        mod each_target_holds {
            $(
                #[test]
                fn $name() {
                    super::check(stringify!($name));
                }
            )*
        }
    };
}

targets! {
    mqtt_session,
    mqtt_client,
    topic,
    certificate,
    chain,
    possession,
    certificate_request,
    openssl_config,
    subject,
    policy_document,
    policy_decision,
    api_request,
    api_signature,
    page_token,
    registration_plan,
    rule_sql,
    rule_template,
    topic_rule,
}

/// The target of this name.
pub fn target(name: &str) -> Option<Run> {
    TARGETS.iter().find(|(known, _)| *known == name).map(|(_, run)| *run)
}

#[cfg(test)]
fn check(name: &'static str) {
    let seconds = std::env::var("LANDFALL_FUZZ_SECONDS").map_or(2, |text| text.parse().unwrap());
    let fuzzer = Fuzzer::new(name).unwrap();
    assert!(fuzzer.seeds() > 0, "fuzz/corpus/{name} is empty");
    match fuzzer.run(std::time::Duration::from_secs(seconds)) {
        Ok(report) => println!("{name}: {report}"),
        Err(fault) => panic!("{fault}"),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;

    use super::*;

    /// The names of the files or folders in a folder of this crate, without what follows the first dot.
    fn names_in(path: &str) -> BTreeSet<String> {
        let entries = fs::read_dir(folder().join(path)).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.map(|name| name.split('.').next().unwrap().to_owned()).collect()
    }

    #[test]
    fn every_target_has_a_corpus_and_a_libfuzzer_binary() {
        let expected: BTreeSet<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
        for path in ["corpus", "libfuzzer/fuzz_targets"] {
            assert_eq!(names_in(path), expected, "{path}");
        }
        assert!(names_in("dictionaries").is_subset(&expected));
        let manifest = fs::read_to_string(folder().join("libfuzzer/Cargo.toml")).unwrap();
        for name in &expected {
            assert!(manifest.contains(&format!("path = \"fuzz_targets/{name}.rs\"")), "{name}");
        }
    }
}
