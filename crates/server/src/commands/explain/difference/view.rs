use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt::Write as _;

use comfy_table::{Table, presets};
use landfall_model::SubjectField;
use serde::Serialize;

use super::Difference;
use super::plans::{Change, Kind};
use crate::text::printable;

/// What other settings change. Its JSON is a published form.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DifferenceView {
    /// How many certificates the settings were tried on.
    certificates: usize,
    /// For how many of them something changes.
    changed: usize,
    /// For how many of them something of a kind changes.
    by_kind: BTreeMap<Kind, usize>,
    /// How many certificates were left out that no registrar provisions.
    left_out: usize,
    differences: Vec<Row>,
    unreadable: Vec<Unreadable>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    /// The file of the certificate; without files, its id.
    certificate: String,
    certificate_id: String,
    /// The serial number of its subject.
    serial_number: Option<String>,
    kind: Kind,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    before: Option<String>,
    after: Option<String>,
}

#[derive(Serialize)]
struct Unreadable {
    file: String,
    problem: String,
}

/// How many characters of an id are shown to people, as of 64 none is looked at.
const ID_SHOWN: usize = 16;

impl DifferenceView {
    pub(super) fn of(difference: &Difference) -> Self {
        let Difference { candidates, changes } = difference;
        let mut differences = Vec::new();
        let mut by_kind = BTreeMap::new();
        for (number, changes) in changes {
            let Some(candidate) = candidates.all.get(*number) else { continue };
            let kinds: HashSet<Kind> = changes.iter().map(|change| change.kind).collect();
            for kind in kinds {
                *by_kind.entry(kind).or_default() += 1;
            }
            differences.extend(changes.iter().map(|Change { kind, name, before, after }| Row {
                certificate: candidate.label.clone(),
                certificate_id: candidate.applicant.certificate.to_string(),
                serial_number:
                    candidate.applicant.subject.field(SubjectField::SerialNumber).map(str::to_owned),
                kind: *kind,
                name: name.clone(),
                before: before.clone(),
                after: after.clone(),
            }));
        }
        let unreadable = candidates.unreadable.iter();
        Self {
            certificates: candidates.all.len(),
            changed: changes.len(),
            by_kind,
            left_out: candidates.left_out,
            differences,
            unreadable: unreadable
                .map(|(file, problem)| Unreadable { file: file.clone(), problem: problem.clone() })
                .collect(),
        }
    }

    /// The view for people: what changes alike for several certificates is one row.
    pub(super) fn as_text(&self) -> String {
        let mut text = String::new();
        // Writing to a text cannot fail.
        if !self.differences.is_empty() {
            let _ = writeln!(text, "{}\n", self.table());
        }
        for Unreadable { file, problem } in &self.unreadable {
            let _ = writeln!(text, "{}: left out: {}", printable(file), printable(problem));
        }
        let _ = writeln!(text, "{}", self.summary());
        text
    }

    fn table(&self) -> String {
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        table.set_header(["CERTIFICATE", "SERIAL NUMBER", "WHAT", "BEFORE", "AFTER"]);
        for rows in self.alike() {
            let Some(first) = rows.first() else { continue };
            let certificate = shortened(&first.certificate, &first.certificate_id);
            let others = match rows.len() - 1 {
                0 => String::new(),
                others => format!(" and {others} more"),
            };
            let what = match &first.name {
                Some(name) => format!("{} {name}", first.kind.as_str()),
                None => first.kind.as_str().to_owned(),
            };
            let value = |value: &Option<String>| value.as_deref().map_or_else(|| "-".to_owned(), cell);
            table.add_row([
                format!("{}{others}", cell(&certificate)),
                cell(first.serial_number.as_deref().unwrap_or("-")),
                cell(&what),
                value(&first.before),
                value(&first.after),
            ]);
        }
        table.trim_fmt()
    }

    /// The rows, those together that say the same of different certificates; each where the first of them is.
    fn alike(&self) -> Vec<Vec<&Row>> {
        let mut places = HashMap::new();
        let mut groups: Vec<Vec<&Row>> = Vec::new();
        for row in &self.differences {
            let place = *places.entry((row.kind, &row.name, &row.before, &row.after)).or_insert(groups.len());
            match groups.get_mut(place) {
                Some(group) => group.push(row),
                None => groups.push(vec![row]),
            }
        }
        groups
    }

    fn summary(&self) -> String {
        let Self { certificates, changed, by_kind, left_out, .. } = self;
        let mut summary = format!("{changed} of {certificates} certificates come out differently");
        let counts: Vec<String> =
            by_kind.iter().map(|(kind, count)| format!("{} {count}", kind.as_str())).collect();
        if !counts.is_empty() {
            summary.push_str(": ");
            summary.push_str(&counts.join(", "));
        }
        if *left_out > 0 {
            summary.push_str(&format!("; {left_out} left out, which no registrar provisions"));
        }
        if !self.unreadable.is_empty() {
            summary.push_str(&format!("; {} that cannot be read", self.unreadable.len()));
        }
        summary
    }
}

/// An id is shown by its beginning, a file as it is.
fn shortened(label: &str, id: &str) -> String {
    match label == id {
        true => format!("{}…", id.get(..ID_SHOWN).unwrap_or(id)),
        false => label.to_owned(),
    }
}

/// A text in a cell; one of several lines stays so.
fn cell(text: &str) -> String {
    text.lines().map(printable).collect::<Vec<_>>().join("\n")
}
