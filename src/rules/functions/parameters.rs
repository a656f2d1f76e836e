//! PostgreSQL parameters: unknown to the server, of a wrong value, or in a place where they do not count.

use crate::model::config::effective::Controlled;
use crate::model::config::schema::{self, Document};
use crate::model::postgresql::parameter::{Fit, KNOWN_MAJORS, Kind, Parameter};
use crate::model::postgresql::treatment::{Treatment, is_recovery_parameter, treatment};
use crate::model::postgresql::version::PostgresVersion;
use crate::model::snapshot::LocalConfiguration;
use crate::parse::python;
use crate::parse::tree::{Entry, Mapping, Node, Value};
use crate::rules::facts::Subject;
use crate::rules::finding::Label;
use crate::rules::functions::settings::says_the_same;
use crate::rules::functions::{Hit, documents, shown};
use crate::rules::place;

type Found = Result<Vec<Hit>, Vec<String>>;

/// Parameters that came back under another name.
///
/// Source: PostgreSQL's release notes, 10 to 18.
const RENAMED: [(&str, &str); 8] = [
    ("checkpoint_segments", "max_wal_size"),
    ("debug_invalidate_system_caches_always", "debug_discard_caches"),
    ("force_parallel_mode", "debug_parallel_query"),
    ("logical_replication_mode", "debug_logical_replication_streaming"),
    ("max_parallel_degree", "max_parallel_workers_per_gather"),
    ("ssl_ecdh_curve", "ssl_groups"),
    ("promote_trigger_file", "pg_promote() or pg_ctl promote"),
    ("trigger_file", "pg_promote() or pg_ctl promote"),
];

/// Parameters that this PostgreSQL does not have, or that Patroni takes for such.
pub fn unexpected_parameters(subject: &Subject<'_>) -> Found {
    let mut hits = Vec::new();
    let undecided = judge_parameters(subject, |entry, name, treated| {
        if treated.iter().any(|(_, treatment)| *treatment != Treatment::Unexpected) {
            return;
        }
        let postgres = subject.postgres();
        let is_known = postgres.is_some_and(|version| Parameter::find(name, version).is_some());
        let definitions = Parameter::definitions(name);
        let majors = definitions.first().zip(definitions.last());
        let existed = match majors.zip(postgres.map(PostgresVersion::major)) {
            Some(((first, _), major)) if major < first.first => format!("it came with {}", first.first),
            Some(((_, last), major)) if last.last < major => format!("{} was the last with it", last.last),
            _ => String::new(),
        };
        let renamed = RENAMED.iter().find(|(old, _)| old.eq_ignore_ascii_case(name)).map(|(_, new)| *new);
        let nearest = if existed.is_empty() && !is_known { Parameter::nearest(name, postgres) } else { None };
        hits.push(
            Hit::at(entry.key.span, "")
                .with("name", name)
                .with("postgres", postgres.map(|version| version.to_string()).unwrap_or_default())
                .with("is_known", is_known)
                .with("existed", existed)
                .with("renamed", renamed.unwrap_or_default())
                .with("nearest", nearest.unwrap_or_default()),
        );
    });
    if hits.is_empty() && undecided { Err(no_version()) } else { Ok(hits) }
}

/// Values that Patroni leaves out or replaces by a limit, and those that PostgreSQL would refuse.
pub fn invalid_values(subject: &Subject<'_>) -> Found {
    let mut hits = Vec::new();
    let undecided = judge_parameters(subject, |entry, name, treated| {
        let wrong: Option<Vec<Hit>> =
            treated.iter().map(|(version, treatment)| wrong_value(entry, name, *version, *treatment)).collect();
        hits.extend(wrong.and_then(|mut wrong| wrong.pop()));
    });
    if hits.is_empty() && undecided { Err(no_version()) } else { Ok(hits) }
}

