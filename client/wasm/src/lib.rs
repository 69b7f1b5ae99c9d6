//! The Chatalot client machine in the browser: bindings only.
