//! `landfall registrations watch`.

use std::collections::HashMap;
use std::thread;
use std::time::Duration;

use anyhow::Result;
use clap::{Args, ValueEnum};
use landfall_api_server::landfall::{Registration, RegistrationOutcome, Registrations};
use landfall_model::CaCertificateId;

use super::{PAGE, get, line, parameter};
use crate::client::Client;

#[derive(Args, Default)]
pub(super) struct Filter {
    /// Only those that end so
    #[arg(long, value_enum)]
    status: Option<Outcome>,
    /// Only those of certificates that this CA certificate issued
    #[arg(long, value_name = "ID")]
    ca: Option<CaCertificateId>,
    /// Only failures with this code
    #[arg(long, value_name = "CODE", value_parser = super::code)]
    reason: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Outcome {
    /// Their devices were provisioned
    Success,
    /// Their certificates were activated while they waited
    Activated,
    /// They were refused, or given up
    Failure,
}

/// How often is looked for new ones.
const WATCH_PAUSE: Duration = Duration::from_secs(1);

/// How late a registration may be stored after it has ended, in milliseconds, to be seen by who watches.
const WATCH_SLACK_MS: i64 = 5_000;

/// Prints each registration that ends from now on.
pub(super) fn watch(client: &Client, filter: &Filter, json: bool) -> Result<()> {
    let newest: Registrations = get(client, "registrations?limit=1000&order=descending")?;
    let failures: Registrations = get(client, "registrations?limit=1000&order=descending&status=FAILURE")?;
    let mut seen = Seen::default();
    for registration in newest.registrations.iter().chain(&failures.registrations) {
        seen.is_new(registration);
    }
    seen.forget();
    loop {
        thread::sleep(WATCH_PAUSE);
        for registration in news(client, &mut seen)? {
            if !filter.matches(&registration) {
                continue;
            }
            match json {
                true => println!("{}", serde_json::to_string(&registration)?),
                false => println!("{}", line(&registration)),
            }
        }
    }
}

/// What has ended since the last time, the oldest first.
fn news(client: &Client, seen: &mut Seen) -> Result<Vec<Registration>> {
    let since = seen.since();
    let mut news = Vec::new();
    let mut after = None::<String>;
    // New ones come last in the listing.
    loop {
        let target =
            format!("registrations?limit=100&order=descending{}", parameter("after", after.as_deref()));
        let page: Registrations = get(client, &target)?;
        let is_over = page.registrations.iter().any(|registration| registration.first_at_ms < since);
        news.extend(page.registrations.into_iter().filter(|registration| seen.is_new(registration)));
        after = page.next.filter(|_| !is_over);
        if after.is_none() {
            break;
        }
    }
    // An equal failure counts an older one up, which stays in its place.
    let again: Registrations =
        get(client, &format!("registrations?limit={PAGE}&status=FAILURE&since={since}"))?;
    news.extend(again.registrations.into_iter().filter(|registration| seen.is_new(registration)));
    news.sort_by_key(|registration| registration.last_at_ms);
    seen.forget();
    Ok(news)
}

/// Which registrations were printed, as far as they may come again.
#[derive(Default)]
struct Seen {
    /// The time of the last attempt, by certificate and first attempt.
    known: HashMap<(String, i64), i64>,
    newest_ms: i64,
    /// What ended before is no news, and forgotten.
    horizon_ms: i64,
}

impl Seen {
    /// Whether it is not known yet, or has had another attempt since. From now on it is known.
    fn is_new(&mut self, registration: &Registration) -> bool {
        let Registration { certificate_id, first_at_ms, last_at_ms, .. } = registration;
        self.newest_ms = self.newest_ms.max(*last_at_ms);
        if *last_at_ms < self.horizon_ms {
            return false;
        }
        let known = self.known.insert((certificate_id.clone(), *first_at_ms), *last_at_ms);
        known.is_none_or(|known| known < *last_at_ms)
    }

    /// From when on there may be new ones.
    fn since(&self) -> i64 {
        self.newest_ms.saturating_sub(WATCH_SLACK_MS)
    }

    fn forget(&mut self) {
        self.horizon_ms = self.since();
        self.known.retain(|_, last_at_ms| *last_at_ms >= self.horizon_ms);
    }
}

impl Filter {
    fn matches(&self, registration: &Registration) -> bool {
        let Self { status, ca, reason } = self;
        let (outcome, code) = match &registration.outcome {
            RegistrationOutcome::Success { .. } => (Outcome::Success, None),
            RegistrationOutcome::Activated { .. } => (Outcome::Activated, None),
            RegistrationOutcome::Failure { code, .. } => (Outcome::Failure, Some(code)),
        };
        status.is_none_or(|status| status == outcome)
            && ca.is_none_or(|ca| ca.to_string() == registration.ca_certificate_id)
            && reason.as_ref().is_none_or(|reason| code == Some(reason))
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{NOW, denied, succeeded};
    use super::*;
    use crate::commands::registrations::code;

    #[test]
    fn who_watches_sees_what_it_asked_for() {
        let ca = |digit: &str| digit.repeat(64).parse().ok();
        let filters = [
            (Filter::default(), [true, true]),
            (Filter { status: Some(Outcome::Failure), ..Filter::default() }, [true, false]),
            (Filter { status: Some(Outcome::Success), ..Filter::default() }, [false, true]),
            (Filter { ca: ca("7"), ..Filter::default() }, [true, true]),
            (Filter { ca: ca("8"), ..Filter::default() }, [false, false]),
            (Filter { reason: code("interceptor_denied").ok(), ..Filter::default() }, [true, false]),
            (Filter { reason: code("thing_taken").ok(), ..Filter::default() }, [false, false]),
        ];
        for (filter, expected) in filters {
            assert_eq!([denied(), succeeded()].map(|one| filter.matches(&one)), expected);
        }
    }

    #[test]
    fn a_registration_is_news_once_and_again_with_each_attempt() {
        let mut seen = Seen::default();
        let mut registration = denied();
        assert!(seen.is_new(&registration));
        assert!(!seen.is_new(&registration));
        assert_eq!(seen.since(), registration.last_at_ms - WATCH_SLACK_MS);
        registration.last_at_ms += 1;
        assert!(seen.is_new(&registration));
        assert!(!seen.is_new(&registration));
        let other = Registration { first_at_ms: NOW + 1, ..registration.clone() };
        assert!(seen.is_new(&other), "a later one of the same certificate");
        let late = Registration { last_at_ms: NOW + 60_000, first_at_ms: NOW + 60_000, ..denied() };
        assert!(seen.is_new(&late));
        seen.forget();
        assert_eq!(seen.known.len(), 1);
        assert!(!seen.is_new(&other), "what is forgotten is no news when it is listed again");
    }
}
