//! Python's own conversions of values, as Patroni's code meets them.

use crate::parse::tree::{Node, Value};

/// `bool(value)`
pub fn truthy(_value: &Value) -> bool {
    unimplemented!()
}

/// `str(value)`; of collections and floats as Python prints them.
pub fn str(_value: &Value) -> String {
    unimplemented!()
}

/// `int(value)`; `None` where Python raises `TypeError` or `ValueError` (or `OverflowError`).
pub fn int(_value: &Value) -> Option<i128> {
    unimplemented!()
}

/// `patroni.utils.parse_bool`
pub fn parse_bool(_value: &Value) -> Option<bool> {
    unimplemented!()
}

/// `patroni.utils.parse_int(value, base_unit)`
pub fn parse_int(_value: &Value, _base_unit: Option<&str>) -> Option<i128> {
    unimplemented!()
}

/// `value.get(key)` with Python's default `None` for a missing key, on a mapping.
pub fn get<'a>(node: &'a Node, key: &str) -> Option<&'a Node> {
    node.get(key)
}

/// `type(value).__name__`
pub fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "NoneType",
        Value::Bool(_) => "bool",
        Value::Int(_) => "int",
        Value::Float(_) => "float",
        Value::String(_) => "str",
        Value::Timestamp(text) if text.len() <= 10 => "date",
        Value::Timestamp(_) => "datetime",
        Value::Binary(_) => "bytes",
        Value::Sequence(_) => "list",
        Value::Mapping(_) => "dict",
        Value::Secret(secret) => type_name(secret.expose()),
    }
}

/// `text.strip()`
pub fn strip(text: &str) -> &str {
    text.trim_matches(|character: char| character.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&character))
}