/// What is wrong with a value in one version, if something is.
fn wrong_value(entry: &Entry, name: &str, version: PostgresVersion, treatment: Treatment) -> Option<Hit> {
    let server = Parameter::find(name, version).map(|parameter| parameter.kind);
    let (kind, result, limit) = match treatment {
        Treatment::Invalid(kind) => (kind, "dropped", None),
        Treatment::Adjusted(limit) => (server?, "adjusted", Some(limit)),
        Treatment::Passed | Treatment::Unchecked => match (server?, server?.fit(&entry.value.value)) {
            // PostgreSQL takes more words than pg_settings lists.
            (Kind::Bool | Kind::Enum(_) | Kind::EnumBool(_), _) | (_, Fit::Fits) => return None,
            (kind, Fit::Outside(_) | Fit::Unreadable) => (kind, "refused", None),
        },
        Treatment::Unexpected => return None,
    };
    let unit = match kind {
        Kind::Integer(_, _, unit) | Kind::Real(_, _, unit) => unit,
        _ => "",
    };
    let shown_limit = limit.map(|limit| match unit.trim_start_matches(|digit: char| digit.is_ascii_digit()) {
        short if short.len() == unit.len() => format!("{limit}{unit}"),
        _ => format!("{limit} × {unit}"),
    });
    Some(
        Hit::at(entry.value.span, shown_limit.as_ref().map_or(String::new(), |limit| format!("{limit} instead")))
            .with("name", name)
            .with("value", shown(&entry.value))
            .with("takes", kind.describe())
            .with("result", result)
            .with("limit", shown_limit.unwrap_or_default())
            .with("meant", meant(kind, &entry.value).unwrap_or_default()),
    )
}

/// Lists and mappings as values of parameters that take a text: Patroni writes them as Python prints them.
///
/// Source: patroni/postgresql/config.py, `ConfigWriter.write_param`, 2.0.0 to 4.1.5.
pub fn collections_as_values(subject: &Subject<'_>) -> Found {
    let mut hits = Vec::new();
    judge_parameters(subject, |entry, name, treated| {
        let (kind, meant) = match &entry.value.value {
            Value::Sequence(items) => ("a list", items.iter().map(shown).collect::<Vec<_>>().join(",")),
            Value::Mapping(_) => ("a mapping", String::new()),
            _ => return,
        };
        let is_written = |(version, treatment): &(PostgresVersion, Treatment)| {
            matches!(treatment, Treatment::Passed | Treatment::Unchecked)
                && wrong_value(entry, name, *version, *treatment).is_none()
        };
        if treated.iter().any(is_written) {
            let span = place::beginning(subject.scene, &entry.value, entry);
            hits.push(Hit::at(span, "").with("name", name).with("kind", kind).with("meant", meant));
        }
    });
    Ok(hits)
}

/// The value that was probably meant: the nearest word, or the unit in the letters that PostgreSQL uses.
fn meant(kind: Kind, node: &Node) -> Option<String> {
    const BOOLEANS: [&str; 6] = ["on", "off", "yes", "no", "true", "false"];
    // Nothing longer is a number or a word.
    const MAX_BYTES: usize = 60;
    let Value::String(text) = &node.value else { return None };
    if MAX_BYTES < text.len() {
        return None;
    }
    let nearest = |words: &[&'static str]| {
        let distances = words.iter().map(|word| (strsim::damerau_levenshtein(word, &text.to_lowercase()), *word));
        distances.filter(|(distance, word)| *distance <= 2 && 2 * distance < word.len()).min().map(|(_, word)| word)
    };
    match kind {
        Kind::Bool => return nearest(&BOOLEANS).map(str::to_owned),
        Kind::Enum(words) => return nearest(words).map(str::to_owned),
        Kind::EnumBool(words) => return nearest(words).or_else(|| nearest(&BOOLEANS)).map(str::to_owned),
        _ => {}
    }
    let number = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let (Kind::Integer(_, _, base) | Kind::Real(_, _, base)) = kind else { return None };
    let written = text[number.len()..].to_lowercase();
    let is_time = matches!(base, "us" | "ms" | "s" | "min");
    let unit = match written.as_str() {
        "b" if !is_time => "B",
        "k" | "kb" | "kib" => "kB",
        "m" | "mb" | "mib" if !is_time => "MB",
        "g" | "gb" | "gib" => "GB",
        "t" | "tb" | "tib" => "TB",
        "m" | "minute" | "minutes" | "mins" => "min",
        "sec" | "secs" | "second" | "seconds" => "s",
        "hour" | "hours" | "hr" | "hrs" => "h",
        "day" | "days" => "d",
        "msec" | "millis" | "milliseconds" => "ms",
        other => ["ms", "min", "us", "s", "h", "d"].into_iter().find(|unit| *unit == other)?,
    };
    let meant = format!("{}{unit}", number.trim_end());
    matches!(kind.fit(&Value::String(meant.clone())), Fit::Fits | Fit::Outside(_)).then_some(meant)
}

