//! Promises about the logging options.

use landfall_model::{
    LogEventConfiguration, LogLevel, LogTarget, LogTargetKind, LogText, LoggingOptions, V2LoggingOptions,
};

use super::{assert_pages, commit, conflict};
use crate::{Conflict, Registry};

fn text(text: &str) -> LogText {
    LogText::parse(text).unwrap()
}

fn target(kind: LogTargetKind, name: &str) -> LogTarget {
    LogTarget { kind, name: text(name) }
}

fn v2_options() -> V2LoggingOptions {
    let event = |name, level, destination: Option<&str>| LogEventConfiguration {
        event_type: text(name),
        level,
        destination: destination.map(text),
    };
    V2LoggingOptions {
        role: Some(text("arn:aws:iam::000000000000:role/logs")),
        default_level: LogLevel::Warn,
        all_disabled: true,
        event_configurations: vec![
            event("Publish", Some(LogLevel::Debug), None),
            event("Connect", None, Some("/a/\"b\"")),
        ],
    }
}

/// There are none at first; what is set is kept whole until it is set again, each form for itself.
pub async fn logging_options_are_kept(registry: &dyn Registry) {
    assert_eq!(registry.logging_options().await.unwrap(), None);
    for level in [LogLevel::Debug, LogLevel::Info, LogLevel::Warn, LogLevel::Error, LogLevel::Disabled] {
        let options = LoggingOptions { role: text(level.as_str()), level };
        commit(registry, |tx| tx.set_logging_options(options.clone())).await;
        assert_eq!(registry.logging_options().await.unwrap(), Some(options));
    }
    assert_eq!(registry.v2_logging_options().await.unwrap(), None);
    let bare = V2LoggingOptions {
        role: None,
        default_level: LogLevel::Disabled,
        all_disabled: false,
        event_configurations: Vec::new(),
    };
    for options in [v2_options(), bare, v2_options()] {
        commit(registry, |tx| tx.set_v2_logging_options(options.clone())).await;
        assert_eq!(registry.v2_logging_options().await.unwrap(), Some(options));
    }
}

/// Levels need the second form of the options. One is set anew in its place, and one that is not there can be deleted.
pub async fn log_levels_are_set_and_deleted(registry: &dyn Registry) {
    use LogTargetKind::{ClientId, PrincipalId, SourceIp, ThingGroup};
    let group = target(ThingGroup, "g");
    commit(registry, |tx| tx.set_logging_options(LoggingOptions { role: text("r"), level: LogLevel::Info }))
        .await;
    conflict(registry, Conflict::LoggingNotConfigured, |tx| {
        tx.set_v2_logging_level(group.clone(), LogLevel::Info)
    })
    .await;
    commit(registry, |tx| tx.delete_v2_logging_level(group.clone())).await;
    commit(registry, |tx| tx.set_v2_logging_options(v2_options())).await;
    let mut all = vec![
        (target(ThingGroup, "z"), LogLevel::Debug),
        (target(ClientId, "z"), LogLevel::Info),
        (target(ThingGroup, "a"), LogLevel::Disabled),
        (target(SourceIp, "::1"), LogLevel::Warn),
        (target(PrincipalId, "a b"), LogLevel::Error),
        (target(LogTargetKind::Default, "d"), LogLevel::Error),
    ];
    for (target, level) in &all {
        commit(registry, |tx| tx.set_v2_logging_level(target.clone(), *level)).await;
    }
    commit(registry, |tx| {
        tx.set_v2_logging_level(target(ThingGroup, "a"), LogLevel::Info);
        tx.delete_v2_logging_level(target(ClientId, "a"));
        tx.delete_v2_logging_level(target(SourceIp, "::1"));
    })
    .await;
    all[2].1 = LogLevel::Info;
    all.remove(3);
    assert_pages(&all, |page| registry.v2_logging_levels(None, page)).await;
    for kind in [ClientId, LogTargetKind::Default, PrincipalId, SourceIp, ThingGroup] {
        let of_kind: Vec<_> = all.iter().filter(|(target, _)| target.kind == kind).cloned().collect();
        assert_pages(&of_kind, |page| registry.v2_logging_levels(Some(kind), page)).await;
    }
}

/// A thousand targets and no more; one that there is can still change.
pub async fn log_levels_are_bounded(registry: &dyn Registry) {
    let numbered = |number: usize| target(LogTargetKind::ClientId, &number.to_string());
    commit(registry, |tx| {
        tx.set_v2_logging_options(v2_options());
        (0..LogTarget::OF_SERVER_MAX)
            .for_each(|number| tx.set_v2_logging_level(numbered(number), LogLevel::Info));
    })
    .await;
    let more = numbered(LogTarget::OF_SERVER_MAX);
    conflict(registry, Conflict::LogTargets, |tx| tx.set_v2_logging_level(more.clone(), LogLevel::Info))
        .await;
    commit(registry, |tx| tx.set_v2_logging_level(numbered(3), LogLevel::Debug)).await;
    commit(registry, |tx| {
        tx.delete_v2_logging_level(numbered(0));
        tx.set_v2_logging_level(more, LogLevel::Info);
    })
    .await;
}
