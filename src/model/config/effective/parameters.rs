//! The parameters of PostgreSQL that Patroni controls: they are set through the dynamic configuration alone.

use crate::model::behaviour::{Behaviour, Behaviours};
use crate::model::cluster::Raised;
use crate::parse::python;
use crate::parse::tree::Value;

/// A parameter that Patroni passes to PostgreSQL on its command line.
///
/// Source: patroni/postgresql/config.py, `ConfigHandler.CMDLINE_OPTIONS`, 2.0.0 to 4.1.5.
#[derive(Clone, Copy, Debug)]
pub struct Controlled {
    /// Its name.
    pub name: &'static str,
    /// The value when nothing else is set; `None` where Patroni finds it elsewhere.
    pub default: Option<Fixed>,
    /// Which values are taken.
    pub check: Check,
    /// Whether the default is part of the configuration; otherwise PostgreSQL's version decides.
    pub is_preset: bool,
}

/// A constant.
#[derive(Clone, Copy, Debug)]
pub enum Fixed {
    /// A number.
    Int(i128),
    /// A text.
    Text(&'static str),
}

/// Which values Patroni takes for a parameter.
#[derive(Clone, Copy, Debug)]
pub enum Check {
    /// None: it is set from elsewhere, as the text says.
    Elsewhere(&'static str),
    /// `on` alone.
    On,
    /// `on`, since 4.0.0 `off`, too.
    OnUntil4,
    /// A boolean.
    Bool,
    /// `hot_standby`, `replica` or `logical`.
    WalLevel,
    /// A number of at least `min`, in `unit`.
    AtLeast {
        /// The least number.
        min: i128,
        /// The base unit.
        unit: Option<&'static str>,
    },
}

/// What becomes of a value in the dynamic configuration.
#[derive(Clone, Debug, PartialEq)]
pub enum Judged {
    /// It is used, in this form.
    Used(Value),
    /// The default is used instead.
    Refused,
}

const fn at_least(name: &'static str, default: i128, min: i128) -> Controlled {
    Controlled { name, default: Some(Fixed::Int(default)), check: Check::AtLeast { min, unit: None }, is_preset: true }
}

/// All of them, in Patroni's order.
pub const CONTROLLED: &[Controlled] = &[
    Controlled {
        name: "listen_addresses",
        default: None,
        check: Check::Elsewhere("postgresql.listen"),
        is_preset: true,
    },
    Controlled { name: "port", default: None, check: Check::Elsewhere("postgresql.listen"), is_preset: true },
    Controlled { name: "cluster_name", default: None, check: Check::Elsewhere("scope"), is_preset: true },
    Controlled {
        name: "wal_level",
        default: Some(Fixed::Text("hot_standby")),
        check: Check::WalLevel,
        is_preset: true,
    },
    Controlled { name: "hot_standby", default: Some(Fixed::Text("on")), check: Check::On, is_preset: true },
    at_least("max_connections", 100, 25),
    at_least("max_wal_senders", 10, 3),
    Controlled { is_preset: false, ..at_least("wal_keep_segments", 8, 1) },
    Controlled {
        name: "wal_keep_size",
        default: Some(Fixed::Text("128MB")),
        check: Check::AtLeast { min: 16, unit: Some("MB") },
        is_preset: false,
    },
    at_least("max_prepared_transactions", 0, 0),
    at_least("max_locks_per_transaction", 64, 32),
    Controlled {
        name: "track_commit_timestamp",
        default: Some(Fixed::Text("off")),
        check: Check::Bool,
        is_preset: true,
    },
    at_least("max_replication_slots", 10, 4),
    at_least("max_worker_processes", 8, 2),
    Controlled { name: "wal_log_hints", default: Some(Fixed::Text("on")), check: Check::OnUntil4, is_preset: true },
];

impl Fixed {
    /// As a value.
    pub fn value(self) -> Value {
        match self {
            Self::Int(number) => Value::Int(number),
            Self::Text(text) => Value::String(text.to_owned()),
        }
    }
}

impl Check {
    /// What it asks for, in words.
    pub fn wants(self, behaviours: Behaviours) -> String {
        match self {
            Self::Elsewhere(setting) => format!("it is set from {setting}"),
            Self::OnUntil4 if behaviours.has(Behaviour::WalLogHintsMayBeOff) => "it has to be a boolean".to_owned(),
            Self::On | Self::OnUntil4 => "it is always on".to_owned(),
            Self::Bool => "it has to be a boolean".to_owned(),
            Self::WalLevel => "it has to be replica or logical".to_owned(),
            Self::AtLeast { min, unit } => {
                format!("it has to be a number of at least {min}{}", unit.unwrap_or_default())
            }
        }
    }
}

impl Controlled {
    /// Whether Patroni controls the parameter of this name, in any case.
    pub fn is_known(name: &str) -> bool {
        Self::find(name).is_some()
    }

