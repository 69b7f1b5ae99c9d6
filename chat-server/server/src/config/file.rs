//! The configuration file. It is walked by hand rather than by a derived reader:
//! every value then has its line, and every mistake the keys that exist there.

use std::ops::Range;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{ConfigError, Draft, KEYS, Place, allowed};

pub(super) fn read(path: &Path, draft: &mut Draft) -> Result<(), ConfigError> {
    let text =
        std::fs::read_to_string(path).map_err(|error| ConfigError::Read(path.to_owned(), error))?;
    let file = File { path, text: &text };
    let table = DeTable::parse(&text).map_err(|error| ConfigError::Syntax {
        place: file.place(error.span().unwrap_or_default()),
        message: error.message().to_owned(),
    })?;
    file.table("", table.get_ref(), draft)
}

struct File<'a> {
    path: &'a Path,
    text: &'a str,
}

impl File<'_> {
    fn place(&self, span: Range<usize>) -> Place {
        let before = self.text.get(..span.start).unwrap_or(self.text);
        Place::File {
            path: self.path.to_owned(),
            line: before.matches('\n').count() + 1,
        }
    }

    /// Reads a table whose keys begin with `prefix` (empty, or ending in a dot).
    fn table(
        &self,
        prefix: &str,
        table: &DeTable<'_>,
        draft: &mut Draft,
    ) -> Result<(), ConfigError> {
        for (name, value) in table {
            let key = format!("{prefix}{}", name.get_ref());
            let inner = format!("{key}.");
            if KEYS.iter().any(|(known, _)| *known == key) {
                self.value(&key, value, draft)?;
            } else if KEYS.iter().any(|(known, _)| known.starts_with(&inner)) {
                let Some(table) = value.get_ref().as_table() else {
                    return Err(self.wrong(&key, value, &format!("a table; {}", keys_of(&inner))));
                };
                self.table(&inner, table, draft)?;
            } else {
                return Err(ConfigError::UnknownKey {
                    place: self.place(name.span()),
                    key,
                    allowed: keys_of(prefix),
                });
            }
        }
        Ok(())
    }

    fn value(
        &self,
        key: &str,
        value: &Spanned<DeValue<'_>>,
        draft: &mut Draft,
    ) -> Result<(), ConfigError> {
        let text = match value.get_ref() {
            DeValue::String(text) => Some(text.to_string()),
            // Only plain decimal numbers: what a person wrote is what is read.
            DeValue::Integer(number) if number.radix() == 10 => Some(number.to_string()),
            _ => None,
        };
        let is_number = matches!(value.get_ref(), DeValue::Integer(_));
        // A number where a text is wanted is a mistake, and the other way round.
        let takes_number = key == "database.max_connections";
        if is_number == takes_number && text.is_some_and(|text| draft.set(key, &text)) {
            Ok(())
        } else {
            Err(self.wrong(key, value, allowed(key)))
        }
    }

    fn wrong(&self, key: &str, value: &Spanned<DeValue<'_>>, allowed: &str) -> ConfigError {
        let found = match value.get_ref() {
            // It may hold a password.
            DeValue::String(_) if key == "database.url" => "something else".to_owned(),
            DeValue::String(text) => format!("{text:?}"),
            DeValue::Integer(number) => number.to_string(),
            other => format!("of type {}", other.type_str()),
        };
        ConfigError::WrongValue {
            place: self.place(value.span()),
            key: key.to_owned(),
            found,
            allowed: allowed.to_owned(),
        }
    }
}

/// The keys that exist below a prefix, in words.
fn keys_of(prefix: &str) -> String {
    let mut names: Vec<&str> = KEYS
        .iter()
        .filter_map(|(key, _)| key.strip_prefix(prefix))
        .map(|rest| rest.split_once('.').map_or(rest, |(table, _)| table))
        .collect();
    names.dedup();
    let place = match prefix.strip_suffix('.') {
        Some(table) => format!("[{table}] has"),
        None => "the keys are".to_owned(),
    };
    format!("{place}: {}", names.join(", "))
}