/// Looks at every parameter of the subject that Patroni does not control: in the version of PostgreSQL, or in all when
/// nothing tells which it is. Whether some were left undecided because versions differ.
fn judge_parameters(
    subject: &Subject<'_>,
    mut look: impl FnMut(&Entry, &str, &[(PostgresVersion, Treatment)]),
) -> bool {
    let versions: Vec<PostgresVersion> = match subject.postgres() {
        Some(version) => vec![version],
        None => KNOWN_MAJORS.map(PostgresVersion::of_major).collect(),
    };
    let patroni = subject.scene.version();
    let mut undecided = false;
    for entry in entries(subject) {
        let Some(name) = entry.key.as_str() else { continue };
        if Controlled::is_known(name) || entry.value.value == Value::Null {
            continue;
        }
        // Patroni writes the trigger file under the name of the version, before and since 12.
        let known_name = |version: PostgresVersion| match name.to_ascii_lowercase().as_str() {
            "trigger_file" | "promote_trigger_file" if version.major() < 12 => "trigger_file".to_owned(),
            "trigger_file" | "promote_trigger_file" => "promote_trigger_file".to_owned(),
            _ => name.to_owned(),
        };
        let treat = |version: &PostgresVersion| {
            (*version, treatment(&known_name(*version), &entry.value.value, *version, patroni))
        };
        let treated: Vec<_> = versions.iter().map(treat).collect();
        let kind = |treatment: &Treatment| std::mem::discriminant(treatment);
        undecided |= treated.iter().any(|(_, treatment)| {
            kind(treatment) != kind(&treated[0].1)
                && (*treatment == Treatment::Unexpected || treated[0].1 == Treatment::Unexpected)
        });
        look(entry, name, &treated);
    }
    undecided
}

/// The entries of `postgresql.parameters` in the file, in its `bootstrap.dcs`, or in the dynamic configuration.
fn entries<'a>(subject: &Subject<'a>) -> impl Iterator<Item = &'a Entry> {
    let sections = documents(subject).into_iter().filter_map(|node| parameters(node));
    sections.flat_map(|mapping| mapping.effective().filter(|entry| !entry.merged))
}

fn parameters(document: &Node) -> Option<&Mapping> {
    document.at(&["postgresql", "parameters"])?.as_mapping()
}

fn no_version() -> Vec<String> {
    vec!["PostgreSQL's version (--postgres-version, or a REST answer)".to_owned()]
}

/// Recovery parameters that have no effect, or that make the section `recovery_conf` count for nothing.
///
/// Source: patroni/postgresql/config.py, `ConfigHandler._adjust_recovery_parameters` and `build_recovery_params`, 4.1.5.
pub fn recovery_parameters(subject: &Subject<'_>) -> Found {
    let patroni = subject.scene.version();
    let effective: Vec<&Node> =
        documents(subject).into_iter().chain(subject.dynamic.map(|dynamic| dynamic.node)).collect();
    let recovery_conf = effective.iter().find_map(|node| node.at(&["postgresql", "recovery_conf"])?.as_mapping());
    let present = || entries(subject).filter_map(|entry| Some((entry, entry.key.as_str()?.to_ascii_lowercase())));
    let mut hits = Vec::new();
    for (entry, name) in present() {
        let is_forced = matches!(name.as_str(), "primary_conninfo" | "primary_slot_name" | "standby_mode")
            || name.starts_with("recovery_target");
        let is_as_forced = matches!(
            (name.as_str(), shown(&entry.value).to_lowercase().as_str()),
            ("recovery_target_timeline", "latest") | ("standby_mode", "on" | "true")
        );
        if !is_recovery_parameter(&name, patroni) || entry.value.value == Value::Null || is_as_forced {
            continue;
        }
        let lost: Vec<String> = match recovery_conf {
            Some(mapping) => {
                let kept = |key: &String| !present().any(|(_, other)| other == key.to_ascii_lowercase());
                mapping.effective().map(|entry| python::str(&entry.key.value)).filter(kept).collect()
            }
            None => Vec::new(),
        };
        if is_forced || !lost.is_empty() {
            let hit = Hit::at(entry.key.span, "").with("name", name).with("is_forced", is_forced);
            hits.push(hit.with("lost", lost));
        }
    }
    Ok(hits)
}

