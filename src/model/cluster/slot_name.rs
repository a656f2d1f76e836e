//! Names of replication slots.

/// The longest name that Patroni makes, in characters.
///
/// Source: patroni/dcs/__init__.py, `slot_name_from_member_name`, 4.1.5.
const MAX_LENGTH: usize = 63;

/// `slot_name_from_member_name(member_name)`: lower case, `_` for `-` and `.`, `u` and the code point for anything else
/// that a slot's name cannot hold. Several names can lead to one slot.
///
/// Source: patroni/dcs/__init__.py, `slot_name_from_member_name`, 4.1.5.
pub fn slot_name_from_member_name(member_name: &str) -> String {
    let mut slot_name = String::new();
    for letter in member_name.to_lowercase().chars() {
        match letter {
            'a'..='z' | '0'..='9' | '_' => slot_name.push(letter),
            '-' | '.' => slot_name.push('_'),
            _ => slot_name.push_str(&format!("u{:04}", u32::from(letter))),
        }
    }
    slot_name.truncate(MAX_LENGTH);
    slot_name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_slots_as_patroni() {
        let check = |name: &str, slot: &str| assert_eq!(slot_name_from_member_name(name), slot, "{name}");
        check("pg-1.example.com", "pg_1_example_com");
        check("PG1", "pg1");
        check("pg 1", "pgu00321");
        check("é", "u0233");
        check(&"x".repeat(70), &"x".repeat(63));
    }
}
