//! The real parts that tests and 'cargo xtask up' start: PostgreSQL, server, browser, ports.