/// Controlled parameters in the dynamic configuration that Patroni always takes from elsewhere.
pub fn forced_parameters(subject: &Subject<'_>) -> Found {
    let Some(parameters) = subject.dynamic.and_then(|dynamic| parameters(dynamic.node)) else { return Ok(Vec::new()) };
    let mut hits = Vec::new();
    for entry in parameters.effective() {
        let Some(name) = entry.key.as_str().map(str::to_ascii_lowercase) else { continue };
        let forced = match name.as_str() {
            "listen_addresses" | "port" => "postgresql.listen",
            "cluster_name" => "scope",
            "hot_standby" if python::parse_bool(&entry.value.value) != Some(true) => "Patroni, which needs it on",
            _ => continue,
        };
        let file = subject.configuration.and_then(|file| file.document.as_ref());
        let value = shown(&entry.value);
        let hit = Hit::at(entry.key.span, "").with("is_same", says_the_same(file, &name, &value));
        hits.push(hit.with("name", name).with("forced", forced).with("value", value));
    }
    Ok(hits)
}

/// `synchronous_standby_names` that a person wrote.
pub fn standby_names(subject: &Subject<'_>) -> Found {
    let Some(global) = &subject.global else { return Ok(Vec::new()) };
    let written = entries(subject).filter(|entry| {
        entry.key.as_str().is_some_and(|name| name.eq_ignore_ascii_case("synchronous_standby_names"))
            && python::truthy(&entry.value.value)
    });
    Ok(written
        .map(|entry| {
            let hit = Hit::at(entry.key.span, "").with("value", shown(&entry.value));
            hit.with("is_synchronous", global.synchronous_mode)
        })
        .collect())
}

/// Settings below `postgresql` of a node's file that take the place of what the dynamic configuration says.
///
/// Source: patroni/config.py, `Config._build_effective_configuration`, 4.1.5.
pub fn overridden_settings(subject: &Subject<'_>) -> Found {
    let Some(document) = subject.configuration.and_then(|file| file.document.as_ref()) else { return Ok(Vec::new()) };
    let (Some(local), Some(dynamic)) = (
        document.get("postgresql").and_then(Node::as_mapping),
        subject.dynamic.and_then(|dynamic| dynamic.node.get("postgresql")?.as_mapping()),
    ) else {
        return Ok(Vec::new());
    };
    let shared = schema::names_below(Document::Dynamic, &["postgresql"]);
    let mut hits = Vec::new();
    for entry in local.effective() {
        let Some(name) = entry.key.as_str().filter(|name| *name != "use_slots" && shared.contains(name)) else {
            continue;
        };
        match (name, entry.value.as_mapping(), dynamic.get(name).and_then(Node::as_mapping)) {
            ("parameters", Some(own), Some(common)) => {
                for entry in own.effective() {
                    let Some(name) = entry.key.as_str().filter(|name| !Controlled::is_known(name)) else { continue };
                    let of_name = |other: &&Entry| other.key.as_str().is_some_and(|key| key.eq_ignore_ascii_case(name));
                    if let Some(other) = common.effective().find(of_name) {
                        hits.extend(overridden(entry, other, &format!("parameters.{name}")));
                    }
                }
            }
            ("parameters", ..) => {}
            _ => {
                if let Some(other) = dynamic.entry(name).filter(|other| other.value.value != Value::Null) {
                    hits.extend(overridden(entry, other, name));
                }
            }
        }
    }
    Ok(hits)
}

fn overridden(own: &Entry, common: &Entry, name: &str) -> Option<Hit> {
    let is_same = own.value == common.value
        || python::str(&own.value.value) == python::str(&common.value.value)
        || python::parse_bool(&own.value.value).is_some()
            && python::parse_bool(&own.value.value) == python::parse_bool(&common.value.value);
    if is_same {
        return None;
    }
    let mut hit = Hit::at(own.key.span, "this one counts on the node").with("name", name);
    hit.labels.push(Label { span: common.key.span, text: "this one counts on the others".to_owned() });
    let safety = ["synchronous_commit", "archive_", "restore_command", "ssl", "password_encryption", "fsync"];
    let parameter = name.strip_prefix("parameters.").unwrap_or_default();
    let is_weighty = safety.iter().any(|prefix| parameter.starts_with(prefix));
    Some(hit.with("own", shown(&own.value)).with("common", shown(&common.value)).with("is_weighty", is_weighty))
}

