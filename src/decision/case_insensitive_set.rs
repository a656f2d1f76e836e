//! Names of nodes as Patroni compares them: in any case of letters.

use std::collections::BTreeMap;
use std::fmt;

use crate::parse::python;

/// A set of names that differ in more than the case of their letters; each is kept as it was written last.
///
/// The order in which Python iterates over such a set never shows in a decision, so it is not kept.
///
/// Source: patroni/collections.py, `CaseInsensitiveSet`, and Python's `collections.abc.Set`, 4.1.5.
#[derive(Clone, Debug, Default)]
pub struct CaseInsensitiveSet {
    /// The names as written, by the name in lower case.
    values: BTreeMap<String, String>,
}

impl CaseInsensitiveSet {
    /// The names as written, sorted as Python sorts them: capital letters before small ones.
    pub fn sorted(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.values.values().map(String::as_str).collect();
        names.sort_unstable();
        names
    }

    /// How many names there are.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Whether `name` is one of them.
    pub fn contains(&self, name: &str) -> bool {
        self.values.contains_key(&name.to_lowercase())
    }

    /// `self <= other`
    pub fn is_subset(&self, other: &Self) -> bool {
        self.values.keys().all(|key| other.values.contains_key(key))
    }

    /// `self < other`
    pub fn is_proper_subset(&self, other: &Self) -> bool {
        self.len() < other.len() && self.is_subset(other)
    }

    /// `self | other`; a name in both is written as in `other`.
    pub fn union(&self, other: &Self) -> Self {
        let mut values = self.values.clone();
        values.extend(other.values.iter().map(|(key, name)| (key.clone(), name.clone())));
        Self { values }
    }

    /// `self & other`; the names are written as in `other`.
    pub fn intersection(&self, other: &Self) -> Self {
        other.filtered(|key| self.values.contains_key(key))
    }

    /// `self - other`
    pub fn difference(&self, other: &Self) -> Self {
        self.filtered(|key| !other.values.contains_key(key))
    }

    /// This set and `name`, written like that.
    pub fn with(&self, name: &str) -> Self {
        let mut set = self.clone();
        set.values.insert(name.to_lowercase(), name.to_owned());
        set
    }

    fn filtered(&self, keep: impl Fn(&str) -> bool) -> Self {
        let kept = self.values.iter().filter(|(key, _)| keep(key));
        Self { values: kept.map(|(key, name)| (key.clone(), name.clone())).collect() }
    }
}

impl PartialEq for CaseInsensitiveSet {
    fn eq(&self, other: &Self) -> bool {
        self.values.keys().eq(other.values.keys())
    }
}

impl Eq for CaseInsensitiveSet {}

impl<N: Into<String>> FromIterator<N> for CaseInsensitiveSet {
    fn from_iter<I: IntoIterator<Item = N>>(names: I) -> Self {
        let names = names.into_iter().map(Into::into);
        Self { values: names.map(|name: String| (name.to_lowercase(), name)).collect() }
    }
}

/// As Python prints a set. There the order differs from one process to the next; here the names are sorted.
impl fmt::Display for CaseInsensitiveSet {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return formatter.write_str("set()");
        }
        let names: Vec<String> = self.sorted().into_iter().map(python::quoted).collect();
        write!(formatter, "{{{}}}", names.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(names: &str) -> CaseInsensitiveSet {
        names.split_whitespace().collect()
    }

    #[test]
    fn operations_choose_the_spelling_that_python_chooses() {
        let check = |result: CaseInsensitiveSet, expected: &str| {
            assert_eq!(result.sorted().join(" "), expected);
        };
        check(set("1 test Test TESt test2"), "1 TESt test2");
        check(set("a B").union(&set("b c")), "a b c");
        check(set("a B c").intersection(&set("b C d")), "C b");
        check(set("A b").difference(&set("B")), "A");
        check(set("A b").with("B"), "A B");
        check(set("b B a Z"), "B Z a");
    }

    #[test]
    fn comparisons_ignore_the_case() {
        assert_eq!(set("A b"), set("B a"));
        assert_ne!(set("a"), set("a b"));
        assert!(set("ÉTÉ").contains("été"));
        assert!(set("a").is_subset(&set("A")) && !set("a").is_proper_subset(&set("A")));
        assert!(set("a").is_proper_subset(&set("B A")) && !set("c").is_subset(&set("a b")));
    }

    #[test]
    fn prints_like_python() {
        assert_eq!(set("").to_string(), "set()");
        assert_eq!(set("b A o'7").to_string(), r#"{'A', 'b', "o'7"}"#);
    }
}
