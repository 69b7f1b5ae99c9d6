//! The only SQL of the Chatalot server.