    /// The controlled parameter of this name, in any case.
    pub fn find(name: &str) -> Option<&'static Self> {
        CONTROLLED.iter().find(|controlled| controlled.name.eq_ignore_ascii_case(name))
    }

    /// Judges a value in the dynamic configuration.
    ///
    /// Source: patroni/config.py, `Config._process_postgresql_parameters`; patroni/validator.py, `IntValidator` and
    /// `EnumValidator`; 2.0.0 to 4.1.5.
    ///
    /// # Errors
    ///
    /// Patroni raises an exception, and so rejects the whole dynamic configuration.
    pub fn judge(&self, value: &Value, behaviours: Behaviours) -> Result<Judged, Raised> {
        let parse_bool = || python::parse_bool(value);
        let takes_on = behaviours.has(Behaviour::ForcedParametersMayBeOn);
        let is_fine = match self.check {
            Check::Elsewhere(_) => false,
            Check::OnUntil4 if behaviours.has(Behaviour::WalLogHintsMayBeOff) => parse_bool().is_some(),
            Check::On | Check::OnUntil4 => takes_on && parse_bool() == Some(true),
            Check::Bool => parse_bool().is_some(),
            Check::WalLevel => match exposed(value) {
                Value::String(text) => ["hot_standby", "replica", "logical"].contains(&text.to_lowercase().as_str()),
                Value::Binary(_) if !behaviours.has(Behaviour::ControlledParametersAreJudged) => false,
                other if !behaviours.has(Behaviour::ControlledParametersAreJudged) => {
                    return Err(Raised::no_attribute(other, "lower"));
                }
                _ => false,
            },
            Check::AtLeast { min, unit } => return self.judge_number(value, min, unit, behaviours),
        };
        Ok(if is_fine { Judged::Used(value.clone()) } else { Judged::Refused })
    }

    fn judge_number(
        &self,
        value: &Value,
        min: i128,
        unit: Option<&str>,
        behaviours: Behaviours,
    ) -> Result<Judged, Raised> {
        let parsed = || python::parse_int(value, unit);
        if !behaviours.has(Behaviour::ControlledParametersAreJudged) {
            let number = match unit {
                None => int(value)?,
                Some(_) => parsed().ok_or_else(|| {
                    Raised::new("TypeError", "'>=' not supported between instances of 'NoneType' and 'int'")
                })?,
            };
            return Ok(if min <= number { Judged::Used(value.clone()) } else { Judged::Refused });
        }
        let number = match exposed(value) {
            _ if unit.is_some() || behaviours.has(Behaviour::ControlledNumbersMayBeText) => parsed(),
            Value::Int(number) => Some(*number),
            Value::Bool(truth) => Some(i128::from(*truth)),
            _ => None,
        };
        if number.is_none_or(|number| number < min) {
            return Ok(Judged::Refused);
        }
        Ok(Judged::Used(if behaviours.has(Behaviour::ControlledNumbersAreConverted) {
            python::parse_int(value, None).map_or_else(|| value.clone(), Value::Int)
        } else if behaviours.has(Behaviour::ControlledNumbersMustBePlain) {
            Value::Int(int(value)?)
        } else {
            value.clone()
        }))
    }
}

/// `int(value)`
///
/// # Errors
///
/// Python's, for what is no number.
pub(super) fn int(value: &Value) -> Result<i128, Raised> {
    python::int(value).ok_or_else(|| match exposed(value) {
        Value::Null | Value::Sequence(_) | Value::Mapping(_) | Value::Timestamp(_) => Raised::new(
            "TypeError",
            format!(
                "int() argument must be a string, a bytes-like object or a real number, not '{}'",
                python::type_name(value)
            ),
        ),
        Value::Float(number) if number.is_infinite() => {
            Raised::new("OverflowError", "cannot convert float infinity to integer")
        }
        Value::Float(_) => Raised::new("ValueError", "cannot convert float NaN to integer"),
        Value::String(text) if !matches!(value, Value::Secret(_)) => {
            Raised::new("ValueError", format!("invalid literal for int() with base 10: {}", python::quoted(text)))
        }
        _ => Raised::new("ValueError", "invalid literal for int() with base 10"),
    })
}

/// The value that a secret hides.
pub(super) fn exposed(value: &Value) -> &Value {
    match value {
        Value::Secret(secret) => secret.expose(),
        value => value,
    }
}
