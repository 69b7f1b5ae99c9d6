//! The part of the environment that configures a server, read once.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::{ConfigError, Draft, Place, allowed};

/// The variables that set a key, and which key.
pub const VARIABLES: &[(&str, &str)] = &[
    ("DATABASE_URL", "database.url"),
    ("CHATALOT_LISTEN", "listen"),
    ("CHATALOT_PUBLIC_URL", "public_url"),
    ("CHATALOT_LOG", "log.filter"),
];

/// Names the configuration file when no argument does.
const CONFIG_FILE: &str = "CHATALOT_CONFIG";

/// The environment as it was when the program started.
#[derive(Clone, Default)]
pub struct Environment {
    config_file: Option<PathBuf>,
    values: HashMap<&'static str, String>,
}

impl Environment {
    /// Takes what matters out of all variables. An empty one counts as unset:
    /// that is how a compose file leaves something out.
    pub fn of(variables: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut environment = Self::default();
        for (name, value) in variables {
            if value.is_empty() {
                continue;
            }
            if name == CONFIG_FILE {
                environment.config_file = Some(value.into());
            } else if let Some((name, _)) = VARIABLES.iter().find(|(known, _)| *known == name) {
                environment.values.insert(name, value);
            }
        }
        environment
    }

    /// Takes what matters out of the environment of this process.
    #[must_use]
    pub fn of_process() -> Self {
        // Values that are not text are somebody else's: ours are.
        Self::of(std::env::vars_os().filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        }))
    }

    pub(super) fn config_file(&self) -> Option<&Path> {
        self.config_file.as_deref()
    }

    pub(super) fn read(&self, draft: &mut Draft) -> Result<(), ConfigError> {
        for (variable, key) in VARIABLES {
            let Some(value) = self.values.get(variable) else {
                continue;
            };
            if !draft.set(key, value) {
                return Err(ConfigError::WrongValue {
                    place: Place::Variable(variable),
                    key: (*key).to_owned(),
                    // The database's URL may hold a password: not in a message.
                    found: if *key == "database.url" {
                        "something else".to_owned()
                    } else {
                        format!("{value:?}")
                    },
                    allowed: allowed(key).to_owned(),
                });
            }
        }
        Ok(())
    }
}
