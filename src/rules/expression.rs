//! The Jinja expressions and templates of rule pages.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use minijinja::{Environment, Error, ErrorKind, Expression, UndefinedBehavior, Value};

use crate::model::version::PatroniVersion;
use crate::parse::python;
use crate::parse::tree;

/// The language of rule pages: Jinja with strict undefined values, and
///
/// - the test `version`: `patroni is version('>= 4.0.0, < 4.0.6')`; alternatives are separated by `|`;
/// - the filter `bytes`: a number of bytes as people read it;
/// - the filter `names`: the `name` of every item, joined by commas;
/// - the test `boolean_like`: whether Patroni's `parse_bool` understands the value.
pub fn environment() -> &'static Environment<'static> {
    static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(language);
    &ENVIRONMENT
}

fn language() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.add_test("version", |version: &str, condition: &str| {
        let version = version.parse::<PatroniVersion>().map_err(|error| invalid(error.to_string()))?;
        for alternative in condition.split('|') {
            if version.fulfils(alternative).map_err(invalid)? {
                return Ok(true);
            }
        }
        Ok::<bool, Error>(false)
    });
    environment.add_test("boolean_like", |value: &Value| match value.as_str() {
        Some(text) => python::parse_bool(&tree::Value::String(text.to_owned())).is_some(),
        None => {
            value == &Value::from(true)
                || value == &Value::from(false)
                || value == &Value::from(0)
                || value == &Value::from(1)
        }
    });
    environment.add_filter("bytes", |bytes: i64| human_bytes(bytes));
    environment.add_filter("names", |items: &Value| -> Result<String, Error> {
        let mut names = Vec::new();
        for item in items.try_iter()? {
            let name = item.get_attr("name").ok().filter(|name| !name.is_undefined()).unwrap_or(item);
            names.push(name.to_string());
        }
        Ok(names.join(", "))
    });
    environment
}

/// The conditions that were asked for, compiled.
///
/// A compiled condition takes some ten thousand bytes, of which most conditions need next to none, and most are asked once in
/// a run on one file: it is kept from the second time on.
#[derive(Default)]
pub struct Conditions(Mutex<HashMap<String, Option<Arc<Expression<'static, 'static>>>>>);

impl Conditions {
    /// Whether a condition holds.
    ///
    /// # Errors
    ///
    /// It reads a value that is not there or is of another type, or is not written in the language of rule pages.
    pub fn holds(&self, condition: &str, values: &Value) -> Result<bool, Error> {
        let asked = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = asked().get(condition).cloned();
        let was_asked = known.is_some();
        let value = match known.flatten() {
            Some(expression) => expression.eval(values)?,
            None => {
                let expression = environment().compile_expression_owned(condition.to_owned())?;
                let value = expression.eval(values);
                asked().insert(condition.to_owned(), was_asked.then(|| Arc::new(expression)));
                value?
            }
        };
        if value.is_undefined() {
            return Err(Error::new(ErrorKind::UndefinedError, "the condition is undefined"));
        }
        Ok(value.is_true())
    }
}

/// Bytes as people read them, with the exact number when it was rounded: `22.0 MiB (23068672 bytes)`.
fn human_bytes(bytes: i64) -> String {
    const UNITS: [(&str, i64); 3] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("kiB", 1 << 10)];
    match UNITS.iter().find(|(_, size)| *size <= bytes) {
        Some((unit, size)) if bytes % size == 0 => format!("{} {unit}", bytes / size),
        Some((unit, size)) => format!("{:.1} {unit} ({bytes} bytes)", bytes as f64 / *size as f64),
        None => format!("{bytes} bytes"),
    }
}

fn invalid(message: String) -> Error {
    Error::new(ErrorKind::InvalidOperation, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_read_well() {
        let check = |bytes: i64, expected: &str| assert_eq!(human_bytes(bytes), expected);
        check(0, "0 bytes");
        check(1_048_576, "1 MiB");
        check(22_931_984, "21.9 MiB (22931984 bytes)");
        check(1500, "1.5 kiB (1500 bytes)");
    }
}