/// `wal_keep_segments` where the server has `wal_keep_size`, and the other way round.
///
/// Source: patroni/postgresql/config.py, `ConfigHandler.get_server_parameters`, 4.1.5.
pub fn converted_wal_keep(subject: &Subject<'_>) -> Found {
    let Some(parameters) = subject.dynamic.and_then(|dynamic| parameters(dynamic.node)) else { return Ok(Vec::new()) };
    let (segments, size) = (parameters.entry("wal_keep_segments"), parameters.entry("wal_keep_size"));
    if segments.or(size).is_none() {
        return Ok(Vec::new());
    }
    let version = subject.postgres().ok_or_else(no_version)?;
    let (entry, own) = match (segments, size) {
        (Some(entry), _) if 13 <= version.major() => (entry, "wal_keep_size"),
        (_, Some(entry)) if version.major() < 13 => (entry, "wal_keep_segments"),
        _ => return Ok(Vec::new()),
    };
    let is_both = segments.is_some() && size.is_some();
    let (name, value) = (shown(&entry.key), shown(&entry.value));
    let converted = match own {
        "wal_keep_size" => {
            python::parse_int(&entry.value.value, None).map(|count| format!("{}MB", count.saturating_mul(16)))
        }
        _ => python::parse_int(&entry.value.value, Some("MB")).map(|size| (size.saturating_add(8) / 16).to_string()),
    };
    let hit = Hit::at(entry.key.span, "").with("name", name).with("value", value).with("own", own);
    let hit = hit.with("is_both", is_both).with("converted", converted.unwrap_or_default());
    Ok(vec![hit.with("postgres", version.to_string())])
}

/// `hot_standby_feedback: off` where logical permanent slots make Patroni turn it on.
///
/// Source: patroni/postgresql/config.py, `ConfigHandler.write_postgresql_conf`, and patroni/dcs/__init__.py,
/// `Cluster.should_enforce_hot_standby_feedback`, 2.1.0 to 4.1.5.
pub fn enforced_feedback(subject: &Subject<'_>) -> Found {
    let is_logical = |slot: &Node| {
        let has = |name: &str| slot.get(name).is_some_and(|node| python::truthy(&node.value));
        slot.get("type").map_or(has("database") && has("plugin"), |kind| kind.as_str() == Some("logical"))
    };
    let slots = subject.dynamic.and_then(|dynamic| dynamic.node.get("slots")?.as_mapping());
    let Some(slot) = slots.and_then(|slots| slots.effective().find(|entry| is_logical(&entry.value))) else {
        return Ok(Vec::new());
    };
    let off = entries(subject).filter(|entry| {
        entry.key.as_str().is_some_and(|name| name.eq_ignore_ascii_case("hot_standby_feedback"))
            && python::parse_bool(&entry.value.value) == Some(false)
    });
    Ok(off
        .map(|entry| {
            let mut hit = Hit::at(entry.value.span, "").with("slot", shown(&slot.key));
            hit.labels.push(Label { span: slot.key.span, text: "a logical slot needs it".to_owned() });
            hit
        })
        .collect())
}

/// Archiving that is on and has nowhere to go.
pub fn idle_archiving(subject: &Subject<'_>) -> Found {
    let dynamic = subject.dynamic.and_then(|dynamic| parameters(dynamic.node));
    let local = subject.configuration.and_then(|file| parameters(file.document.as_ref()?));
    // What is stored in the DCS is judged once, with all files, any of which may hold the command.
    let is_stored = subject.scene.dynamic().is_some();
    let sets_command = |file: &&LocalConfiguration| {
        let parameters = file.document.as_ref().and_then(parameters);
        let names = ["archive_command", "archive_library"];
        parameters.is_some_and(|parameters| names.iter().any(|name| parameters.get(name).is_some()))
    };
    match subject.configuration {
        None if subject.scene.configurations.iter().any(sets_command) => return Ok(Vec::new()),
        Some(_) if is_stored && local.is_none_or(|local| local.get("archive_mode").is_none()) => return Ok(Vec::new()),
        _ => {}
    }
    let entry = |name: &str| [local, dynamic].into_iter().flatten().find_map(|mapping| mapping.entry(name));
    let is_set = |name: &str| entry(name).is_some_and(|entry| python::truthy(&entry.value.value));
    let Some(mode) = entry("archive_mode") else { return Ok(Vec::new()) };
    let is_on =
        python::parse_bool(&mode.value.value) == Some(true) || shown(&mode.value).eq_ignore_ascii_case("always");
    if !is_on || is_set("archive_library") {
        return Ok(Vec::new());
    }
    let Some(command) = entry("archive_command").filter(|_| is_set("archive_command")) else {
        return Ok(vec![Hit::at(mode.value.span, "").with("is_idle", false)]);
    };
    let text = shown(&command.value);
    let is_idle = ["true", "/bin/true", "/usr/bin/true", "exit 0", ":", "cd ."].contains(&text.trim());
    Ok(is_idle
        .then(|| Hit::at(command.value.span, "").with("is_idle", true).with("command", text))
        .into_iter()
        .collect())
}
