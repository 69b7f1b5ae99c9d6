//! The Chatalot client machine: one sans-IO state machine for browser, command line, bots and tests.
