//! The pure rules of a Chatalot server: names, invites, permissions, no clock and no I/O.
