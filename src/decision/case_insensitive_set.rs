//! Names of nodes as Patroni compares them: in any case of letters.

use std::fmt;

use crate::parse::python;

/// A set of names that differ in more than the case of their letters; each is kept as it was written last, in the place
/// where it came first.
///
/// Source: patroni/collections.py, `CaseInsensitiveSet`, and Python's `collections.abc.Set`, 4.1.5.
#[derive(Clone, Debug, Default)]
pub struct CaseInsensitiveSet {
    /// The name in lower case, and as written.
    values: Vec<(String, String)>,
}

impl CaseInsensitiveSet {
    /// The names as written, in their order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.values.iter().map(|(_, name)| name.as_str())
    }

    /// The names as written, sorted as Python sorts them: capital letters before small ones.
    pub fn sorted(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.iter().collect();
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
        self.has(&name.to_lowercase())
    }

    /// Adds `name`, written like that.
    pub fn add(&mut self, name: &str) {
        let lower = name.to_lowercase();
        match self.values.iter_mut().find(|(known, _)| *known == lower) {
            Some((_, known)) => name.clone_into(known),
            None => self.values.push((lower, name.to_owned())),
        }
    }

    /// `self <= other`
    pub fn is_subset(&self, other: &Self) -> bool {
        self.len() <= other.len() && self.values.iter().all(|(lower, _)| other.has(lower))
    }

    /// `self < other`
    pub fn is_proper_subset(&self, other: &Self) -> bool {
        self.len() < other.len() && self.is_subset(other)
    }

    /// `self | other`; a name in both is written as in `other`.
    pub fn union(&self, other: &Self) -> Self {
        let mut set = self.clone();
        other.iter().for_each(|name| set.add(name));
        set
    }

    /// `self & other`; the names are written as in `other`, and in its order.
    pub fn intersection(&self, other: &Self) -> Self {
        other.filtered(|lower| self.has(lower))
    }

    /// `self - other`
    pub fn difference(&self, other: &Self) -> Self {
        self.filtered(|lower| !other.has(lower))
    }

    /// This set and `name`, written like that.
    pub fn with(&self, name: &str) -> Self {
        let mut set = self.clone();
        set.add(name);
        set
    }

    fn has(&self, lower: &str) -> bool {
        self.values.iter().any(|(known, _)| known == lower)
    }

    fn filtered(&self, keep: impl Fn(&str) -> bool) -> Self {
        Self { values: self.values.iter().filter(|(lower, _)| keep(lower)).cloned().collect() }
    }
}

impl PartialEq for CaseInsensitiveSet {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.is_subset(other)
    }
}

impl Eq for CaseInsensitiveSet {}

impl<N: AsRef<str>> FromIterator<N> for CaseInsensitiveSet {
    fn from_iter<I: IntoIterator<Item = N>>(names: I) -> Self {
        let mut set = Self::default();
        names.into_iter().for_each(|name| set.add(name.as_ref()));
        set
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
        assert_eq!(set("b a B").iter().collect::<Vec<_>>(), ["B", "a"]);
        assert_eq!(set("b c a").intersection(&set("A x B")).iter().collect::<Vec<_>>(), ["A", "B"]);
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
